//! Who has how many connections, who waits, and whose turn it is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use backend_plugin_api::PluginId;
use tokio::sync::oneshot;

use super::Grant;
use crate::database::server::opener::Pooled;

/// Before the server was asked how many it takes.
const UNKNOWN: usize = 1;
/// A connection that has been idle for as long may go to another plugin though there is room for one more: few
/// are enough for plugins that ask now and then, and those who are busy keep theirs.
pub(in crate::database::server) const SPARE_AFTER: Duration = Duration::from_millis(100);

pub(super) struct State<C> {
    /// The most there may be, once known.
    pub(super) budget: Option<usize>,
    /// What the server takes of all.
    pub(super) limit: Option<usize>,
    pub(super) open: usize,
    pub(super) members: Vec<Member<C>>,
    pub(super) waiting: BTreeMap<Ticket, Waiter<C>>,
}

/// A plugin.
pub(super) struct Member<C> {
    pub(super) plugin: PluginId,
    pub(super) open: usize,
    pub(super) idle: Option<Box<dyn Idle<C>>>,
}

pub(super) type Ticket = u64;

pub(super) struct Waiter<C> {
    pub(super) asks: Asks,
    pub(super) answer: oneshot::Sender<Grant<C>>,
}

/// Who asks for a connection, and to where.
#[derive(Clone, Copy)]
pub(super) struct Asks {
    pub(super) member: usize,
    pub(super) place: usize,
    /// For long.
    pub(super) urgently: bool,
}

/// An idle connection.
pub(super) struct Spare {
    pub(super) member: usize,
    pub(super) since: Instant,
    pub(super) place: usize,
    /// It is one of the `min`.
    pub(super) keep: bool,
}

/// The idle connections of a plugin.
pub(in crate::database::server) trait Idle<C>: Send {
    /// Since when the one is idle that has been for longest, its place, and whether it is to be kept.
    fn oldest(&self) -> Option<(Instant, usize, bool)>;
    /// Takes that one.
    fn take_oldest(&self) -> Option<Pooled<C>>;
}

impl<C> State<C> {
    pub(super) fn has_room(&self) -> bool {
        self.open < self.budget.unwrap_or(UNKNOWN)
    }

    /// Whose turn it is of those who wait and can be served.
    pub(super) fn first(&self, can_be_served: impl Fn(Asks) -> bool) -> Option<Ticket> {
        let waiting = self.waiting.iter().filter(|(_, it)| can_be_served(it.asks));
        waiting.min_by_key(|(ticket, it)| (self.open_of(it.asks.member), **ticket)).map(|(ticket, _)| *ticket)
    }

    /// The connection of each plugin that has been idle for longest, the longest of all first.
    pub(super) fn idle(&self) -> Vec<Spare> {
        let holders = self.members.iter().enumerate().filter(|(_, it)| it.open > 0);
        let mut idle: Vec<_> = holders
            .filter_map(|(member, it)| {
                let (since, place, keep) = it.idle.as_ref()?.oldest()?;
                Some(Spare { member, since, place, keep })
            })
            .collect();
        idle.sort_by_key(|it| it.since);
        idle
    }

    /// Whether an idle connection may go to who asks. One to another place has to be closed, and another opened,
    /// which takes much longer than most statements: who has connections waits for them first.
    pub(super) fn may_take(&self, asks: Asks, it: &Spare, has_room: bool) -> bool {
        let is_long = it.since.elapsed() >= SPARE_AFTER;
        match (it.place == asks.place, has_room) {
            (true, true) => is_long && !it.keep,
            (true, false) => true,
            (false, true) => false,
            (false, false) => is_long || self.is_poorer(asks, self.open_of(it.member)),
        }
    }

    /// Whether who asks has so much less than one who has `open` that a connection is worth opening anew.
    pub(super) fn is_poorer(&self, asks: Asks, open: usize) -> bool {
        let own = self.open_of(asks.member);
        own == 0 || asks.urgently || own + 1 < open
    }

    pub(super) fn take(&self, member: usize) -> Option<Pooled<C>> {
        self.members[member].idle.as_ref()?.take_oldest()
    }

    pub(super) fn open_of(&self, member: usize) -> usize {
        self.members[member].open
    }
}
