use std::collections::BTreeMap;

use backend_plugin_api::{CheckContext, ConfigError, Duration, Located, Section};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::connection::Connection;
use super::environment::LibpqEnvironment;
use super::plan::Mistake;

/// Why keys have no effect.
const KNEX_ALONE: &str = "Knex is not in use here";

/// Where plugins keep their data.
///
/// An absent section is SQLite in memory. Backstage: `backend.database` of
/// `@backstage/backend-defaults`; what is said here of a key holds where it differs.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct DatabaseConfig {
    /// `better-sqlite3` or `sqlite3`, which are the same; `pg`; `mysql2` or `mysql`, which are the same;
    /// `embedded-postgres`, a private PostgreSQL run from the binaries on this machine.
    #[schemars(extend("default" = "better-sqlite3"))]
    pub client: Option<String>,
    /// A string (`:memory:`, `postgresql://...`, `mysql://...`) or an object. What PostgreSQL's leaves
    /// out is taken from libpq's environment (`PGHOST`, `PGUSER`, ...).
    #[schemars(extend("default" = ":memory:"))]
    pub connection: Option<Located<Connection>>,
    /// By plugin id: what is other for that plugin.
    pub plugin: BTreeMap<String, PluginDatabaseConfig>,
    /// Knex's settings; of these, the pool's are in use.
    pub knex_config: KnexConfig,
    /// Lets databases in memory be used in production, where they are refused else.
    pub allow_ephemeral: bool,
    /// `database`: each plugin has its own. `schema`: PostgreSQL only, all in one database.
    pub plugin_division_mode: PluginDivisionMode,
    /// Of the names of databases on a server, and of the roles of `isolation`: `<prefix><plugin id>`.
    #[schemars(extend("default" = "backstage_plugin_"))]
    pub prefix: Option<String>,
    /// Of the names of schemas: `<schemaPrefix><plugin id>`.
    #[schemars(extend("default" = ""))]
    pub schema_prefix: Option<String>,
    /// Whether databases, schemas and the roles of `isolation` are made when they are not there.
    #[schemars(extend("default" = true))]
    pub ensure_exists: Option<bool>,
    /// Whether schemas are made when they are not there, though databases are not.
    #[schemars(extend("default" = false))]
    pub ensure_schema_exists: Option<bool>,
    /// PostgreSQL: the role that connections take (`SET ROLE`) and that owns what is made.
    pub role: Option<String>,
    /// PostgreSQL: what keeps plugins from each other's data on a server.
    pub isolation: Isolation,
    /// PostgreSQL: what is connected to when a plugin's database has to be made.
    #[schemars(extend("default" = "postgres"))]
    pub maintenance_database: Option<String>,
    /// Who makes databases and schemas. Default: who connects for the plugins.
    #[schemars(with = "Option<AdminConfig>")]
    pub admin: Option<Connection>,
    /// How long to wait at start for a server that is not up yet.
    #[schemars(extend("default" = "30s"))]
    pub startup_timeout: Option<Duration>,
    /// What is between the backend and its PostgreSQL servers, if they are not connected to themselves.
    pub pooler: Option<Pooler>,
    /// PostgreSQL: what migrations are made through, and whatever else has to be made or looked at for them, if not
    /// `connection`: keys that override those of `connection`, or an address. For who has a pooler, or lets another
    /// role make tables.
    #[schemars(schema_with = "Connection::to_postgres")]
    pub migration_connection: Option<Connection>,
    /// What is done at start about migrations that were not applied yet.
    pub migrations: MigrationsConfig,
    /// Leaves migrations out altogether.
    #[schemars(extend("default" = false))]
    pub skip_migrations: Option<bool>,
    /// The most connections that this backend has to a server, for all plugins together. Default: what the
    /// server has for us, by its `max_connections`, divided by `replicas`.
    pub max_connections: Option<u32>,
    /// How many backends like this one are on the server.
    #[schemars(extend("default" = 1))]
    pub replicas: Option<u32>,
}

