use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::anyhow;
use backend_plugin_api::services::Database;
use backend_plugin_api::{PluginId, Result, Root, RootConfig, Service, ServiceFactory};

use super::access::Access;
use super::credentials::{Keyring, Outside};
use super::mysql::{MySqlContext, MySqlDriver};
use super::plan::EnginePlan;
use super::postgres::{PostgresContext, PostgresDriver};
use super::sqlite::SqliteDriver;
use super::sqlite::scratch::Scratch;
use super::{DatabaseConfig, DatabasePlan, LibpqEnvironment};

/// Gives each plugin its database.
#[derive(Clone)]
pub struct DatabaseManager(Arc<Shared>);

struct Shared {
    config: DatabaseConfig,
    environment: LibpqEnvironment,
    scratch: Arc<Scratch>,
    mysql: Arc<MySqlContext>,
    postgres: Arc<PostgresContext>,
    databases: Mutex<HashMap<PluginId, Database>>,
}

impl DatabaseManager {
    /// Opens nothing.
    pub fn new(config: DatabaseConfig, environment: LibpqEnvironment) -> Self {
        let scratch = Arc::new(Scratch::new(std::env::temp_dir()));
        let keyring = Arc::new(Keyring::new(Outside::new(|name| std::env::var(name).ok())));
        let postgres = Arc::new(PostgresContext::new(Arc::clone(&keyring)));
        let mysql = Arc::new(MySqlContext::new(keyring));
        Self(Arc::new(Shared { config, environment, scratch, mysql, postgres, databases: Mutex::default() }))
    }

    /// The database of `plugin`: the same one whenever it is asked for. Opens nothing.
    ///
    /// # Errors
    /// When its settings have mistakes.
    pub fn database_for(&self, plugin: PluginId) -> Result<Database> {
        let mut databases = self.0.databases.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = databases.get(&plugin) {
            return Ok(database.clone());
        }
        let database = self.open(&self.plan(plugin)?);
        databases.insert(plugin, database.clone());
        Ok(database)
    }

    /// Connections for operators' tools.
    pub fn access(&self) -> Access {
        Access::new(Arc::clone(&self.0.postgres), Arc::clone(&self.0.mysql))
    }

    /// What `plugin` gets.
    ///
    /// # Errors
    /// As [`Self::database_for`].
    pub fn plan(&self, plugin: PluginId) -> Result<DatabasePlan> {
        self.0.config.plan(plugin, &self.0.environment).map_err(|mistakes| {
            let mistakes: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
            anyhow!("{}", mistakes.join("; "))
        })
    }

    /// The database of a plan, whosever it is: another handle each time. Opens nothing.
    pub fn open(&self, plan: &DatabasePlan) -> Database {
        match &plan.engine {
            EnginePlan::Sqlite(sqlite) => Database::new(SqliteDriver::new(plan, sqlite, Arc::clone(&self.0.scratch))),
            EnginePlan::Postgres(postgres) => {
                Database::new(PostgresDriver::new(plan, postgres, Arc::clone(&self.0.postgres)))
            }
            EnginePlan::MySql(mysql) => Database::new(MySqlDriver::new(plan, mysql, &self.0.mysql)),
        }
    }
}

impl Service for DatabaseManager {
    type Scope = Root;
    const ID: &'static str = "core.database-manager";
}

impl fmt::Debug for DatabaseManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseManager")
    }
}

/// Makes the [`DatabaseManager`].
#[derive(Clone, Copy, Debug, Default)]
pub struct DatabaseManagerFactory;

impl ServiceFactory for DatabaseManagerFactory {
    type Service = DatabaseManager;
    type Deps = (RootConfig<DatabaseConfig>,);

    async fn create(&self, (config,): Self::Deps) -> Result<DatabaseManager> {
        Ok(DatabaseManager::new(config.0, LibpqEnvironment::of_process()))
    }
}

/// Makes each plugin's [`Database`].
#[derive(Clone, Copy, Debug, Default)]
pub struct DatabaseFactory;

impl ServiceFactory for DatabaseFactory {
    type Service = Database;
    type Deps = (PluginId, DatabaseManager);

    async fn create(&self, (plugin, manager): Self::Deps) -> Result<Database> {
        manager.database_for(plugin)
    }
}
