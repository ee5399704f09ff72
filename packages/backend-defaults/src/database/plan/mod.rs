//! From config to what each plugin will get, as values: nothing is opened here.

mod connection_string;
mod direct;
mod login;
mod mysql;
mod node_ssl;
mod pool;
mod postgres;
mod postgres_hosts;
mod postgres_tls;
mod resolve;
mod servers;
mod settings;
mod sqlite;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use backend_plugin_api::PluginId;
use backend_plugin_api::services::database::{DatabaseInfo, MigrationMode};

use self::resolve::{Resolve, did_you_mean, plugin_key};
use super::config::{DatabaseConfig, Pooler};
use super::environment::LibpqEnvironment;
use super::mysql::MySqlServer;
use super::postgres::{Login, PostgresServer};

#[cfg(test)]
mod tests;

/// No plugin has this id: it stands for those without settings of their own.
const ANY_PLUGIN: PluginId = PluginId::new("x");

/// What one plugin will get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabasePlan {
    /// Whose it is.
    pub plugin: PluginId,
    /// As configured, e.g. `better-sqlite3`.
    pub client: String,
    /// What is particular to the engine behind the client.
    pub engine: EnginePlan,
    /// Its connections.
    pub pool: PoolPlan,
    /// The connections of all plugins to its server.
    pub budget: BudgetPlan,
    /// What is done about migrations at start.
    pub migrations: MigrationMode,
    /// Where the config says how to connect, e.g. `app-config.yaml:12:5`.
    pub place: Option<String>,
}

/// What is particular to an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnginePlan {
    /// For `better-sqlite3` and `sqlite3`.
    Sqlite(SqlitePlan),
    /// For `pg` and `embedded-postgres`.
    Postgres(Box<PostgresPlan>),
    /// For `mysql2` and `mysql`.
    MySql(Box<MySqlPlan>),
}

/// A SQLite database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlitePlan {
    /// Where it is kept.
    pub place: SqlitePlace,
}

/// Where a SQLite database is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SqlitePlace {
    /// Nowhere: it is gone when the backend stops.
    Memory,
    /// In a file, as configured; made when it is not there, with its folders.
    File(PathBuf),
}

/// A database, or a schema in one, on a PostgreSQL server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresPlan {
    /// How to connect.
    pub server: PostgresServer,
    /// What is between the backend and that server.
    pub pooler: Option<Pooler>,
    /// What migrations are made through, if not through `server`.
    pub direct: Option<DirectPlan>,
    /// The data folder of a private server that the backend runs: its hosts and login are known then.
    pub embedded: Option<PathBuf>,
    /// The database.
    pub database: String,
    /// In `schema` mode.
    pub schema: Option<String>,
    /// What connections become, and who owns what is made.
    pub role: Option<String>,
    /// The role is the plugin's alone: it owns all that is the plugin's, and is not to be left. There is one then.
    pub isolated: bool,
    /// What is made when it is not there.
    pub ensure: Ensure,
    /// What is connected to when the database has to be made.
    pub maintenance_database: String,
    /// Who makes databases and schemas, if not who connects for the plugin.
    pub admin: Option<Login>,
    /// How long to wait at start for a server that is not up yet.
    pub startup_timeout: Duration,
}

/// How migrations get to a plugin's database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectPlan {
    /// How to connect.
    pub server: PostgresServer,
    /// The database: a pooler may have another name for it.
    pub database: String,
}

/// A database on a MySQL server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MySqlPlan {
    /// How to connect.
    pub server: MySqlServer,
    /// The database.
    pub database: String,
    /// Whether it is made when it is not there.
    pub ensure_exists: bool,
    /// Who makes databases, if not who connects for the plugin.
    pub admin: Option<Login>,
    /// How long to wait at start for a server that is not up yet.
    pub startup_timeout: Duration,
}

/// What is made when it is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ensure {
    /// `ensureExists`.
    pub database: bool,
    /// `ensureExists` or `ensureSchemaExists`.
    pub schema: bool,
    /// Whose database or schema it is, with `isolation`: as that is made.
    pub role: bool,
}

/// The connections of a plugin. tarn.js: the options of the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolPlan {
    /// How many are kept though they are idle.
    pub min: usize,
    /// The most there are; at least one.
    pub max: usize,
    /// How long to wait for one, opening it included.
    pub acquire_timeout: Duration,
    /// How long opening one may take.
    pub create_timeout: Duration,
    /// How long closing one in order may take.
    pub destroy_timeout: Duration,
    /// After how long an idle one is closed.
    pub idle_timeout: Duration,
    /// How often idle ones are looked for; not zero.
    pub reap_interval: Duration,
    /// How long after one could not be opened it is tried again.
    pub create_retry_interval: Duration,
    /// Whether who asked is told at once that one could not be opened.
    pub propagate_create_error: bool,
}

/// How many connections this backend may have to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetPlan {
    /// As configured; else by what the server has.
    pub max_connections: Option<usize>,
    /// How many backends share what the server has; at least one.
    pub replicas: usize,
}

/// What is wrong in the config, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("`{key}`: {message}")]
pub struct Mistake {
    /// With dots, from the root.
    pub key: String,
    /// Lowercase, without a full stop.
    pub message: String,
}

impl DatabasePlan {
    /// What operators are shown.
    pub fn info(&self) -> DatabaseInfo {
        let (location, ephemeral) = match &self.engine {
            EnginePlan::Sqlite(SqlitePlan { place: SqlitePlace::Memory }) => ("in memory".to_owned(), true),
            EnginePlan::Sqlite(SqlitePlan { place: SqlitePlace::File(file) }) => (shown(file), false),
            EnginePlan::Postgres(it) => (it.location(), false),
            EnginePlan::MySql(it) => (it.location(), false),
        };
        DatabaseInfo { client: self.client.clone(), location, ephemeral }
    }

