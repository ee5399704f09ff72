//! How many connections this backend has to one server, and which plugin gets the next.
//!
//! **Fair between plugins**: of those who wait, the plugin that has the fewest connections comes first, and of
//! one plugin's (or of equals) who has waited for longest. A connection that is given back goes to one of them
//! at once, though its own plugin may have others waiting.
//!
//! **Nothing lies idle while somebody waits**: an idle connection of another plugin is taken, the one that has
//! been idle for longest. Where both plugins connect to the same place, it is made to serve the other one; else
//! it is closed to make room.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use backend_plugin_api::PluginId;
use backend_plugin_api::services::database::ServerStatus;
use tokio::sync::oneshot;

use super::opener::Pooled;
use crate::database::plan::BudgetPlan;

/// Before the server was asked how many it takes.
const UNKNOWN: usize = 1;
/// A connection that has been idle for as long may go to another plugin though there is room for one more: few
/// are enough for plugins that ask now and then, and those who are busy keep theirs.
pub(super) const SPARE_AFTER: Duration = Duration::from_millis(100);

/// The connections to one server.
pub(crate) struct Budget<C> {
    server: String,
    plan: BudgetPlan,
    state: Mutex<State<C>>,
    /// How many wait, to be seen without the lock.
    waiting: AtomicUsize,
    /// How often a connection was lost. When one is, others may be too.
    losses: AtomicUsize,
    /// How often all were to be replaced.
    retirements: AtomicUsize,
}

struct State<C> {
    /// The most there may be, once known.
    budget: Option<usize>,
    /// What the server takes of all.
    limit: Option<usize>,
    open: usize,
    members: Vec<Member<C>>,
    waiting: BTreeMap<Ticket, Waiter<C>>,
    next: Ticket,
}

/// A plugin.
struct Member<C> {
    plugin: PluginId,
    open: usize,
    idle: Option<Box<dyn Idle<C>>>,
}

type Ticket = u64;

struct Waiter<C> {
    member: usize,
    place: usize,
    answer: oneshot::Sender<Grant<C>>,
}

/// What a server says of itself, asked once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServerLimit {
    /// The most connections of all its clients.
    pub(crate) max_connections: usize,
    /// Those of them that who connects cannot get.
    pub(crate) reserved: usize,
    /// The most of who connects, if that is less.
    pub(crate) own: Option<usize>,
}

/// The idle connections of a plugin.
pub(super) trait Idle<C>: Send {
    /// Since when the one is idle that has been for longest, its place, and whether it is to be kept.
    fn oldest(&self) -> Option<(Instant, usize, bool)>;
    /// Takes that one.
    fn take_oldest(&self) -> Option<Pooled<C>>;
}

/// A plugin's part in a budget.
pub(crate) struct Seat<C> {
    budget: Arc<Budget<C>>,
    member: usize,
}

/// The right to one connection. Dropped, another may have it.
pub(crate) struct Slot<C> {
    budget: Arc<Budget<C>>,
    member: usize,
}

/// What one gets who asks for a connection.
pub(super) enum Grant<C> {
    /// To be opened.
    Slot(Slot<C>),
    /// It was another's.
    Open(Pooled<C>),
}

impl<C> Budget<C> {
    pub(crate) fn new(server: String, plan: BudgetPlan) -> Arc<Self> {
        let state = State { budget: None, limit: None, open: 0, members: vec![], waiting: BTreeMap::new(), next: 0 };
        Arc::new(Self {
            server,
            plan,
            state: Mutex::new(state),
            waiting: AtomicUsize::new(0),
            losses: AtomicUsize::new(0),
            retirements: AtomicUsize::new(0),
        })
    }

    /// A plugin that may want connections.
    pub(super) fn join(self: &Arc<Self>, plugin: PluginId) -> Seat<C> {
        let mut state = self.state();
        state.members.push(Member { plugin, open: 0, idle: None });
        Seat { budget: Arc::clone(self), member: state.members.len() - 1 }
    }

    /// Whether somebody waits for a connection.
    pub(super) fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    pub(super) fn losses(&self) -> usize {
        self.losses.load(Ordering::Relaxed)
    }

