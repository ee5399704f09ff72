use std::time::{Duration, Instant};

use crate::Error;

const PAUSE: Duration = Duration::from_millis(5);

/// Looks again and again until there is something, or until the time has come.
pub(crate) fn wait<T>(until: Instant, mut look: impl FnMut() -> Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    loop {
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        if Instant::now() >= until {
            return Ok(None);
        }
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "this crate blocks, and says so")]
fn pause() {
    std::thread::sleep(PAUSE);
}
