use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::Bounds;

/// What clients and the one who ends the server know of each other.
pub(super) struct Watch {
    state: Mutex<State>,
    changed: Condvar,
    bounds: Bounds,
}

struct State {
    /// When the server came back; `None` while it may be down.
    back: Option<Instant>,
    /// Of each client: whether it had data since then.
    had_data: Vec<bool>,
    over: bool,
}

impl Watch {
    pub(super) fn new(clients: usize, bounds: Bounds) -> Self {
        let state = State { back: Some(Instant::now()), had_data: vec![false; clients], over: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), bounds }
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.bounds
    }

    pub(super) fn goes_down(&self) {
        self.state().back = None;
    }

    /// Waits until each client had data from then on, and returns how long that took.
    ///
    /// # Errors
    /// When that takes far longer than it may.
    pub(super) fn is_back(&self, at: Instant) -> Result<Duration> {
        let limit = 10 * self.bounds.recovery;
        let mut state = self.state();
        state.back = Some(at);
        state.had_data.fill(false);
        while !state.had_data.iter().all(|it| *it) {
            let Some(left) = limit.checked_sub(at.elapsed()) else {
                bail!("clients had no data {limit:?} after the server's return");
            };
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(at.elapsed())
    }

    pub(super) fn had_data(&self, client: usize) {
        let mut state = self.state();
        if !std::mem::replace(&mut state.had_data[client], true) {
            self.changed.notify_all();
        }
    }

    /// Whether the server had been back for so long when a request began that there is no excuse.
    pub(super) fn should_answer(&self, began: Instant) -> bool {
        self.state().back.is_some_and(|back| began > back + self.bounds.recovery)
    }

    pub(super) fn stop(&self) {
        self.state().over = true;
    }

    pub(super) fn is_over(&self) -> bool {
        self.state().over
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
