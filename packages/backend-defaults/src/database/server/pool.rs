use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use backend_plugin_api::services::database::Purpose;
use deadpool::managed::{Manager, Metrics, Object, ObjectId, Pool, PoolError, RecycleError, RecycleResult};
use deadpool::managed::{QueueMode, TimeoutType, Timeouts};
use sqlx::Connection as _;

use super::{ConnectError, Engine, Limits, Owner, ServerSession};
use crate::database::{DatabaseError, Holder};

/// How long a connection may lie before it is looked at when it is used again.
const TRUSTED_FOR: Duration = Duration::from_secs(5);
/// How long a connection may take to say that it is alive, was rolled back, or was closed.
pub(super) const TIDY_TIMEOUT: Duration = Duration::from_secs(5);

/// The connections of a plugin to its server: opened when needed, up to a bound.
pub(crate) struct ServerPool<E: Engine>(Arc<Shared<E>>);

pub(super) struct Shared<E: Engine> {
    pool: Pool<Opener<E>>,
    held: Mutex<HashMap<ObjectId, (bool, Instant)>>,
    pub(super) owner: Owner,
    pub(super) limits: Limits,
}

/// Opens connections, and looks at them before they are used again.
struct Opener<E> {
    engine: E,
    /// How often a connection was lost. When one is, others may be too.
    losses: AtomicUsize,
    /// Why the last attempt to open one failed.
    failure: Mutex<Option<ConnectError>>,
}

struct Pooled<C> {
    connection: C,
    /// [`Opener::losses`] when it was last known to be alive.
    losses: usize,
}

/// A connection that is held. Dropping it gives it back.
pub(super) struct Lease<E: Engine> {
    object: Option<Object<Opener<E>>>,
    /// Something runs on it, or is open: dropping it ends it.
    dirty: bool,
    shared: Arc<Shared<E>>,
}

impl<E: Engine> ServerPool<E> {
    /// Opens nothing.
    pub(crate) fn new(engine: E, owner: Owner, limits: Limits) -> Self {
        let timeouts = Timeouts {
            wait: Some(limits.acquire_timeout),
            create: Some(limits.create_timeout),
            recycle: Some(TIDY_TIMEOUT),
        };
        let opener = Opener { engine, losses: AtomicUsize::new(0), failure: Mutex::default() };
        let pool = Pool::builder(opener)
            .max_size(limits.max.max(1))
            .timeouts(timeouts)
            .queue_mode(QueueMode::Lifo)
            .runtime(deadpool::Runtime::Tokio1)
            .build();
        let pool = pool.expect("time-outs have a runtime");
        Self(Arc::new(Shared { pool, held: Mutex::default(), owner, limits }))
    }

    /// What opens the connections.
    pub(crate) fn engine(&self) -> &E {
        &self.0.pool.manager().engine
    }

    /// An idle connection, or a new one, or the first to be given back.
    ///
    /// # Errors
    /// [`DatabaseError::Closed`], [`DatabaseError::Open`], [`DatabaseError::ConnectionsBusy`].
    pub(crate) async fn acquire(&self, purpose: Purpose<'_>) -> Result<ServerSession<E>, DatabaseError> {
        let object = self.0.pool.get().await.map_err(|error| self.0.no_connection(error))?;
        let transaction = matches!(purpose, Purpose::Transaction(_));
        self.0.held().insert(Object::id(&object), (transaction, Instant::now()));
        Ok(ServerSession::new(Lease { object: Some(object), dirty: false, shared: Arc::clone(&self.0) }))
    }

    /// Closes those that are idle, and the others when they are given back.
    pub(crate) async fn close(&self) {
        let idle = self.0.pool.retain(|_, _| false).removed;
        self.0.pool.close();
        futures::future::join_all(idle.into_iter().map(|it| close(it.connection))).await;
    }
}

impl<E: Engine> Shared<E> {
    fn no_connection(&self, error: PoolError<ConnectError>) -> DatabaseError {
        let plugin = self.owner.plugin;
        match error {
            PoolError::Closed => DatabaseError::Closed { plugin },
            PoolError::Backend(cause) => self.cannot_open(cause),
            PoolError::Timeout(TimeoutType::Wait) => self.busy(),
            // Of the rest, only the time-out of opening is in use.
            _ => self.cannot_open(slow(self.limits.create_timeout)),
        }
    }

