use backend_plugin_api::PluginId;
use sea_orm::DbErr;

use super::step::{MigrationId, enumerate};

/// Where Knex, and so Backstage, keeps what it has applied.
pub(super) const KNEX_HISTORY: &str = "knex_migrations";

/// Why the database of a plugin was not brought up to date, or back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrationError {
    /// Its history could not be read or made.
    #[error("cannot read which migrations were applied: {0}")]
    History(#[source] DbErr),
    /// There is no connection for it.
    #[error("cannot connect for migrations")]
    Connect(#[source] anyhow::Error),
    /// The lock that keeps others from migrating at the same time could not be had.
    #[error("cannot lock the database against other backends that migrate it: {0}")]
    Lock(#[source] anyhow::Error),
    /// The connection that held the lock is gone, and with it the lock.
    #[error("the connection that held the lock on migrations was lost before {0}; start again to go on from there")]
    LockLost(MigrationId),
    /// The tables that are there are Backstage's.
    #[error(
        "the tables of {location} are Backstage's (`{KNEX_HISTORY}`), which this backend neither reads nor changes; give \
         its databases names of their own: by `backend.database.prefix`, with schemas `schemaPrefix`, with SQLite another \
         `connection.directory`"
    )]
    Backstage {
        /// The database.
        location: String,
    },
    /// A step failed.
    #[error("migration {step} failed: {cause}")]
    Step {
        /// Which.
        step: MigrationId,
        /// Why.
        #[source]
        cause: DbErr,
    },
    /// Migrations are pending, and this backend was told not to apply any.
    #[error(
        "{} not applied yet: {}; start one backend with `backend.database.migrations: run`, or have a job do it, \
         before those that only verify",
        were(pending.len(), "migration"), enumerate(pending)
    )]
    Pending {
        /// All of them, oldest first.
        pending: Vec<MigrationId>,
    },
    /// Steps that cannot be rolled back.
    #[error(
        "{} cannot be rolled back: no way back was kept, as there is no `down` or it asks the database something; \
         restore a backup instead",
        enumerate(steps)
    )]
    NoWayBack {
        /// All of them, newest first.
        steps: Vec<MigrationId>,
    },
    /// There are not that many to roll back.
    #[error("`{plugin}` has {applied} that was applied: {asked} cannot be rolled back", applied = count(*applied, "migration"))]
    TooMany {
        /// Whose.
        plugin: PluginId,
        /// How many were to be rolled back.
        asked: usize,
        /// How many there are.
        applied: usize,
    },
    /// The plugin has no such migration.
    #[error("`{plugin}` has no migration `{version}`")]
    NoSuch {
        /// Whose.
        plugin: PluginId,
        /// What was asked for.
        version: String,
    },
    /// Rolling a step back failed.
    #[error("migration {step} could not be rolled back: {cause}")]
    StepBack {
        /// Which.
        step: MigrationId,
        /// Why.
        #[source]
        cause: DbErr,
    },
}

pub(super) fn count(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn were(number: usize, what: &str) -> String {
    format!("{} {}", count(number, what), if number == 1 { "was" } else { "were" })
}
