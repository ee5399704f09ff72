//! The [`Database`] handle, and the [`Driver`] behind it.

#[macro_use]
mod begin;
mod driver;
mod handle;
mod transaction;

pub use driver::{DatabaseInfo, Driver, MigrationMode, Purpose, Session};
pub use handle::Database;
pub use transaction::Transaction;
