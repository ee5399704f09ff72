#![doc = include_str!("../README.md")]

mod backend;
mod builtin;
mod check;
mod container;
mod describe;
mod graph;
mod lifecycle_config;
mod migrations;
mod plugin_start;
mod running;
mod schema;
mod sections;
mod shutdown;
mod start;
mod startup_config;
mod status;
mod warning;

#[cfg(test)]
mod tests;

pub use backend::Backend;
pub use check::{CheckErrors, Wired, WiringError};
pub use describe::PluginDescription;
pub use lifecycle_config::LifecycleConfig;
pub use migrations::{
    EditedMigration, HistoryRow, MigrationError, MigrationId, MigrationList, MigrationReport, Migrator,
    PluginMigrations, UnknownMigration,
};
pub use running::Running;
pub use schema::{ConfigSchema, KeySchema, Visibility};
pub use sections::ConfigChecker;
pub use start::{Failure, StartupError};
pub use startup_config::{DefaultStartup, ModuleStartup, OnFailure, PluginStartup, StartupConfig};
pub use status::{Phase, PluginState, Snapshot, Status, Step};
pub use warning::{CheckOptions, ConfigWarning, WarningKind};
