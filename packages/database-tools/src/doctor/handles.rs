//! Whether this process may open as many files as it needs.

use backend_defaults::database::{DatabasePlan, EnginePlan};
use rustix::process::{Resource, getrlimit};

use super::finding::{About, Finding};

/// For what listens, requests, logs and libraries.
const OTHERS: u64 = 256;
/// A connection with TLS has a socket of its own, and two ends of a pair to its driver.
const OF_CONNECTION: u64 = 3;
/// The file, its log and the log's index.
const OF_SQLITE: u64 = 3;

pub(super) fn check(plans: &[&DatabasePlan]) -> Finding {
    judge(needed(plans), getrlimit(Resource::Nofile).current)
}

fn needed(plans: &[&DatabasePlan]) -> u64 {
    let of = plans.iter().map(|plan| {
        let connections = u64::try_from(plan.pool.max).unwrap_or(u64::MAX);
        let each = if matches!(plan.engine, EnginePlan::Sqlite(_)) { OF_SQLITE } else { OF_CONNECTION };
        connections.saturating_mul(each)
    });
    of.fold(OTHERS, u64::saturating_add)
}

fn judge(needed: u64, limit: Option<u64>) -> Finding {
    let about = About("this machine".to_owned());
    match limit {
        Some(limit) if limit < needed => about.warning(
            "files",
            format!("a process may open {limit} files, and the backend may need {needed}"),
            "connections and requests fail when there are no more (\"Too many open files\")",
            format!(
                "raise it, by `ulimit -n {needed}` or systemd's `LimitNOFILE={needed}`, where the backend is started"
            ),
        ),
        Some(limit) => about.ok("files", format!("a process may open {limit}, and the backend may need {needed}")),
        None => about.ok("files", "a process may open as many as it likes"),
    }
}
