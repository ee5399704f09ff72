use std::fmt;
use std::time::Duration;

use backend_plugin_api::services::Database;
use backend_plugin_api::services::database::{MigrationConnection, MigrationMode};
use backend_plugin_api::{Migrations, PluginId};
use sea_orm::{ConnectionTrait, DatabaseConnection};

use super::MigrationError;
use super::apply::apply;
use super::error::count;
use super::history::{self, HistoryRow};
use super::lock::Lock;
use super::report::{MigrationReport, compare};
use super::rollback::roll_back;
use super::step::{MigrationId, MigrationList, Step, enumerate};
use super::waiting::Waiting;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Brings the database of one plugin up to date: the host's tables, then the plugin's own.
pub struct Migrator {
    plugin: PluginId,
    database: Database,
    host: Migrations,
    own: Migrations,
}

impl Migrator {
    /// Does nothing yet. Each list is oldest first.
    pub fn new(plugin: PluginId, database: Database, host: Migrations, own: Migrations) -> Self {
        Self { plugin, database, host, own }
    }

    /// What a backend does when it starts, by [`Database::migration_mode`]. `tell` gets what is
    /// known as soon as it is.
    ///
    /// # Errors
    /// As [`Self::run`]; and, with [`MigrationMode::Verify`], when something is pending.
    pub async fn start(&self, tell: impl Fn(&MigrationReport)) -> Result<MigrationReport, MigrationError> {
        let mode = self.database.migration_mode();
        if mode == MigrationMode::Skip {
            return Ok(MigrationReport::default());
        }
        let mut report = self.look().await?;
        tell(&report);
        if !report.pending.is_empty() {
            report = match mode {
                MigrationMode::Verify => return Err(MigrationError::Pending { pending: report.pending }),
                MigrationMode::Wait => self.wait(report, &tell).await?,
                MigrationMode::Run | MigrationMode::Skip => self.apply_pending().await?,
            };
            tell(&report);
        }
        Ok(report)
    }

    /// How the database and this backend compare. Changes nothing, waits for nobody, and costs one
    /// query.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub async fn look(&self) -> Result<MigrationReport, MigrationError> {
        let history = history::read(&self.database).await.map_err(MigrationError::History)?.unwrap_or_default();
        let backend = ConnectionTrait::get_database_backend(&self.database);
        Ok(compare(&self.steps(), &history, backend).await)
    }

    /// As [`Self::look`], where the rows of the history were read already: costs no query.
    pub async fn compare(&self, mut history: Vec<HistoryRow>) -> MigrationReport {
        history.sort_by_key(|it| it.ordinal);
        let history: Vec<_> = history.into_iter().filter_map(HistoryRow::applied).collect();
        compare(&self.steps(), &history, ConnectionTrait::get_database_backend(&self.database)).await
    }

    /// Applies what is pending, whatever the mode; waits while another backend does.
    ///
    /// # Errors
    /// When a migration fails: those before it stay applied. When the database cannot be reached.
    pub async fn run(&self) -> Result<MigrationReport, MigrationError> {
        let report = self.look().await?;
        if report.pending.is_empty() { Ok(report) } else { self.apply_pending().await }
    }

    /// As [`Self::run`], and no further than up to the plugin's migration `version`. What is pending after it is so in
    /// the report.
    ///
    /// # Errors
    /// As [`Self::run`]; and when the plugin has no such migration: then nothing is applied.
    pub async fn run_to(&self, version: &str) -> Result<MigrationReport, MigrationError> {
        let last = MigrationId { list: MigrationList::Plugin, version: version.to_owned() };
        if !self.known().contains(&last) {
            return Err(MigrationError::NoSuch { plugin: self.plugin, version: last.version });
        }
        self.apply_to(Some(&last)).await
    }

    /// The migrations of this backend, in the order in which they are applied.
    pub fn known(&self) -> Vec<MigrationId> {
        self.steps().iter().map(Step::id).collect()
    }

    /// What was applied, in that order; nothing where there is no history yet. One query.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub async fn applied(&self) -> Result<Vec<HistoryRow>, MigrationError> {
        let history = history::read(&self.database).await.map_err(MigrationError::History)?.unwrap_or_default();
        Ok(history.into_iter().map(HistoryRow::from).collect())
    }

    /// Undoes the newest `count` migrations of `list`, newest first, by what was kept when they
    /// were applied: this backend need not know them. Waits while another backend migrates.
    ///
    /// # Errors
    /// When there are not that many, or one of them has no way back: then none is undone. When one
    /// fails: those undone before it stay undone.
    pub async fn roll_back(&self, list: MigrationList, count: usize) -> Result<Vec<MigrationId>, MigrationError> {
        let connection = self.connect().await?;
        let lock = self.lock(&connection).await?;
        let undone = roll_back(&connection, &lock, self.plugin, list, count).await;
        finish(connection, lock).await;
        undone
    }

    async fn apply_pending(&self) -> Result<MigrationReport, MigrationError> {
        self.apply_to(None).await
    }

    async fn apply_to(&self, last: Option<&MigrationId>) -> Result<MigrationReport, MigrationError> {
        let connection = self.connect().await?;
        let lock = self.lock(&connection).await?;
        let applied = apply(&connection, &lock, &self.steps(), last, &self.database.info().location).await;
        finish(connection, lock).await;
        applied
    }

    async fn wait(
        &self,
        mut report: MigrationReport,
        tell: &impl Fn(&MigrationReport),
    ) -> Result<MigrationReport, MigrationError> {
        let mut waiting = Waiting::new(FIRST_PAUSE, LONGEST_PAUSE);
        while !report.pending.is_empty() {
            if waiting.is_to_be_told() {
                let (plugin, waited) = (self.plugin.as_str(), waiting.shown());
                let (number, pending) = (count(report.pending.len(), "migration"), enumerate(&report.pending));
                tracing::info!(plugin, "waiting {waited} until another applies {number} of `{plugin}`: {pending}");
            }
            waiting.pause().await;
            report = self.look().await?;
            tell(&report);
        }
        Ok(report)
    }

    async fn connect(&self) -> Result<MigrationConnection, MigrationError> {
        self.database.migration_connection().await.map_err(MigrationError::Connect)
    }

    async fn lock(&self, connection: &DatabaseConnection) -> Result<Lock, MigrationError> {
        Lock::acquire(connection, self.plugin, !self.database.info().ephemeral).await
    }

    fn steps(&self) -> Vec<Step<'_>> {
        let host = self.host.iter().map(|it| Step { list: MigrationList::Host, migration: it.as_ref() });
        let own = self.own.iter().map(|it| Step { list: MigrationList::Plugin, migration: it.as_ref() });
        host.chain(own).collect()
    }
}

/// The lock goes first: another may go on before the connection is closed.
async fn finish(connection: MigrationConnection, lock: Lock) {
    lock.release(&connection).await;
    if let Err(error) = connection.close().await {
        tracing::debug!("closing the connection for migrations: {error}");
    }
}

impl fmt::Debug for Migrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migrator")
            .field("plugin", &self.plugin)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}