    /// The server that it is on, if there is one: e.g. `db.example.com:5432`. The budget is one for all plugins there.
    pub fn server(&self) -> Option<String> {
        match &self.engine {
            EnginePlan::Sqlite(_) => None,
            EnginePlan::Postgres(it) => Some(it.shown_server()),
            EnginePlan::MySql(it) => Some(it.server.address.to_string()),
        }
    }

    /// For messages: where it is, and where the config says so.
    pub(crate) fn shown_location(&self) -> String {
        let location = self.info().location;
        self.place.as_ref().map_or_else(|| location.clone(), |place| format!("{location}, by {place}"))
    }

    /// The same for two plans that would put their tables in the same place.
    fn tables(&self) -> Option<String> {
        match &self.engine {
            EnginePlan::Sqlite(SqlitePlan { place: SqlitePlace::Memory }) => None,
            EnginePlan::Sqlite(SqlitePlan { place: SqlitePlace::File(file) }) => {
                Some(format!("the file `{}`", shown(&normal(file))))
            }
            EnginePlan::Postgres(it) => {
                let what = if it.schema.is_some() { "schema" } else { "database" };
                Some(format!("the {what} `{}`", it.location()))
            }
            EnginePlan::MySql(it) => Some(format!("the database `{}`", it.location())),
        }
    }

    /// The same for two plans that would have the same role, where each is to have its own.
    fn own_role(&self) -> Option<String> {
        match &self.engine {
            EnginePlan::Postgres(it) if it.isolated => {
                let role = it.role.as_deref()?;
                Some(format!("the role `{role}` of `{}`", it.shown_server()))
            }
            _ => None,
        }
    }
}

impl PostgresPlan {
    /// As migrations get to it, and whatever else has to be made or looked at for them.
    pub(crate) fn for_migrations(&self) -> Self {
        let DirectPlan { server, database } = match &self.direct {
            Some(direct) => direct.clone(),
            None => return self.clone(),
        };
        Self { server, database, pooler: None, direct: None, ..self.clone() }
    }

    /// The database, as migrations connect to it.
    pub fn migrations_database(&self) -> &str {
        self.direct.as_ref().map_or(&self.database, |it| &it.database)
    }

    /// E.g. `db.example.com:5432/portal`, in schema mode with ` schema catalog`.
    pub fn location(&self) -> String {
        let schema = self.schema.as_ref().map(|it| format!(" schema {it}")).unwrap_or_default();
        format!("{}/{}{schema}", self.shown_server(), self.database)
    }

    fn shown_server(&self) -> String {
        match &self.embedded {
            Some(directory) => shown(directory),
            None => self.server.to_string(),
        }
    }
}

impl MySqlPlan {
    /// E.g. `db.example.com:3306/backstage_plugin_catalog`.
    pub fn location(&self) -> String {
        format!("{}/{}", self.server.address, self.database)
    }
}

impl DatabaseConfig {
    /// What `plugin` will get.
    ///
    /// # Errors
    /// Every mistake that is in its way, in the base and in its own settings.
    pub fn plan(&self, plugin: PluginId, environment: &LibpqEnvironment) -> Result<DatabasePlan, Vec<Mistake>> {
        Resolve::new(self, environment, plugin, self.plugin.get(plugin.as_str())).finish()
    }

    /// Every mistake there is, given the plugins of the backend.
    pub fn mistakes(&self, plugins: &[PluginId], environment: &LibpqEnvironment) -> Vec<Mistake> {
        let mut mistakes = BTreeSet::new();
        let mut places: BTreeMap<String, PluginId> = BTreeMap::new();
        // Settings of plugins that are not there, and the base even if there are no plugins.
        mistakes.extend(self.unknown_plugins(plugins));
        let base = Resolve::new(self, environment, ANY_PLUGIN, None).finish();
        mistakes.extend(base.err().unwrap_or_default());
        for plugin in plugins {
            let plan = match self.plan(*plugin, environment) {
                Ok(plan) => plan,
                Err(found) => {
                    mistakes.extend(found);
                    continue;
                }
            };
            for (key, what) in [("connection", plan.tables()), ("role", plan.own_role())] {
                let Some(what) = what else { continue };
                let Some(other) = places.insert(what.clone(), *plugin) else { continue };
                let owner = if self.plugin.contains_key(plugin.as_str()) { *plugin } else { other };
                mistakes.insert(Mistake {
                    key: plugin_key(owner.as_str(), key),
                    message: format!("plugins `{other}` and `{plugin}` would share {what}"),
                });
            }
        }
        mistakes.into_iter().collect()
    }

    fn unknown_plugins(&self, plugins: &[PluginId]) -> Vec<Mistake> {
        let ids: Vec<_> = plugins.iter().map(|it| it.as_str()).collect();
        let unknown = self.plugin.keys().filter(|id| !ids.contains(&id.as_str()));
        let mistake = |id: &String| Mistake {
            key: plugin_key(id, ""),
            message: format!("this backend has no plugin `{id}`{}", did_you_mean(id, &ids)),
        };
        unknown.map(mistake).collect()
    }
}

/// The same for `a/b` and `./a//b`. Links are not followed: nothing is looked at.
fn normal(file: &Path) -> PathBuf {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    file.components().collect()
}

/// As people would type it: relative if it is below where they are.
fn shown(file: &Path) -> String {
    let file = normal(file);
    let below = std::env::current_dir().ok().and_then(|it| file.strip_prefix(it).ok().map(Path::to_owned));
    below.unwrap_or(file).display().to_string()
}
