use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool::managed::{Object, ObjectId, Pool, PoolError, TimeoutType, Timeouts};
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnectOptions;

use super::connection::{Connection, Opener};
use crate::database::Holder;

/// How long a connection may take to say that it was rolled back; then it is replaced.
const RECYCLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections of one sort, the writer or the readers, and what each is busy with.
pub(super) struct Lane {
    pool: Pool<Opener>,
    held: Mutex<HashMap<ObjectId, (bool, Instant)>>,
}

/// Why there is no connection.
pub(super) enum NoConnection {
    Closed,
    /// All are busy; what the one held for longest is busy with.
    Busy(Option<Holder>),
    Open(sqlx::Error),
    /// Opening took too long.
    Slow,
}

/// A connection that is held. Dropping it gives it back.
pub(super) struct Lease {
    object: Option<Object<Opener>>,
    lane: Arc<Lane>,
}

impl Lane {
    pub(super) fn new(options: SqliteConnectOptions, size: usize, wait: Duration, create: Duration) -> Arc<Self> {
        let timeouts = Timeouts { wait: Some(wait), create: Some(create), recycle: Some(RECYCLE_TIMEOUT) };
        let pool = Pool::builder(Opener { options })
            .max_size(size)
            .timeouts(timeouts)
            .queue_mode(deadpool::managed::QueueMode::Lifo)
            .runtime(deadpool::Runtime::Tokio1)
            .build();
        let pool = pool.expect("time-outs have a runtime");
        Arc::new(Self { pool, held: Mutex::default() })
    }

    pub(super) async fn lease(self: &Arc<Self>, transaction: bool) -> Result<Lease, NoConnection> {
        let object = self.pool.get().await.map_err(|error| match error {
            PoolError::Closed => NoConnection::Closed,
            PoolError::Backend(error) => NoConnection::Open(error),
            PoolError::Timeout(TimeoutType::Wait) => NoConnection::Busy(self.longest()),
            // Of the rest, only the time-out of opening is in use.
            _ => NoConnection::Slow,
        })?;
        self.held().insert(Object::id(&object), (transaction, Instant::now()));
        Ok(Lease { object: Some(object), lane: Arc::clone(self) })
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