    /// A connection was lost: the others are looked at before they are used again.
    pub(super) fn note_loss(&self) {
        self.losses.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn retirements(&self) -> usize {
        self.retirements.load(Ordering::Relaxed)
    }

    /// The server is no longer the right one: no connection that is open now is used again.
    pub(super) fn retire(&self) {
        self.retirements.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn is_known(&self) -> bool {
        self.state().budget.is_some()
    }

    /// To be called with what the server says, or nothing if it does not.
    pub(super) fn learn(self: &Arc<Self>, server: Option<ServerLimit>) {
        let mut state = self.state();
        if state.budget.is_none() {
            state.budget = Some(self.plan.budget(server));
            state.limit = server.map(|it| it.max_connections);
        }
        drop(state);
        self.serve();
    }

    pub(super) fn status(&self) -> ServerStatus {
        let state = self.state();
        ServerStatus {
            name: self.server.clone(),
            budget: state.budget.or(self.plan.max_connections),
            limit: state.limit,
            open: state.open,
            waiting: state.waiting.len(),
        }
    }

    /// Who has how many, most first.
    pub(super) fn users(&self) -> Vec<(PluginId, usize)> {
        let state = self.state();
        let mut users: Vec<_> = state.members.iter().map(|it| (it.plugin, it.open)).filter(|it| it.1 > 0).collect();
        users.sort_by_key(|(_, open)| std::cmp::Reverse(*open));
        users
    }

    /// Gives those who wait what there is.
    pub(super) fn serve(self: &Arc<Self>) {
        while self.is_wanted() {
            let Some((waiter, grant)) = self.next_grant() else { return };
            // Who does not wait any more drops it, which lets another have it.
            drop(waiter.answer.send(grant));
        }
    }

    fn next_grant(self: &Arc<Self>) -> Option<(Waiter<C>, Grant<C>)> {
        let mut state = self.state();
        let ticket = state.first(|_| true)?;
        let Waiter { member, place, .. } = state.waiting[&ticket];
        let grant = self.grant_now(&mut state, member, place)?;
        let waiter = state.waiting.remove(&ticket)?;
        self.note_waiting(&state);
        Some((waiter, grant))
    }

    fn grant_now(self: &Arc<Self>, state: &mut State<C>, member: usize, place: usize) -> Option<Grant<C>> {
        let has_room = state.open < state.budget.unwrap_or(UNKNOWN);
        if let Some(mut pooled) = state.take_idle(place, has_room) {
            state.members[pooled.slot.member].open -= 1;
            state.members[member].open += 1;
            pooled.slot.member = member;
            return Some(Grant::Open(pooled));
        }
        has_room.then(|| {
            state.open += 1;
            state.members[member].open += 1;
            Grant::Slot(Slot { budget: Arc::clone(self), member })
        })
    }

    fn release(self: &Arc<Self>, member: usize) {
        let mut state = self.state();
        state.open -= 1;
        state.members[member].open -= 1;
        drop(state);
        self.serve();
    }

    /// To be called with the lock.
    fn note_waiting(&self, state: &State<C>) {
        self.waiting.store(state.waiting.len(), Ordering::Release);
    }

    fn state(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> State<C> {
    /// Whose turn it is among those waiters that are `wanted`.
    fn first(&self, wanted: impl Fn(&Waiter<C>) -> bool) -> Option<Ticket> {
        let waiting = self.waiting.iter().filter(|(_, it)| wanted(it));
        waiting.min_by_key(|(ticket, it)| (self.members[it.member].open, **ticket)).map(|(ticket, _)| *ticket)
    }

    /// The connection that has been idle for longest; one to `place`, if there is one. Where there `is_room` for
    /// another, only one that can be spared.
    fn take_idle(&self, place: usize, is_room: bool) -> Option<Pooled<C>> {
        let holders = self.members.iter().filter(|it| it.open > 0).filter_map(|it| it.idle.as_ref());
        let oldest = holders.filter_map(|it| Some((it.oldest()?, it)));
        let spare = |since: Instant, at: usize, keep: bool| at == place && !keep && since.elapsed() >= SPARE_AFTER;
        let mut oldest: Vec<_> =
            oldest.filter(|((since, at, keep), _)| !is_room || spare(*since, *at, *keep)).collect();
        oldest.sort_by_key(|((since, at, _), _)| (*at != place, *since));
        oldest.into_iter().find_map(|(_, it)| it.take_oldest())
    }
}

impl BudgetPlan {
    /// Without a number in the config: four fifths of what the server has for us, shared by the replicas. The
    /// rest is for those who look after it, and for others.
    pub(super) fn budget(&self, server: Option<ServerLimit>) -> usize {
        const WITHOUT_LIMIT: usize = 100;
        let safe = |it: ServerLimit| {
            let all = it.max_connections.saturating_sub(it.reserved) * 4 / 5;
            (all.min(it.own.unwrap_or(all)) / self.replicas).max(1)
        };
        self.max_connections.unwrap_or_else(|| server.map_or(WITHOUT_LIMIT, safe))
    }
}

impl<C> Seat<C> {
    pub(super) fn budget(&self) -> &Arc<Budget<C>> {
        &self.budget
    }

    /// Where the plugin's idle connections are to be found from now on.
    pub(super) fn set_idle(&self, idle: impl Idle<C> + 'static) {
        self.budget.state().members[self.member].idle = Some(Box::new(idle));
    }

    /// The plugin's idle connections are not to be found any more, and those of it who wait do so no longer.
    pub(super) fn leave(&self) {
        let mut state = self.budget.state();
        let idle = state.members[self.member].idle.take();
        let (of_this, others) =
            std::mem::take(&mut state.waiting).into_iter().partition(|(_, it)| it.member == self.member);
        state.waiting = others;
        self.budget.note_waiting(&state);
        drop(state);
        drop::<(_, BTreeMap<Ticket, Waiter<C>>)>((idle, of_this));
    }

    /// Waits until the plugin may have a connection more, to be opened to `place`. `None`: it has left.
    pub(super) async fn grant(&self, place: usize) -> Option<Grant<C>> {
        let (waits, answer) = {
            let mut state = self.budget.state();
            if state.waiting.is_empty()
                && let Some(grant) = self.budget.grant_now(&mut state, self.member, place)
            {
                return Some(grant);
            }
            let (sender, answer) = oneshot::channel();
            let ticket = state.next;
            state.next += 1;
            state.waiting.insert(ticket, Waiter { member: self.member, place, answer: sender });
            self.budget.note_waiting(&state);
            (Waits { budget: &self.budget, ticket }, answer)
        };
        // One may have been given back just before this was seen to wait.
        self.budget.serve();
        let grant = answer.await.ok();
        drop(waits);
        grant
    }

    /// The same for a connection that is not of the pool. What another has is closed.
    pub(crate) async fn slot(&self) -> Option<Slot<C>> {
        /// Of no connection in a pool.
        const NOWHERE: usize = usize::MAX;
        self.grant(NOWHERE).await.map(|grant| match grant {
            Grant::Slot(slot) => slot,
            Grant::Open(pooled) => pooled.into_slot(),
        })
    }

    /// Whether a connection that the plugin gives back is to go to somebody who waits for one, given whether
    /// others of the plugin wait for it too, and to whom.
    pub(super) fn heir(&self, has_own: bool) -> Option<Heir<C>> {
        let mut state = self.budget.state();
        let left = state.members[self.member].open.saturating_sub(1);
        let ticket = state.first(|it| !has_own || it.member == self.member || state.members[it.member].open <= left)?;
        let Waiter { member, answer, .. } = state.waiting.remove(&ticket)?;
        self.budget.note_waiting(&state);
        state.members[self.member].open -= 1;
        state.members[member].open += 1;
        Some(Heir { member, answer })
    }
}

/// Who gets a connection that was given back.
pub(super) struct Heir<C> {
    member: usize,
    answer: oneshot::Sender<Grant<C>>,
}

impl<C> Heir<C> {
    pub(super) fn inherit(self, mut pooled: Pooled<C>) {
        pooled.slot.member = self.member;
        drop(self.answer.send(Grant::Open(pooled)));
    }
}

/// A place in the line, left when this is dropped.
struct Waits<'a, C> {
    budget: &'a Budget<C>,
    ticket: Ticket,
}

impl<C> Drop for Waits<'_, C> {
    fn drop(&mut self) {
        let mut state = self.budget.state();
        let waiter = state.waiting.remove(&self.ticket);
        self.budget.note_waiting(&state);
        drop(state);
        drop(waiter);
    }
}

impl<C> Drop for Slot<C> {
    fn drop(&mut self) {
        self.budget.release(self.member);
    }
}