    /// Waited in vain: all are held, or in the hands of others who try to open them.
    fn busy(&self) -> DatabaseError {
        let held = self.held();
        let (count, waited) = (held.len(), self.limits.acquire_timeout);
        let longest = held.values().copied().min_by_key(|(_, since)| *since);
        drop(held);
        if count < self.limits.max {
            let failure = self.pool.manager().failure().clone();
            return self.cannot_open(failure.unwrap_or_else(|| slow(waited)));
        }
        let longest = longest.map(|(transaction, since)| Holder { transaction, age: since.elapsed() });
        let waiting = self.pool.status().waiting;
        DatabaseError::ConnectionsBusy { plugin: self.owner.plugin, count, longest, waiting, waited }
    }

    fn cannot_open(&self, cause: ConnectError) -> DatabaseError {
        let Owner { plugin, location } = &self.owner;
        DatabaseError::Open { plugin: *plugin, location: location.clone(), cause }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<ObjectId, (bool, Instant)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Engine> Opener<E> {
    fn failure(&self) -> MutexGuard<'_, Option<ConnectError>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn losses(&self) -> usize {
        self.losses.load(Ordering::Relaxed)
    }
}

impl<E: Engine> Manager for Opener<E> {
    type Type = Pooled<E::Connection>;
    type Error = ConnectError;

    async fn create(&self) -> Result<Self::Type, ConnectError> {
        let losses = self.losses();
        let opened = self.engine.connect().await;
        *self.failure() = opened.as_ref().err().cloned();
        Ok(Pooled { connection: opened?, losses })
    }

    /// Not asked each time: it would double what a small query takes.
    async fn recycle(&self, pooled: &mut Self::Type, metrics: &Metrics) -> RecycleResult<ConnectError> {
        let losses = self.losses();
        if metrics.last_used() > TRUSTED_FOR || pooled.losses != losses {
            let alive = pooled.connection.ping().await;
            alive.map_err(|error| RecycleError::Backend(Arc::new(error) as ConnectError))?;
            pooled.losses = losses;
        }
        Ok(())
    }
}

impl<E: Engine> Lease<E> {
    pub(super) fn connection(&mut self) -> &mut E::Connection {
        &mut self.object.as_mut().expect("it is there until this is dropped").connection
    }

    pub(super) fn shared(&self) -> &Arc<Shared<E>> {
        &self.shared
    }

    /// Ends the connection, on which nothing runs: another is opened when needed.
    pub(super) async fn close(mut self) {
        if let Some(object) = self.release() {
            close(Object::take(object).connection).await;
        }
    }

    /// Whether dropping it is to end it, and with it what runs on it.
    pub(super) fn set_dirty(&mut self, dirty: bool) {
        self.dirty = dirty;
    }

    /// Ends the connection and with it what runs on it.
    pub(super) fn discard(mut self) {
        self.set_dirty(true);
    }

    /// The connection was lost: the others are looked at before they are used again.
    pub(super) fn lost(self) {
        self.shared.pool.manager().losses.fetch_add(1, Ordering::Relaxed);
        self.discard();
    }

    fn release(&mut self) -> Option<Object<Opener<E>>> {
        let object = self.object.take()?;
        self.shared.held().remove(&Object::id(&object));
        Some(object)
    }
}

impl<E: Engine> Drop for Lease<E> {
    fn drop(&mut self) {
        let Some(object) = self.release() else { return };
        if self.dirty {
            drop(Object::take(object));
            return;
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if self.shared.pool.is_closed() => {
                runtime.spawn(close(Object::take(object).connection));
            }
            _ => drop(object),
        }
    }
}

async fn close(connection: impl sqlx::Connection) {
    match tokio::time::timeout(TIDY_TIMEOUT, connection.close()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!("closing a connection: {error}"),
        Err(_) => tracing::debug!("closing a connection took too long"),
    }
}

fn slow(after: Duration) -> ConnectError {
    Arc::new(std::io::Error::new(std::io::ErrorKind::TimedOut, format!("it took more than {after:?}")))
}
