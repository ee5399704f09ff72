use std::fmt;
use std::path::Path;

use backend_app_api::{Migrator, PluginMigrations};
use backend_defaults::database::{Access, DatabaseManager, DatabasePlan, EnginePlan, PostgresPlan, SqlitePlace};
use backend_plugin_api::PluginId;
use backend_plugin_api::services::Database;

/// The database of one plugin, as an operator works on it. Nothing is opened before it is needed.
#[derive(Clone)]
pub struct Site {
    /// What the config says.
    pub plan: DatabasePlan,
    /// The handle that the plugin would have.
    pub database: Database,
    /// What makes its tables.
    pub migrations: PluginMigrations,
    /// Connections of the tools' own.
    pub access: Access,
    pub(crate) manager: DatabaseManager,
}

impl Site {
    /// That of the plan, by a manager of the same config.
    pub fn new(plan: DatabasePlan, migrations: PluginMigrations, manager: &DatabaseManager) -> Self {
        let (database, access) = (manager.open(&plan), manager.access());
        Self { plan, database, migrations, access, manager: manager.clone() }
    }

    /// Whose it is.
    pub fn plugin(&self) -> PluginId {
        self.plan.plugin
    }

    /// What brings it up to date.
    pub fn migrator(&self) -> Migrator {
        self.migrations.migrator(self.database.clone())
    }

    /// Makes it, where it is not there and may be made: what a start does before migrations.
    ///
    /// # Errors
    /// When it is not there after that.
    pub async fn provision(&self) -> anyhow::Result<()> {
        self.database.provision(self.migrations.extensions()).await
    }

    /// Its file, if it is SQLite's and in one.
    pub fn file(&self) -> Option<&Path> {
        match &self.plan.engine {
            EnginePlan::Sqlite(plan) => match &plan.place {
                SqlitePlace::File(file) => Some(file),
                SqlitePlace::Memory => None,
            },
            EnginePlan::Postgres(_) | EnginePlan::MySql(_) => None,
        }
    }

    /// What is particular to PostgreSQL, if it is there.
    pub(crate) fn postgres_plan(&self) -> Option<&PostgresPlan> {
        match &self.plan.engine {
            EnginePlan::Postgres(plan) => Some(plan),
            EnginePlan::Sqlite(_) | EnginePlan::MySql(_) => None,
        }
    }

    /// Closes what was opened.
    pub async fn close(&self) {
        self.database.close().await;
        self.access.close().await;
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Site").field(&self.plan.plugin).field(self.database.info()).finish()
    }
}
