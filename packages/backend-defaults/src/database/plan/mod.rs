//! From config to what each plugin will get, as values: nothing is opened here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use backend_plugin_api::services::database::{DatabaseInfo, MigrationMode};
use backend_plugin_api::{PluginId, Section};
use serde_json::Value;

use super::config::{Connection, DatabaseConfig, KnexConfig, PluginDatabaseConfig, PluginDivisionMode, PoolConfig};

#[cfg(test)]
mod tests;

const DEFAULT_MAX: u32 = 5;
const DEFAULT_ACQUIRE_TIMEOUT: u64 = 10_000;
/// As tarn.js.
const DEFAULT_CREATE_TIMEOUT: u64 = 30_000;

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
    /// What is done about migrations at start.
    pub migrations: MigrationMode,
}

/// What is particular to an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnginePlan {
    /// For `better-sqlite3` and `sqlite3`.
    Sqlite(SqlitePlan),
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

/// The connections of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolPlan {
    /// The most that read at a time; one more writes.
    pub max_readers: usize,
    /// How long to wait for one when all are busy.
    pub acquire_timeout: Duration,
    /// How long opening one may take.
    pub create_timeout: Duration,
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
        let EnginePlan::Sqlite(SqlitePlan { place }) = &self.engine;
        let (location, ephemeral) = match place {
            SqlitePlace::Memory => ("in memory".to_owned(), true),
            SqlitePlace::File(file) => (shown(file), false),
        };
        DatabaseInfo { client: self.client.clone(), location, ephemeral }
    }
}

impl DatabaseConfig {
    /// What `plugin` will get.
    ///
    /// # Errors
    /// Every mistake that is in its way, in the base and in its own settings.
    pub fn plan(&self, plugin: PluginId) -> Result<DatabasePlan, Vec<Mistake>> {
        let mut resolve = Resolve { config: self, plugin, own: self.plugin.get(plugin.as_str()), mistakes: Vec::new() };
        let plan = resolve.plan();
        match plan {
            Some(plan) if resolve.mistakes.is_empty() => Ok(plan),
            _ => Err(resolve.mistakes),
        }
    }

    /// Every mistake there is, given the plugins of the backend.
    pub fn mistakes(&self, plugins: &[PluginId]) -> Vec<Mistake> {
        let mut mistakes = BTreeSet::new();
        let mut files: BTreeMap<PathBuf, PluginId> = BTreeMap::new();
        // Settings of plugins that are not there, and the base even if there are no plugins.
        mistakes.extend(self.unknown_plugins(plugins));
        mistakes.extend(self.base_mistakes());
        for plugin in plugins {
            let plan = match self.plan(*plugin) {
                Ok(plan) => plan,
                Err(found) => {
                    mistakes.extend(found);
                    continue;
                }
            };
            let EnginePlan::Sqlite(SqlitePlan { place: SqlitePlace::File(file) }) = plan.engine else { continue };
            let Some(other) = files.insert(normal(&file), *plugin) else { continue };
            let owner = if self.plugin.contains_key(plugin.as_str()) { *plugin } else { other };
            mistakes.insert(Mistake {
                key: plugin_key(owner.as_str(), "connection"),
                message: format!("plugins `{other}` and `{plugin}` would share the file `{}`", shown(&file)),
            });
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

    fn base_mistakes(&self) -> Vec<Mistake> {
        // No plugin has this id: it stands for those without settings of their own.
        let plugin = PluginId::new("x");
        let mut base = Resolve { config: self, plugin, own: None, mistakes: Vec::new() };
        base.plan();
        base.mistakes
    }
}

/// Resolves the settings of one plugin.
struct Resolve<'a> {
    config: &'a DatabaseConfig,
    plugin: PluginId,
    own: Option<&'a PluginDatabaseConfig>,
    mistakes: Vec<Mistake>,
}

/// The clients of this version.
const CLIENTS: [&str; 2] = ["better-sqlite3", "sqlite3"];
/// Those of Backstage that this version does not have.
const OTHER_CLIENTS: [&str; 4] = ["embedded-postgres", "mysql", "mysql2", "pg"];
/// What people write in their place.
const ALIASES: [(&str, &str); 5] = [
    ("mariadb", "mysql2"),
    ("postgres", "pg"),
    ("postgresql", "pg"),
    ("sqlite", "better-sqlite3"),
    ("better-sqlite", "better-sqlite3"),
];

/// What is said of where a SQLite database is.
#[derive(Clone, Default)]
struct Location {
    directory: Option<PathBuf>,
    filename: Option<PathBuf>,
}

impl Resolve<'_> {
    fn plan(&mut self) -> Option<DatabasePlan> {
        self.check_settings();
        let pool = self.pool();
        let client = self.client()?;
        let engine = EnginePlan::Sqlite(SqlitePlan { place: self.place()? });
        Some(DatabasePlan { plugin: self.plugin, client, engine, pool, migrations: MigrationMode::Run })
    }

