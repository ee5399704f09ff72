use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backend_plugin_api::services::database::PoolStatus;

/// What happened to the connections of a plugin since the start. Cheap enough for every statement.
#[derive(Debug, Default)]
pub(crate) struct PoolCounters {
    acquired: AtomicU64,
    acquire_nanos: AtomicU64,
    longest_nanos: AtomicU64,
    created: AtomicU64,
    closed: AtomicU64,
    errors: AtomicU64,
}

impl PoolCounters {
    /// A connection was got, after that long.
    pub(crate) fn acquired(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        add(&self.acquired, 1);
        add(&self.acquire_nanos, nanos);
        // Nearly always it is not the longest, and nothing is written.
        if nanos > self.longest_nanos.load(Ordering::Relaxed) {
            self.longest_nanos.fetch_max(nanos, Ordering::Relaxed);
        }
    }

    /// A connection was opened.
    pub(crate) fn created(&self) {
        add(&self.created, 1);
    }

    /// A connection was closed, or went to another plugin.
    pub(crate) fn closed(&self) {
        add(&self.closed, 1);
    }

    /// A connection could not be opened or got, or was lost.
    pub(crate) fn error(&self) {
        add(&self.errors, 1);
    }

    /// `now`, which has what is at this moment, with what was counted since the start.
    pub(crate) fn fill(&self, now: PoolStatus) -> PoolStatus {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PoolStatus {
            acquired: count(&self.acquired),
            acquire_time: Duration::from_nanos(count(&self.acquire_nanos)),
            longest_acquire: Duration::from_nanos(count(&self.longest_nanos)),
            created: count(&self.created),
            closed: count(&self.closed),
            errors: count(&self.errors),
            ..now
        }
    }
}

/// An open connection, for as long as it is held.
pub(crate) struct Counted(Arc<PoolCounters>);

impl Counted {
    pub(crate) fn new(counters: &Arc<PoolCounters>) -> Self {
        counters.created();
        Self(Arc::clone(counters))
    }

    /// Whether these counters have counted it.
    pub(crate) fn is_by(&self, counters: &Arc<PoolCounters>) -> bool {
        Arc::ptr_eq(&self.0, counters)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.closed();
    }
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_shown_beside_what_is_now() {
        let counters = PoolCounters::default();
        for millis in [2, 7, 3] {
            counters.acquired(Duration::from_millis(millis));
        }
        counters.created();
        counters.created();
        counters.closed();
        counters.error();
        let status = counters.fill(PoolStatus { used: 1, max: 5, ..PoolStatus::default() });
        assert_eq!(
            status,
            PoolStatus {
                used: 1,
                max: 5,
                acquired: 3,
                acquire_time: Duration::from_millis(12),
                longest_acquire: Duration::from_millis(7),
                created: 2,
                closed: 1,
                errors: 1,
                ..PoolStatus::default()
            }
        );
    }
}
