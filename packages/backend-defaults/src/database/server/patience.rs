//! Waiting for a server that is not up yet, told once however many plugins wait.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two attempts, in milliseconds.
const PAUSES: [u64; 6] = [50, 100, 200, 400, 800, 1000];

/// Since when a server does not answer.
#[derive(Default)]
pub(crate) struct Outage(Mutex<Option<Instant>>);

/// How often and how long a plugin has tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    since: Instant,
    limit: Duration,
    pauses: usize,
    /// Its database was made.
    pub(crate) made: bool,
    /// Its role was made, or was there.
    pub(crate) made_role: bool,
}

impl Outage {
    /// Tells, the first time, that the server is waited for.
    fn begin(&self, server: &(dyn Display + Sync), failure: &(dyn Display + Sync), limit: Duration) {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if since.is_none() {
            *since = Some(Instant::now());
            let limit = limit.as_secs_f64();
            tracing::warn!("waiting up to {limit} s for the database server `{server}`: {failure}");
        }
    }

    /// To be called when the server has answered.
    pub(crate) fn end(&self, server: &(dyn Display + Sync)) {
        let since = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(since) = since {
            let waited = since.elapsed().as_secs_f64();
            tracing::info!("the database server `{server}` answers, after {waited:.1} s");
        }
    }
}

impl Patience {
    /// `limit` is `backend.database.startupTimeout`.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { since: Instant::now(), limit, pauses: 0, made: false, made_role: false }
    }

    /// Lets some time pass, after a `failure` that is worth waiting for.
    ///
    /// # Errors
    /// `error`, when it was waited for long enough.
    pub(crate) async fn wait(
        &mut self,
        outage: &Outage,
        server: &(dyn Display + Sync),
        failure: &(dyn Display + Sync),
        error: anyhow::Error,
    ) -> anyhow::Result<()> {
        if self.since.elapsed() >= self.limit {
            let limit = self.limit.as_secs_f64();
            return Err(error.context(format!(
                "waited {limit} s (`backend.database.startupTimeout`); check that the server runs, and its address"
            )));
        }
        outage.begin(server, failure, self.limit);
        let pause = PAUSES[self.pauses.min(PAUSES.len() - 1)];
        self.pauses += 1;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        Ok(())
    }
}