    fn mistake(&mut self, key: String, message: impl Into<String>) {
        self.mistakes.push(Mistake { key, message: message.into() });
    }

    fn own_key(&self, key: &str) -> String {
        plugin_key(self.plugin.as_str(), key)
    }

    fn check_settings(&mut self) {
        let always = "this version always applies migrations: remove this";
        if self.config.skip_migrations == Some(true) {
            self.mistake(base_key("skipMigrations"), always);
        }
        if self.own.is_some_and(|it| it.skip_migrations == Some(true)) {
            self.mistake(self.own_key("skipMigrations"), always);
        }
    }

    fn client(&mut self) -> Option<String> {
        let base = self.config.client.as_deref();
        let (client, key) = match self.own.and_then(|it| it.client.as_deref()) {
            Some(client) => (client, self.own_key("client")),
            None => (base.unwrap_or(CLIENTS[0]), base_key("client")),
        };
        if CLIENTS.contains(&client) {
            return Some(client.to_owned());
        }
        let message = if OTHER_CLIENTS.contains(&client) {
            format!("`{client}` is not in this version, which has SQLite only: `better-sqlite3`")
        } else {
            let alias = ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(client));
            let known: Vec<_> = CLIENTS.into_iter().chain(OTHER_CLIENTS).collect();
            let hint = alias.map(|(_, it)| format!("; did you mean `{it}`?"));
            format!("there is no client `{client}`{}", hint.unwrap_or_else(|| did_you_mean(client, &known)))
        };
        self.mistake(key, message);
        None
    }

    /// Backstage: the plugin's keys over the base's, if the client is the base's too (here, if it is
    /// the other name of the same). The file is `filename`, or else named after the plugin, in
    /// `directory`.
    fn place(&mut self) -> Option<SqlitePlace> {
        let before = self.mistakes.len();
        if self.config.plugin_division_mode == PluginDivisionMode::Schema {
            let message = "SQLite has no schemas: each plugin has a database of its own (`database`)";
            self.mistake(base_key("pluginDivisionMode"), message);
        }
        let inherits = self.config.client.as_deref().is_none_or(|it| CLIENTS.contains(&it));
        let base = self.config.connection.as_ref().filter(|_| inherits);
        let base = base.map(|it| self.location(it, &base_key("connection"))).unwrap_or_default();
        if base.filename.as_deref().is_some_and(|it| !is_memory(it)) {
            let key = match self.config.connection.as_ref().map(|it| it.0.expose()) {
                Some(Value::Object(_)) => "connection.filename",
                _ => "connection",
            };
            let message =
                "plugins cannot share one file: set `connection.directory`, or `plugin.<id>.connection.filename`";
            self.mistake(base_key(key), message);
        }
        let own = self.own.and_then(|it| it.connection.as_ref());
        let own = own.map(|it| self.location(it, &self.own_key("connection"))).unwrap_or_default();
        if self.mistakes.len() > before {
            return None;
        }
        // A plugin that names a folder does not want the base's memory.
        let base_filename = base.filename.filter(|_| own.directory.is_none());
        let directory = own.directory.or(base.directory);
        Some(match (directory, own.filename.or(base_filename)) {
            (_, Some(filename)) if is_memory(&filename) => SqlitePlace::Memory,
            (None, None) => SqlitePlace::Memory,
            (directory, filename) => {
                let filename = filename.unwrap_or_else(|| format!("{}.sqlite", self.plugin).into());
                SqlitePlace::File(directory.unwrap_or_default().join(filename))
            }
        })
    }

    fn location(&mut self, connection: &Connection, key: &str) -> Location {
        match connection.0.expose() {
            Value::String(text) => Location { filename: self.file_of(text, key), directory: None },
            Value::Object(map) => {
                let mut location = Location::default();
                for (name, value) in map {
                    let key = format!("{key}.{name}");
                    match (name.as_str(), value) {
                        ("directory", Value::String(text)) if !text.is_empty() => {
                            location.directory = Some(text.into())
                        }
                        ("filename", Value::String(text)) => location.filename = self.file_of(text, &key),
                        ("directory" | "filename", _) => self.mistake(key, "expected a path"),
                        _ => {
                            let hint = did_you_mean(name, &["directory", "filename"]);
                            self.mistake(key, format!("SQLite has no such setting{hint}"));
                        }
                    }
                }
                location
            }
            _ => {
                self.mistake(key.to_owned(), "expected `:memory:`, or an object with a `directory`");
                Location::default()
            }
        }
    }

    /// Takes a path, and also `file:` before it.
    fn file_of(&mut self, text: &str, key: &str) -> Option<PathBuf> {
        let path = text.strip_prefix("file:").map_or(text, |it| it.strip_prefix("//").unwrap_or(it));
        let message = if path.is_empty() {
            "expected the path of a file, or `:memory:`"
        } else if path.len() < text.len() && path.contains('?') {
            "parameters of `file:` are not supported: write the path alone"
        } else if text.contains("://") && path.len() == text.len() {
            "expected the path of a file, or `:memory:`: this is the address of a server"
        } else {
            return Some(path.into());
        };
        self.mistake(key.to_owned(), message);
        None
    }

    fn pool(&mut self) -> PoolPlan {
        let base = &self.config.knex_config;
        let own = self.own.map(|it| &it.knex_config);
        let pool = merge(base.pool, own.map(|it| it.pool).unwrap_or_default());
        let owns_max = own.is_some_and(|it| it.pool.max.is_some());
        let owns_min = own.is_some_and(|it| it.pool.min.is_some());
        let max = pool.max.unwrap_or(DEFAULT_MAX);
        let key = |own: bool, name: &str| match own {
            true => self.own_key(&format!("knexConfig.pool.{name}")),
            false => base_key(&format!("knexConfig.pool.{name}")),
        };
        let (max_key, min_key) = (key(owns_max, "max"), key(owns_min, "min"));
        if max == 0 {
            self.mistake(max_key, "expected at least 1");
        } else if let Some(min) = pool.min.filter(|min| pool.max.is_some() && *min > max) {
            self.mistake(min_key, format!("{min} is more than `max`, which is {max}"));
        }
        let wait = |it: &KnexConfig| it.pool.acquire_timeout_millis.or(it.acquire_connection_timeout);
        let acquire = own.and_then(wait).or_else(|| wait(base)).unwrap_or(DEFAULT_ACQUIRE_TIMEOUT);
        PoolPlan {
            max_readers: max.saturating_sub(1).max(1) as usize,
            acquire_timeout: Duration::from_millis(acquire),
            create_timeout: Duration::from_millis(pool.create_timeout_millis.unwrap_or(DEFAULT_CREATE_TIMEOUT)),
        }
    }
}

