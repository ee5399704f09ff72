//! How many connections this backend has to one server, and which plugin gets the next.
//!
//! **Fair between plugins**: of those who wait, the plugin that has the fewest connections comes first, and of
//! one plugin's (or of equals) who has waited for longest. A connection that is given back goes to one of them
//! at once, though its own plugin may have others waiting.
//!
//! **Nothing lies idle while somebody waits**: an idle connection of another plugin is taken, the one that has
//! been idle for longest. Where both plugins connect to the same place, it is made to serve the other one. Else it
//! is closed to make room, which is dear: a plugin that has connections waits for those first, unless others have
//! more, or one that nobody uses.

mod limit;
mod state;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use backend_plugin_api::PluginId;
use backend_plugin_api::services::database::ServerStatus;
use tokio::sync::oneshot;
use tokio::time::timeout;

pub(crate) use self::limit::ServerLimit;
use self::state::{Asks, Member, Spare, State, Ticket, Waiter};
pub(super) use self::state::{Idle, SPARE_AFTER};
use super::opener::Pooled;
use crate::database::plan::BudgetPlan;

/// After how long a plugin that has connections gets another though one of an equal's has to be closed for it.
const PATIENCE: Duration = Duration::from_secs(1);

/// The connections to one server.
pub(crate) struct Budget<C> {
    server: String,
    plan: BudgetPlan,
    state: Mutex<State<C>>,
    /// How many wait, to be seen without the lock.
    waiting: AtomicUsize,
    /// How often somebody began to.
    tickets: AtomicU64,
    /// How often a connection was lost. When one is, others may be too.
    losses: AtomicUsize,
    /// How often all were to be replaced.
    retirements: AtomicUsize,
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
        let state = State { budget: None, limit: None, open: 0, members: vec![], waiting: BTreeMap::new() };
        Arc::new(Self {
            server,
            plan,
            state: Mutex::new(state),
            waiting: AtomicUsize::new(0),
            tickets: AtomicU64::new(0),
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

    /// Changes when somebody begins to wait.
    pub(super) fn tickets(&self) -> u64 {
        self.tickets.load(Ordering::Acquire)
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
        let (idle, has_room) = (state.idle(), state.has_room());
        let ticket = state.first(|asks| has_room || idle.iter().any(|it| state.may_take(asks, it, has_room)))?;
        let asks = state.waiting[&ticket].asks;
        let grant = self.grant_now(&mut state, asks, &idle)?;
        let waiter = state.waiting.remove(&ticket)?;
        self.note_waiting(&state);
        Some((waiter, grant))
    }

    fn grant_now(self: &Arc<Self>, state: &mut State<C>, asks: Asks, idle: &[Spare]) -> Option<Grant<C>> {
        let has_room = state.has_room();
        let taken = idle.iter().filter(|it| state.may_take(asks, it, has_room)).find_map(|it| state.take(it.member));
        if let Some(mut pooled) = taken {
            state.members[pooled.slot.member].open -= 1;
            state.members[asks.member].open += 1;
            pooled.slot.member = asks.member;
            return Some(Grant::Open(pooled));
        }
        has_room.then(|| {
            state.open += 1;
            state.members[asks.member].open += 1;
            Grant::Slot(Slot { budget: Arc::clone(self), member: asks.member })
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
            std::mem::take(&mut state.waiting).into_iter().partition(|(_, it)| it.asks.member == self.member);
        state.waiting = others;
        self.budget.note_waiting(&state);
        drop(state);
        drop::<(_, BTreeMap<Ticket, Waiter<C>>)>((idle, of_this));
    }

    /// Waits until the plugin may have a connection more, to be opened to `place`. `None`: it has left.
    pub(super) async fn grant(&self, place: usize) -> Option<Grant<C>> {
        let asks = Asks { member: self.member, place, urgently: false };
        let (waits, mut answer) = {
            let mut state = self.budget.state();
            if state.waiting.is_empty() {
                let idle = state.idle();
                if let Some(grant) = self.budget.grant_now(&mut state, asks, &idle) {
                    return Some(grant);
                }
            }
            let (sender, answer) = oneshot::channel();
            let ticket = self.budget.tickets.fetch_add(1, Ordering::AcqRel);
            state.waiting.insert(ticket, Waiter { asks, answer: sender });
            self.budget.note_waiting(&state);
            (Waits { budget: &self.budget, ticket }, answer)
        };
        // One may have been given back just before this was seen to wait.
        self.budget.serve();
        let asked = Instant::now();
        let grant = loop {
            // What was not to be spared may be by now.
            match timeout(SPARE_AFTER, &mut answer).await {
                Ok(grant) => break grant.ok(),
                Err(_) => waits.goes_on(asked.elapsed() >= PATIENCE),
            }
            self.budget.serve();
        };
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

    /// Who is to have a connection to `place` that the plugin gives back, though others of the plugin may wait for
    /// it too (`has_own`). `None`: the plugin itself.
    pub(super) fn heir(&self, place: usize, has_own: bool) -> Option<Heir<C>> {
        let mut state = self.budget.state();
        let left = state.open_of(self.member).saturating_sub(1);
        let may_have = |it: Asks| {
            let is_fair = !has_own || state.open_of(it.member) <= left;
            it.member == self.member || is_fair && (it.place == place || state.is_poorer(it, left))
        };
        let ticket = state.first(may_have)?;
        let Waiter { asks: Asks { member, .. }, answer } = state.waiting.remove(&ticket)?;
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

impl<C> Waits<'_, C> {
    fn goes_on(&self, urgently: bool) {
        if let Some(waiter) = self.budget.state().waiting.get_mut(&self.ticket) {
            waiter.asks.urgently = urgently;
        }
    }
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
