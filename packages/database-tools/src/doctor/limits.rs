//! Whether there are enough connections for all.

use backend_defaults::database::BudgetPlan;

use super::finding::{About, Finding};

const CHECK: &str = "connections";
const WHY_MANY: &str = "the last to ask are refused (\"too many clients\"), while what they need is idle elsewhere";
const WHY_FEW: &str = "in database mode each plugin has connections of its own, which are closed and opened for others all \
                       the time";

/// What a server has, and what is wanted of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Of all its clients, without what is kept for superusers.
    pub(super) server: usize,
    /// Of who connects, if that is less.
    pub(super) own: Option<usize>,
    /// The backend's.
    pub(super) budget: BudgetPlan,
    /// Databases that plugins do not share.
    pub(super) databases: usize,
    /// What the plugins' pools add up to.
    pub(super) pools: usize,
}

pub(super) fn check(about: &About, limits: Limits) -> Vec<Finding> {
    let Limits { server, own, budget: BudgetPlan { max_connections, replicas }, databases, pools } = limits;
    let has = server.min(own.unwrap_or(server));
    // As the backend does without a number in the config.
    let by_itself = ((server * 4 / 5).min(own.unwrap_or(usize::MAX)) / replicas).max(1);
    let budget = max_connections.unwrap_or(by_itself);
    let all = budget.saturating_mul(replicas);
    let asked = match replicas {
        1 => budget.to_string(),
        _ => format!("{all} ({budget} of each of {replicas} backends)"),
    };
    let mut findings = Vec::new();
    if all > has {
        let what = format!("the config allows {asked}, and the server has {has}");
        let mend = format!(
            "lower `backend.database.maxConnections` to {}, or raise the server's `max_connections`",
            (has / replicas).max(1)
        );
        findings.push(about.error(CHECK, what, WHY_MANY, mend));
    }
    if budget < databases {
        let what = format!("{budget} for {databases} plugins that have databases of their own");
        let mend = format!(
            "raise `backend.database.maxConnections` to {databases} at least, or use `pluginDivisionMode: schema`"
        );
        findings.push(about.warning(CHECK, what, WHY_FEW, mend));
    }
    if findings.is_empty() {
        findings.push(about.ok(CHECK, format!("{asked} of {has}, for plugins that may ask for {pools}")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(limits: Limits) -> Vec<String> {
        check(&About("db".to_owned()), limits).into_iter().map(|it| it.what).collect()
    }

    #[test]
    fn backends_and_plugins_have_to_have_enough() {
        let budget = |max_connections, replicas| BudgetPlan { max_connections, replicas };
        let limits = Limits { server: 97, own: None, budget: budget(None, 1), databases: 3, pools: 30 };
        assert_eq!(what(limits), ["77 of 97, for plugins that may ask for 30"]);
        assert_eq!(what(Limits { own: Some(20), ..limits }), ["20 of 20, for plugins that may ask for 30"]);
        let too_many = Limits { budget: budget(Some(50), 2), ..limits };
        assert_eq!(what(too_many), ["the config allows 100 (50 of each of 2 backends), and the server has 97"]);
        let too_few = Limits { budget: budget(Some(2), 1), ..limits };
        assert_eq!(what(too_few), ["2 for 3 plugins that have databases of their own"]);
        assert_eq!(what(Limits { server: 3, budget: budget(None, 5), ..limits }).len(), 2);
    }
}
