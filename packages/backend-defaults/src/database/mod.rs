//! Databases: from config to a [`Database`](backend_plugin_api::services::Database) for each plugin.
//!
//! ```text
//! DatabaseConfig ──plan──> DatabasePlan ──DatabaseManager──> Driver, behind the plugin's Database
//!   backend.database         a value, one a plugin             opens when a statement runs
//! ```
//!
//! An engine is a [`Driver`](backend_plugin_api::services::database::Driver) and a variant of
//! [`EnginePlan`]. **Invariant:** nothing outside this module names an engine or opens a connection.

mod config;
pub mod credentials;
mod error;
mod manager;
mod plan;
mod production;
mod sqlite;

pub use config::{Connection, DatabaseConfig, KnexConfig, PluginDatabaseConfig, PluginDivisionMode, PoolConfig};
pub use error::{DatabaseError, Holder};
pub use manager::{DatabaseFactory, DatabaseManager, DatabaseManagerFactory};
pub use plan::{DatabasePlan, EnginePlan, Mistake, PoolPlan, SqlitePlace, SqlitePlan};
pub use production::Environment;