/// `backend.database.admin`: keys that override those of `connection`.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "for the schema: it is read as a connection, whose `$file` is remembered")]
struct AdminConfig {
    /// The role.
    user: Option<String>,
    /// As `connection.password`.
    #[schemars(extend("visibility" = "secret"))]
    password: Option<String>,
    /// As `connection.passwordCommand`.
    password_command: Option<String>,
}

/// `backend.database.plugin.<id>`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PluginDatabaseConfig {
    /// Default: the base's. If it is another than the base's, the base's `connection` is not
    /// inherited.
    pub client: Option<String>,
    /// Its keys override the base's. SQLite's may also have a `filename`, relative to `directory`.
    pub connection: Option<Located<Connection>>,
    /// Its keys override those of its `connection` and of the base's `migrationConnection`.
    #[schemars(schema_with = "Connection::to_postgres")]
    pub migration_connection: Option<Connection>,
    /// Merged over the base's.
    pub knex_config: KnexConfig,
    /// Whether its database and schema are made when they are not there.
    pub ensure_exists: Option<bool>,
    /// Whether its schema is made when it is not there, though its database is not.
    pub ensure_schema_exists: Option<bool>,
    /// PostgreSQL: the role that its connections take.
    pub role: Option<String>,
    /// Leaves its migrations out altogether.
    pub skip_migrations: Option<bool>,
}

/// What a backend does at start about migrations that were not applied yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MigrationsConfig {
    /// Applies them. Several backends may start at the same time.
    #[default]
    Run,
    /// Does not start, and names them.
    Verify,
    /// Waits until another backend has applied them.
    Wait,
}

/// What is between a backend and a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Pooler {
    /// A pooler that gives each transaction another session, as PgBouncer's `pool_mode = transaction`: nothing is
    /// kept in a session.
    Transaction,
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

/// What keeps plugins from each other's data on a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// That each has its own database or schema.
    #[default]
    None,
    /// The server: each plugin's connections take a role of its own (`<prefix><plugin id>`, or its `role`), which owns
    /// what is its, and has no rights on what is others'.
    Role,
}

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

/// `knexConfig.pool`: tarn.js's options, with its defaults. SQLite has `max`, `acquireTimeoutMillis` and
/// `createTimeoutMillis` of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PoolConfig {
    /// How many connections are kept though they are idle. They are opened when needed, and may yet go to a plugin
    /// that waits for one.
    #[schemars(extend("default" = 0))]
    pub min: Option<u32>,
    /// The most connections of a plugin: by default 10 to a server, and 5 to SQLite, where one of them
    /// writes and the others, at least one, read.
    pub max: Option<u32>,
    /// How long to wait for a connection, opening it included, in milliseconds.
    #[schemars(extend("default" = 30_000))]
    pub acquire_timeout_millis: Option<u64>,
    /// How long opening a connection may take, in milliseconds; then it is tried again.
    #[schemars(extend("default" = 30_000))]
    pub create_timeout_millis: Option<u64>,
    /// How long closing a connection in order may take, in milliseconds; then it is dropped.
    #[schemars(extend("default" = 5000))]
    pub destroy_timeout_millis: Option<u64>,
    /// After how long an idle connection is closed, in milliseconds.
    #[schemars(extend("default" = 30_000))]
    pub idle_timeout_millis: Option<u64>,
    /// How often idle connections are looked for, in milliseconds.
    #[schemars(extend("default" = 1000))]
    pub reap_interval_millis: Option<u64>,
    /// How long after a connection could not be opened it is tried again, in milliseconds.
    #[schemars(extend("default" = 200))]
    pub create_retry_interval_millis: Option<u64>,
    /// Whether who asked is told at once that a connection could not be opened. If not, it is tried again until
    /// `acquireTimeoutMillis` are over, where that may help: a wrong password is told at once.
    #[schemars(extend("default" = false))]
    pub propagate_create_error: Option<bool>,
}

impl Section for DatabaseConfig {
    const KEY: &'static str = "backend.database";

    fn check(&self, cx: &CheckContext<'_>) -> Vec<ConfigError> {
        let mistakes = self.mistakes(cx.plugins, &LibpqEnvironment::of_process()).into_iter();
        mistakes.map(|Mistake { key, message }| cx.config.error(&key, message)).collect()
    }
}
