//! Brings a plugin's database up to date, and says where it and this backend differ.
//!
//! ```text
//! look: history (one query) ── compare with the lists of this backend ──> MigrationReport
//!                                    │ something is pending
//!                                    └ own connection, lock, look again, apply: step + its row in
//!                                      the history, in one transaction where the engine can
//! ```
//!
//! **Invariant:** what is pending is applied by one backend at a time, and never twice.

mod apply;
mod error;
mod history;
mod lock;
mod migrator;
mod plugin_migrations;
mod record;
mod report;
mod rollback;
mod step;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
mod waiting;

pub use error::MigrationError;
pub use history::HistoryRow;
pub use migrator::Migrator;
pub use plugin_migrations::PluginMigrations;
pub use report::{EditedMigration, MigrationReport, UnknownMigration};
pub use step::{MigrationId, MigrationList};