fn merge(base: PoolConfig, own: PoolConfig) -> PoolConfig {
    PoolConfig {
        min: own.min.or(base.min),
        max: own.max.or(base.max),
        acquire_timeout_millis: own.acquire_timeout_millis.or(base.acquire_timeout_millis),
        create_timeout_millis: own.create_timeout_millis.or(base.create_timeout_millis),
        destroy_timeout_millis: own.destroy_timeout_millis.or(base.destroy_timeout_millis),
        idle_timeout_millis: own.idle_timeout_millis.or(base.idle_timeout_millis),
        reap_interval_millis: own.reap_interval_millis.or(base.reap_interval_millis),
        create_retry_interval_millis: own.create_retry_interval_millis.or(base.create_retry_interval_millis),
        propagate_create_error: own.propagate_create_error.or(base.propagate_create_error),
    }
}

fn is_memory(filename: &Path) -> bool {
    filename.as_os_str() == ":memory:"
}

fn base_key(key: &str) -> String {
    format!("{}.{key}", DatabaseConfig::KEY)
}

fn plugin_key(plugin: &str, key: &str) -> String {
    let plugin = match plugin.contains(['.', '[', ']', '"']) {
        true => format!("[{plugin:?}]"),
        false => format!(".{plugin}"),
    };
    let dot = if key.is_empty() { "" } else { "." };
    format!("{}.plugin{plugin}{dot}{key}", DatabaseConfig::KEY)
}

fn did_you_mean(name: &str, known: &[&str]) -> String {
    let near = known.iter().map(|it| (strsim::damerau_levenshtein(it, name), *it)).min();
    near.filter(|(distance, _)| *distance <= 2).map(|(_, it)| format!("; did you mean `{it}`?")).unwrap_or_default()
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
