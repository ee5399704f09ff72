//! What readiness says of databases: whether they answer, their migrations, their connections.
//!
//! Anybody may ask for it: there is no address in it, and nothing is asked of a database but whether it answers.

use std::collections::BTreeMap;
use std::time::Duration;

use backend_app_api::{MigrationId, MigrationReport};
use backend_plugin_api::services::Database;
use backend_plugin_api::services::database::{PoolStatus, ServerStatus};
use serde::Serialize;

/// One plugin's.
#[derive(Serialize)]
pub(super) struct DatabaseHealth {
    /// `None`: it was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    ephemeral: bool,
    /// `None`: there is nothing to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    migrations: Option<MigrationHealth>,
    pool: PoolHealth,
}

/// Where the database is not as this backend's migrations make it. It serves nevertheless.
#[derive(Serialize)]
struct MigrationHealth {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pending: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    edited: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
}

/// The connections of a plugin: now, and since the start.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PoolHealth {
    used: usize,
    idle: usize,
    waiting: usize,
    max: usize,
    acquired: u64,
    /// The mean.
    acquire_time_millis: f64,
    longest_acquire_millis: f64,
    created: u64,
    closed: u64,
    errors: u64,
    /// Which of `databaseServers` they are to.
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<usize>,
}

/// The connections of all plugins to one server now.
#[derive(Serialize)]
pub(super) struct ServerHealth {
    /// `None`: it is not known before the first is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<usize>,
    open: usize,
    waiting: usize,
}

/// The servers that plugins are on, each once, in the order of their names.
pub(super) struct Servers<'a>(BTreeMap<&'a str, &'a ServerStatus>);

impl DatabaseHealth {
    pub(super) fn new(
        database: &Database,
        answers: Option<&bool>,
        migrations: Option<&MigrationReport>,
        pool: PoolHealth,
    ) -> Self {
        Self {
            status: answers.map(|answers| if *answers { "ok" } else { "error" }),
            ephemeral: database.info().ephemeral,
            migrations: migrations.and_then(MigrationHealth::of),
            pool,
        }
    }
}

impl MigrationHealth {
    fn of(report: &MigrationReport) -> Option<Self> {
        let version = |id: &MigrationId| id.version.clone();
        let health = Self {
            warnings: report.warnings(),
            pending: report.pending.iter().map(version).collect(),
            edited: report.edited.iter().map(|it| version(&it.id)).collect(),
            unknown: report.unknown.iter().map(|it| version(&it.id)).collect(),
        };
        (!health.warnings.is_empty() || !health.pending.is_empty()).then_some(health)
    }
}

impl<'a> Servers<'a> {
    pub(super) fn of(pools: impl Iterator<Item = &'a PoolStatus>) -> Self {
        Self(pools.filter_map(|it| it.server.as_ref()).map(|it| (it.name.as_str(), it)).collect())
    }

    pub(super) fn pool(&self, pool: &PoolStatus) -> PoolHealth {
        let mean = pool.acquire_time.div_f64(pool.acquired.max(1) as f64);
        PoolHealth {
            used: pool.used,
            idle: pool.idle,
            waiting: pool.waiting,
            max: pool.max,
            acquired: pool.acquired,
            acquire_time_millis: millis(mean),
            longest_acquire_millis: millis(pool.longest_acquire),
            created: pool.created,
            closed: pool.closed,
            errors: pool.errors,
            server: pool.server.as_ref().and_then(|server| self.0.keys().position(|it| *it == server.name)),
        }
    }

    pub(super) fn into_health(self) -> Vec<ServerHealth> {
        let health =
            |it: &ServerStatus| ServerHealth { budget: it.budget, limit: it.limit, open: it.open, waiting: it.waiting };
        self.0.into_values().map(health).collect()
    }
}

/// With three digits behind the point.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
