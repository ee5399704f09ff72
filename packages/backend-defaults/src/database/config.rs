use std::borrow::Cow;
use std::collections::BTreeMap;

use backend_plugin_api::{CheckContext, ConfigError, Secret, Section};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::plan::Mistake;

/// Why keys have no effect.
const SQLITE_ALONE: &str = "this version has SQLite only";
const KNEX_ALONE: &str = "Knex is not in use here";
const KEPT: &str = "connections to SQLite are kept";

/// Where plugins keep their data.
///
/// An absent section is SQLite in memory. Backstage: `backend.database` of
/// `@backstage/backend-defaults`; what is said here of a key holds where it differs.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct DatabaseConfig {
    /// `better-sqlite3` or `sqlite3`, which are the same.
    #[schemars(extend("default" = "better-sqlite3"))]
    pub client: Option<String>,
    /// `:memory:`, or an object with `directory`: a file `<plugin>.sqlite` in it for each.
    #[schemars(extend("default" = ":memory:"))]
    pub connection: Option<Connection>,
    /// By plugin id: what is other for that plugin.
    pub plugin: BTreeMap<String, PluginDatabaseConfig>,
    /// Knex's settings; of these, the pool's are in use.
    pub knex_config: KnexConfig,
    /// Lets databases in memory be used in production, where they are refused else.
    pub allow_ephemeral: bool,
    /// `database`: each plugin has its own. SQLite has nothing else.
    pub plugin_division_mode: PluginDivisionMode,
    /// Of the names of databases on a server.
    #[schemars(extend("unused" = SQLITE_ALONE))]
    pub prefix: Option<String>,
    /// Of the names of schemas.
    #[schemars(extend("unused" = SQLITE_ALONE))]
    pub schema_prefix: Option<String>,
    /// Whether a plugin's database is made when it is not there.
    #[schemars(extend("unused" = "a file of SQLite is always made"))]
    pub ensure_exists: Option<bool>,
    /// Whether a schema is made when it is not there.
    #[schemars(extend("unused" = SQLITE_ALONE))]
    pub ensure_schema_exists: Option<bool>,
    /// Who owns what is made on a server.
    #[schemars(extend("unused" = SQLITE_ALONE))]
    pub role: Option<String>,
    /// Only `false`: this version always applies migrations.
    pub skip_migrations: Option<bool>,
}

/// `backend.database.plugin.<id>`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PluginDatabaseConfig {
    /// Default: the base's. If it is another than the base's, the base's `connection` is not
    /// inherited.
    pub client: Option<String>,
    /// Its keys override the base's. A string is a file or `:memory:`, an object may also have a
    /// `filename`, relative to `directory`.
    pub connection: Option<Connection>,
    /// Merged over the base's.
    pub knex_config: KnexConfig,
    /// Whether the plugin's database is made when it is not there.
    #[schemars(extend("unused" = "a file of SQLite is always made"))]
    pub ensure_exists: Option<bool>,
    /// Whether a schema is made when it is not there.
    #[schemars(extend("unused" = SQLITE_ALONE))]
    pub ensure_schema_exists: Option<bool>,
    /// Who owns what is made on a server.
    #[schemars(extend("unused" = SQLITE_ALONE))]
    pub role: Option<String>,
    /// Only `false`: this version always applies migrations.
    pub skip_migrations: Option<bool>,
}

/// How plugins share a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PluginDivisionMode {
    /// Each has its own database.
    #[default]
    Database,
    /// All are in one database, each in its own schema.
    Schema,
}

/// A connection as configured, a string or an object: what it may have depends on the client.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Connection(pub(super) Secret<serde_json::Value>);

/// `knexConfig`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct KnexConfig {
    /// How many connections, and how long to wait.
    pub pool: PoolConfig,
    /// Milliseconds; where `pool.acquireTimeoutMillis` is not set.
    pub acquire_connection_timeout: Option<u64>,
    /// Knex's own.
    #[schemars(extend("unused" = KNEX_ALONE))]
    pub async_stack_traces: Option<bool>,
    /// Knex's own.
    #[schemars(extend("unused" = KNEX_ALONE))]
    pub debug: Option<bool>,
    /// Knex's own.
    #[schemars(extend("unused" = KNEX_ALONE))]
    pub use_null_as_default: Option<bool>,
}

/// `knexConfig.pool`: tarn.js's options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PoolConfig {
    /// The fewest connections.
    #[schemars(extend("unused" = "connections are opened when needed, and kept"))]
    pub min: Option<u32>,
    /// The most connections of a plugin. With SQLite one of them writes, and the others,
    /// at least one, read.
    #[schemars(extend("default" = 5))]
    pub max: Option<u32>,
    /// How long to wait for a connection when all are busy, in milliseconds.
    #[schemars(extend("default" = 10_000))]
    pub acquire_timeout_millis: Option<u64>,
    /// How long opening a connection may take, in milliseconds.
    #[schemars(extend("default" = 30_000))]
    pub create_timeout_millis: Option<u64>,
    /// tarn.js' own.
    #[schemars(extend("unused" = KEPT))]
    pub destroy_timeout_millis: Option<u64>,
    /// tarn.js' own.
    #[schemars(extend("unused" = KEPT))]
    pub idle_timeout_millis: Option<u64>,
    /// tarn.js' own.
    #[schemars(extend("unused" = KEPT))]
    pub reap_interval_millis: Option<u64>,
    /// tarn.js' own.
    #[schemars(extend("unused" = KEPT))]
    pub create_retry_interval_millis: Option<u64>,
    /// tarn.js' own.
    #[schemars(extend("unused" = "an error is always told to who asked for the connection"))]
    pub propagate_create_error: Option<bool>,
}

impl JsonSchema for Connection {
    fn schema_name() -> Cow<'static, str> {
        "Connection".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "string", "visibility": "secret" },
                {
                    "type": "object",
                    "properties": {
                        "directory": { "type": "string", "description": "The folder of the files: `<plugin id>.sqlite` for each" },
                        "password": { "type": "string", "description": "For servers", "visibility": "secret" },
                        "filename": { "type": "string", "description": "For one plugin: its file, in `directory` if there is one; or `:memory:`" },
                    },
                },
            ],
        })
    }
}

impl Section for DatabaseConfig {
    const KEY: &'static str = "backend.database";

    fn check(&self, cx: &CheckContext<'_>) -> Vec<ConfigError> {
        let mistakes = self.mistakes(cx.plugins).into_iter();
        mistakes.map(|Mistake { key, message }| cx.config.error(&key, message)).collect()
    }
}
