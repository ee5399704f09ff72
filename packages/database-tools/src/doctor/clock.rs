//! Whether the server's clock and ours go the same.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::finding::{About, Finding};

/// From how much on it is told.
const MOST: Duration = Duration::from_secs(5);
const CHECK: &str = "clock";

/// By the server's time, in seconds since 1970, and ours before and after it was asked: it may have been asked at any
/// moment between.
pub(super) fn check(about: &About, before: SystemTime, server: f64, after: SystemTime) -> Finding {
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let (before, after) = (seconds(before), seconds(after));
    let skew = if server < before {
        server - before
    } else if server > after {
        server - after
    } else {
        0.0
    };
    if skew.abs() <= MOST.as_secs_f64() {
        return about.ok(CHECK, "goes with ours");
    }
    let (seconds, way) = (skew.abs().round(), if skew < 0.0 { "behind" } else { "ahead of" });
    about.warning(
        CHECK,
        format!("{seconds} s {way} ours"),
        "times that the server writes and times that the backend writes do not go together, and tokens may be refused",
        "let both follow a time server (NTP)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_way_there_takes_does_not_count() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let what = |server| check(&About("db".to_owned()), at(100), server, at(110)).what;
        assert_eq!(what(105.0), "goes with ours");
        assert_eq!(what(95.1), "goes with ours");
        assert_eq!(what(115.1), "5 s ahead of ours");
        assert_eq!(what(40.0), "60 s behind ours");
    }
}
