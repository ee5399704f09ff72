//! Databases: from config to a [`Database`](backend_plugin_api::services::Database) for each plugin.
//!
//! ```text
//! DatabaseConfig ──plan──> DatabasePlan ──DatabaseManager──> Driver, behind the plugin's Database
//!   backend.database         a value, one a plugin             opens when a statement runs
//! ```
//!
//! An engine is a [`Driver`](backend_plugin_api::services::database::Driver) and a variant of
//! [`EnginePlan`]. **Invariant:** nothing outside this module opens a connection or knows an
//! engine's settings.

mod access;
mod config;
mod connection;
pub mod credentials;
mod environment;
mod manager;
pub mod mysql;
mod plan;
mod pool_counters;
pub mod postgres;
mod production;
mod server;
mod sqlite;
mod tokens;

pub use access::{Access, As, Connected};
pub use backend_plugin_api::services::database::{DatabaseError, Holder, Outcome};
pub use config::{
    DatabaseConfig, Isolation, KnexConfig, MigrationsConfig, PluginDatabaseConfig, PluginDivisionMode, PoolConfig,
};
pub use connection::{Connection, Setting};
pub use environment::LibpqEnvironment;
pub use manager::{DatabaseFactory, DatabaseManager, DatabaseManagerFactory};
pub use plan::{
    BudgetPlan, DatabasePlan, EnginePlan, Ensure, Mistake, MySqlPlan, PoolPlan, PostgresPlan, SqlitePlace, SqlitePlan,
};
pub use production::Environment;
