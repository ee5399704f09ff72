use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool::managed::{Object, ObjectId, Pool, PoolError, Timeouts};
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnectOptions;

use super::connection::{Connection, Opener};
use crate::database::Holder;
use crate::database::plan::PoolPlan;
use crate::database::pool_counters::PoolCounters;

/// How long a connection may take to say that it was rolled back; then it is replaced.
const RECYCLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections of one sort, the writer or the readers, and what each is busy with.
pub(super) struct Lane {
    pool: Pool<Opener>,
    held: Mutex<HashMap<ObjectId, (bool, Instant)>>,
    size: usize,
    /// How long to wait for a connection, opening it included.
    patience: Duration,
    counters: Arc<PoolCounters>,
}

/// How many connections of a lane there are.
pub(super) struct Count {
    pub(super) used: usize,
    pub(super) idle: usize,
    pub(super) waiting: usize,
}

/// Why there is no connection.
pub(super) enum NoConnection {
    Closed,
    /// All are busy; what the one held for longest is busy with.
    Busy(Option<Holder>),
    Open(sqlx::Error),
    /// Opening took longer than this.
    Slow(Duration),
}

/// A connection that is held. Dropping it gives it back.
pub(super) struct Lease {
    object: Option<Object<Opener>>,
    lane: Arc<Lane>,
}

impl Lane {
    pub(super) fn new(
        options: SqliteConnectOptions,
        size: usize,
        plan: &PoolPlan,
        counters: Arc<PoolCounters>,
    ) -> Arc<Self> {
        let timeouts = Timeouts { wait: None, create: Some(plan.create_timeout), recycle: Some(RECYCLE_TIMEOUT) };
        let pool = Pool::builder(Opener { options, counters: Arc::clone(&counters) })
            .max_size(size)
            .timeouts(timeouts)
            .queue_mode(deadpool::managed::QueueMode::Lifo)
            .runtime(deadpool::Runtime::Tokio1)
            .build();
        let pool = pool.expect("time-outs have a runtime");
        Arc::new(Self { pool, held: Mutex::default(), size, patience: plan.acquire_timeout, counters })
    }

    pub(super) async fn lease(self: &Arc<Self>, transaction: bool) -> Result<Lease, NoConnection> {
        let asked = Instant::now();
        let object = match tokio::time::timeout(self.patience, self.pool.get()).await {
            Ok(got) => got.map_err(|error| self.failure(error))?,
            Err(_) => {
                self.counters.error();
                return Err(self.waited_in_vain());
            }
        };
        let got = Instant::now();
        self.counters.acquired(got - asked);
        self.held().insert(Object::id(&object), (transaction, got));
        Ok(Lease { object: Some(object), lane: Arc::clone(self) })
    }

    fn failure(&self, error: PoolError<sqlx::Error>) -> NoConnection {
        match error {
            PoolError::Closed => NoConnection::Closed,
            PoolError::Backend(error) => NoConnection::Open(error),
            // Of the rest, only the time-out of opening is in use.
            _ => {
                self.counters.error();
                NoConnection::Slow(self.pool.timeouts().create.unwrap_or_default())
            }
        }
    }

    fn waited_in_vain(&self) -> NoConnection {
        match self.pool.status().size < self.size {
            true => NoConnection::Slow(self.patience),
            false => NoConnection::Busy(self.longest()),
        }
    }

    pub(super) fn count(&self) -> Count {
        let (used, status) = (self.held().len(), self.pool.status());
        Count { used, idle: status.size.saturating_sub(used), waiting: status.waiting }
    }

    /// Closes those that are idle, and the others when they are given back.
    pub(super) async fn close(&self) {
        let idle = self.pool.retain(|_, _| false).removed;
        self.pool.close();
        for connection in idle {
            if let Err(error) = connection.sqlite.close().await {
                tracing::debug!("closing a connection: {error}");
            }
        }
    }

    fn longest(&self) -> Option<Holder> {
        let longest = self.held().values().copied().min_by_key(|(_, since)| *since);
        longest.map(|(transaction, since)| Holder { transaction, age: since.elapsed() })
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<ObjectId, (bool, Instant)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    pub(super) fn connection(&mut self) -> &mut Connection {
        self.object.as_mut().expect("it is there until this is dropped")
    }

    /// Closes the connection, ending what runs on it: another is opened when needed.
    pub(super) fn discard(mut self) {
        self.connection().signals.interrupt.store(true, std::sync::atomic::Ordering::Relaxed);
        if let Some(object) = self.release() {
            drop(Object::take(object));
        }
    }

    fn release(&mut self) -> Option<Object<Opener>> {
        let object = self.object.take()?;
        self.lane.held().remove(&Object::id(&object));
        Some(object)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.release());
    }
}
