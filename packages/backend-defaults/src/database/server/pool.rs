use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use backend_plugin_api::services::database::{PoolStatus, Purpose};
use deadpool::managed::{Object, ObjectId, Pool, PoolError, QueueMode, Timeouts, WeakPool};
use futures::future::join_all;

use super::budget::{Budget, Idle, Slot};
use super::lease::Lease;
use super::opener::{NoConnection, Opener, Pooled, slow};
use super::{ConnectError, Engine, Limits, Owner, ServerSession};
use crate::database::{DatabaseError, Holder};

/// The connections of a plugin to its server: opened when needed, up to a bound of its own and to that of all
/// plugins on the server.
pub(crate) struct ServerPool<E: Engine>(Arc<Shared<E>>);

pub(super) struct Shared<E: Engine> {
    pool: Pool<Opener<E>>,
    held: Mutex<HashMap<ObjectId, (bool, Instant)>>,
    /// Whether idle connections are looked for.
    reaps: AtomicBool,
    pub(super) owner: Owner,
    pub(super) limits: Limits,
}

impl<E: Engine> ServerPool<E> {
    /// Opens nothing.
    pub(crate) fn new(engine: E, owner: Owner, limits: Limits, budget: &Arc<Budget<E::Connection>>) -> Self {
        let opener = Opener::new(engine, budget.join(owner.plugin), limits.pool);
        let pool = Pool::builder(opener)
            .max_size(limits.pool.max.max(1))
            .timeouts(Timeouts::default())
            .queue_mode(QueueMode::Lifo)
            .build()
            .expect("there are no time-outs that would want a runtime");
        pool.manager().seat.set_idle(IdleOf { pool: pool.weak(), min: limits.pool.min });
        Self(Arc::new(Shared { pool, held: Mutex::default(), reaps: AtomicBool::new(false), owner, limits }))
    }

    /// What opens the connections.
    pub(crate) fn engine(&self) -> &E {
        &self.0.pool.manager().engine
    }

    /// An idle connection, or a new one, or the first to be given back.
    ///
    /// # Errors
    /// [`DatabaseError::Closed`], [`DatabaseError::Open`], [`DatabaseError::ConnectionsBusy`],
    /// [`DatabaseError::BudgetSpent`].
    pub(crate) async fn acquire(&self, purpose: Purpose<'_>) -> Result<ServerSession<E>, DatabaseError> {
        let lease = self.0.lease(matches!(purpose, Purpose::Transaction(_))).await?;
        Ok(ServerSession::new(lease))
    }

    /// For a connection that is not of the pool: as long as the slot is held, there is one less for it.
    ///
    /// # Errors
    /// [`DatabaseError::Closed`].
    pub(crate) async fn slot(&self) -> Result<Slot<E::Connection>, DatabaseError> {
        let slot = self.0.pool.manager().seat.slot().await;
        slot.ok_or(DatabaseError::Closed { plugin: self.0.owner.plugin })
    }

    /// As long as this is held, a connection that cannot be opened is an error at once, whatever
    /// `propagateCreateError` says.
    pub(crate) fn impatient(&self) -> impl Drop + use<E> {
        Impatient::new(&self.0)
    }

    /// Its connections now, and since the start.
    pub(crate) fn status(&self) -> PoolStatus {
        self.0.status()
    }

    /// Closes those that are idle, and the others when they are given back.
    pub(crate) async fn close(&self) {
        let shared = &self.0;
        shared.pool.manager().seat.leave();
        let idle = shared.pool.retain(|_, _| false).removed;
        shared.pool.close();
        shared.end(idle).await;
    }
}

impl<E: Engine> Shared<E> {
    pub(super) async fn lease(self: &Arc<Self>, transaction: bool) -> Result<Lease<E>, DatabaseError> {
        let asked = Instant::now();
        let counters = &self.pool.manager().counters;
        // It is still there when it is asked why it took so long.
        let mut getting = pin!(self.pool.get());
        let got = tokio::time::timeout(self.limits.pool.acquire_timeout, &mut getting).await;
        let plugin = self.owner.plugin;
        let error = match got {
            Ok(Ok(object)) => {
                counters.acquired(asked.elapsed());
                return Ok(Lease::new(object, transaction, self));
            }
            Ok(Err(PoolError::Backend(NoConnection::Failed(cause)))) => return Err(self.cannot_open(cause)),
            Ok(Err(_)) => return Err(DatabaseError::Closed { plugin }),
            Err(_) => self.in_vain(asked),
        };
        counters.error();
        Err(error)
    }

    /// Gives a connection back on which nothing runs: to who waits for one, or to lie idle.
    pub(super) fn give_back(self: &Arc<Self>, object: Object<Opener<E>>) {
        let seat = &self.pool.manager().seat;
        let (budget, tickets) = (seat.budget(), seat.budget().tickets());
        if budget.is_wanted()
            && let Some(heir) = seat.heir(object.place, self.is_wanted())
        {
            return heir.inherit(Object::take(object));
        }
        drop(object);
        if budget.tickets() != tickets {
            // Who began to wait just now has not seen it.
            budget.serve();
        }
        self.reap_later();
    }

    /// Whether somebody waits until the plugin has less than its own most.
    fn is_wanted(&self) -> bool {
        let status = self.pool.status();
        status.size + status.waiting > status.max_size
    }

