//! The [`Database`] handle, and the [`Driver`] behind it.

#[macro_use]
mod begin;
mod driver;
mod error;
mod handle;
mod migration;
mod pool;
mod said;
mod transaction;

pub use driver::{DatabaseInfo, Driver, MigrationMode, Purpose, Session};
pub use error::{DatabaseError, Holder, Outcome};
pub use handle::Database;
pub use migration::MigrationConnection;
pub use pool::{PoolStatus, ServerStatus};
pub use transaction::Transaction;
