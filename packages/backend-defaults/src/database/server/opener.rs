use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use sqlx::Connection as _;
use tokio::time::timeout;

use super::budget::{Grant, Seat, Slot};
use super::watch::{Watch, session_of};
use super::{ConnectError, Engine};
use crate::database::plan::PoolPlan;
use crate::database::pool_counters::{Counted, PoolCounters};

/// How long a connection may lie before it is looked at when it is used again.
const TRUSTED_FOR: Duration = Duration::from_secs(5);
/// How long a connection may take to say that it is alive.
const PING_TIMEOUT: Duration = Duration::from_secs(1);
/// How long it may take to say that it was rolled back, or is another plugin's.
pub(super) const TIDY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens connections within the budget, and looks at them before they are used again.
pub(super) struct Opener<E: Engine> {
    pub(super) engine: E,
    pub(super) seat: Seat<E::Connection>,
    pub(super) counters: Arc<PoolCounters>,
    plan: PoolPlan,
    /// Whether what fails is told at once, whatever the plan says.
    pub(super) impatient: AtomicBool,
    pub(super) watch: Watch,
    /// When and why one could not be opened, the last time.
    failure: Mutex<Option<(Instant, ConnectError)>>,
}

/// A connection with its place in the budget. The fields are dropped in this order: what is freed is free.
pub(super) struct Pooled<C> {
    pub(super) connection: C,
    pub(super) slot: Slot<C>,
    pub(super) since: Instant,
    /// What it is connected to.
    pub(super) place: usize,
    /// What the server calls it, if that is known.
    pub(super) session: Option<i64>,
    /// Was in use before.
    pub(super) reused: bool,
    losses: usize,
    retirements: usize,
    counted: Counted,
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum NoConnection {
    Closed,
    Failed(ConnectError),
}

impl<E: Engine> Opener<E> {
    pub(super) fn new(engine: E, seat: Seat<E::Connection>, plan: PoolPlan) -> Self {
        Self {
            engine,
            seat,
            plan,
            counters: Arc::default(),
            impatient: AtomicBool::new(false),
            watch: Watch::default(),
            failure: Mutex::default(),
        }
    }

    /// Why one could not be opened since then.
    pub(super) fn failure_since(&self, then: Instant) -> Option<ConnectError> {
        self.failure().as_ref().filter(|(at, _)| *at >= then).map(|(_, why)| Arc::clone(why))
    }

    pub(super) fn note_failure(&self, why: &ConnectError) {
        *self.failure() = Some((Instant::now(), Arc::clone(why)));
    }

    fn failure(&self) -> MutexGuard<'_, Option<(Instant, ConnectError)>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens one, or makes another plugin's serve this one.
    async fn get(&self) -> Result<Pooled<E::Connection>, NoConnection> {
        let place = self.engine.place();
        let slot = match self.seat.grant(place).await {
            None => return Err(NoConnection::Closed),
            Some(Grant::Slot(slot)) => slot,
            Some(Grant::Open(pooled)) => match self.adopt(pooled).await {
                Ok(pooled) => return Ok(pooled),
                Err(slot) => slot,
            },
        };
        self.open(slot).await.map_err(|cause| {
            self.counters.error();
            self.note_failure(&cause);
            NoConnection::Failed(cause)
        })
    }

    async fn open(&self, slot: Slot<E::Connection>) -> Result<Pooled<E::Connection>, ConnectError> {
        let budget = self.seat.budget();
        let (losses, retirements) = (budget.losses(), budget.retirements());
        let limit = self.plan.create_timeout;
        let opened = timeout(limit, self.engine.connect()).await;
        let mut connection = opened.unwrap_or_else(|_| Err(slow(limit)))?;
        if !budget.is_known() {
            let told = timeout(TIDY_TIMEOUT, self.engine.limit(&mut connection)).await;
            budget.learn(told.ok().flatten());
        }
        let session = match self.engine.has_sessions() {
            true => timeout(TIDY_TIMEOUT, session_of(&mut connection)).await.ok().and_then(Result::ok),
            false => None,
        };
        let counted = Counted::new(&self.counters);
        let (since, place) = (Instant::now(), self.engine.place());
        Ok(Pooled { connection, slot, since, place, session, reused: false, losses, retirements, counted })
    }

    /// Its slot, where the connection will not do: it is closed.
    async fn adopt(&self, mut pooled: Pooled<E::Connection>) -> Result<Pooled<E::Connection>, Slot<E::Connection>> {
        let budget = self.seat.budget();
        if pooled.place != self.engine.place() || pooled.retirements != budget.retirements() {
            return Err(pooled.close(self.plan.destroy_timeout).await);
        }
        let losses = budget.losses();
        if pooled.counted.is_by(&self.counters) && pooled.losses == losses {
            // It is its own, given back a moment ago.
            return Ok(pooled);
        }
        match timeout(TIDY_TIMEOUT, self.engine.dress(&mut pooled.connection)).await {
            Ok(Ok(())) => {
                (pooled.losses, pooled.reused) = (losses, false);
                pooled.counted = Counted::new(&self.counters);
                Ok(pooled)
            }
            _ => Err(pooled.into_slot()),
        }
    }
}

impl<E: Engine> Manager for Opener<E> {
    type Type = Pooled<E::Connection>;
    type Error = NoConnection;

    /// tarn.js: tried again every `createRetryIntervalMillis`, unless `propagateCreateError`.
    async fn create(&self) -> Result<Self::Type, NoConnection> {
        loop {
            let error = match self.get().await {
                Err(NoConnection::Failed(error)) => error,
                done => return done,
            };
            let told = self.plan.propagate_create_error || self.impatient.load(Ordering::Relaxed);
            if told || !self.engine.is_passing(&error) {
                return Err(NoConnection::Failed(error));
            }
            tokio::time::sleep(self.plan.create_retry_interval).await;
        }
    }

    /// Not asked each time: it would double what a small query takes.
    async fn recycle(&self, pooled: &mut Self::Type, _: &Metrics) -> RecycleResult<NoConnection> {
        let budget = self.seat.budget();
        if pooled.retirements != budget.retirements() {
            return Err(RecycleError::message("it is to be replaced"));
        }
        pooled.reused = true;
        let losses = budget.losses();
        if pooled.losses != losses || pooled.since.elapsed() > TRUSTED_FOR {
            match timeout(PING_TIMEOUT, pooled.connection.ping()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(RecycleError::message("it was lost")),
                Err(_) => {
                    // As the others may not: who waits is not to try one after the other.
                    budget.retire();
                    return Err(RecycleError::message("it does not answer"));
                }
            }
            (pooled.losses, pooled.reused) = (losses, false);
        }
        Ok(())
    }
}

impl<C> Pooled<C> {
    /// Drops the connection.
    pub(super) fn into_slot(self) -> Slot<C> {
        self.slot
    }
}

impl<C: sqlx::Connection> Pooled<C> {
    /// Ends the connection in order, if that can be had in time.
    pub(super) async fn close(self, limit: Duration) -> Slot<C> {
        end(self.connection.close(), limit).await;
        self.slot
    }
}

/// tarn.js: `destroyTimeoutMillis`.
pub(super) async fn end(closing: impl Future<Output = Result<(), sqlx::Error>>, limit: Duration) {
    match timeout(limit, closing).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!("closing a connection: {error}"),
        Err(_) => tracing::debug!("closing a connection took more than {limit:?}"),
    }
}

pub(super) fn slow(after: Duration) -> ConnectError {
    Arc::new(std::io::Error::new(std::io::ErrorKind::TimedOut, format!("it took more than {after:?}")))
}