    /// All that could be had since one `asked` was held, or could not be opened. To be called by one that waits still.
    fn in_vain(&self, asked: Instant) -> DatabaseError {
        let others = |waiting: usize| waiting.saturating_sub(1);
        let (plugin, waited) = (self.owner.plugin, self.limits.pool.acquire_timeout);
        let held = self.held();
        let count = held.len();
        let longest = held.values().copied().min_by_key(|(_, since)| *since);
        drop(held);
        let budget = self.pool.manager().seat.budget();
        if count >= self.limits.pool.max {
            let longest = longest.map(|(transaction, since)| Holder { transaction, age: since.elapsed() });
            let waiting = others(self.status().waiting);
            return DatabaseError::ConnectionsBusy { plugin, count, longest, waiting, waited };
        }
        if let Some(cause) = self.opener().failure_since(asked) {
            return self.cannot_open(cause);
        }
        let (users, server) = (budget.users(), budget.status());
        let open = users.iter().find(|(it, _)| *it == plugin).map_or(0, |(_, open)| *open);
        if open > self.pool.status().size || server.budget.is_none_or(|it| server.open < it) {
            // It is being opened, or another one was, for which this waited.
            let cause = slow(waited);
            self.opener().note_failure(&cause);
            return self.cannot_open(cause);
        }
        let (budget, server, waiting) = (server.budget.unwrap_or(server.open), server.name, others(server.waiting));
        DatabaseError::BudgetSpent { plugin, budget, server, users, waiting, waited }
    }

    fn cannot_open(&self, cause: ConnectError) -> DatabaseError {
        let Owner { plugin, location, .. } = &self.owner;
        DatabaseError::Open { plugin: *plugin, location: location.clone(), cause }
    }

    pub(super) fn note_loss(&self) {
        self.pool.manager().counters.error();
        self.pool.manager().seat.budget().note_loss();
    }

    /// What opens the connections.
    pub(super) fn opener(&self) -> &Opener<E> {
        self.pool.manager()
    }

    pub(super) fn retire(&self) {
        self.pool.manager().seat.budget().retire();
    }

    pub(super) fn tag(&self) -> &str {
        self.pool.manager().engine.tag()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.pool.is_closed()
    }

    pub(super) fn held(&self) -> MutexGuard<'_, HashMap<ObjectId, (bool, Instant)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn status(&self) -> PoolStatus {
        let used = self.held().len();
        let deadpool::Status { size, available, waiting, .. } = self.pool.status();
        let opener = self.pool.manager();
        opener.counters.fill(PoolStatus {
            used,
            idle: size.saturating_sub(used),
            // Those who ask, without those who have one.
            waiting: (size - available + waiting).saturating_sub(used),
            max: self.limits.pool.max,
            server: Some(opener.seat.budget().status()),
            ..PoolStatus::default()
        })
    }

    /// Sees to it that connections that lie idle for long are closed. tarn.js: `reapIntervalMillis`.
    fn reap_later(self: &Arc<Self>) {
        if self.reaps.load(Ordering::Relaxed) || self.reaps.swap(true, Ordering::AcqRel) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            self.reaps.store(false, Ordering::Release);
            return;
        };
        let (shared, interval) = (Arc::downgrade(self), self.limits.pool.reap_interval);
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(interval).await;
                let Some(shared) = shared.upgrade() else { return };
                if !shared.reap().await {
                    return;
                }
            }
        });
    }

    /// Whether there is anything left to be looked at.
    async fn reap(self: &Arc<Self>) -> bool {
        let (min, limit) = (self.limits.pool.min, self.limits.pool.idle_timeout);
        let mut spare = self.pool.status().size.saturating_sub(min);
        let idle = self.pool.retain(|it, _| {
            let keep = spare == 0 || it.since.elapsed() < limit;
            spare -= usize::from(!keep);
            keep
        });
        self.end(idle.removed).await;
        if self.pool.status().size > min {
            return true;
        }
        self.reaps.store(false, Ordering::Release);
        // One may have been given back meanwhile, and have seen that this runs.
        self.pool.status().size > min && !self.reaps.swap(true, Ordering::AcqRel)
    }

    async fn end(&self, connections: Vec<Pooled<E::Connection>>) {
        let limit: Duration = self.limits.pool.destroy_timeout;
        join_all(connections.into_iter().map(|it| it.close(limit))).await;
    }
}

struct Impatient<E: Engine>(Arc<Shared<E>>);

impl<E: Engine> Impatient<E> {
    fn new(shared: &Arc<Shared<E>>) -> Self {
        shared.pool.manager().impatient.store(true, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl<E: Engine> Drop for Impatient<E> {
    fn drop(&mut self) {
        self.0.pool.manager().impatient.store(false, Ordering::Relaxed);
    }
}

/// What the budget may take of a pool.
struct IdleOf<E: Engine> {
    pool: WeakPool<Opener<E>>,
    /// How many are kept while there is room for others.
    min: usize,
}

impl<E: Engine> Idle<E::Connection> for IdleOf<E> {
    fn oldest(&self) -> Option<(Instant, usize, bool)> {
        let pool = self.pool.upgrade()?;
        let keep = pool.status().size <= self.min;
        let mut oldest = None;
        // Who was given back first is first.
        pool.retain(|it, _| {
            oldest.get_or_insert((it.since, it.place, keep));
            true
        });
        oldest
    }

    fn take_oldest(&self) -> Option<Pooled<E::Connection>> {
        let mut taken = false;
        self.pool.upgrade()?.retain(|_, _| std::mem::replace(&mut taken, true)).removed.pop()
    }
}
