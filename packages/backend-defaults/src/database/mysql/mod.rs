//! MySQL and MariaDB: a database of its own for each plugin.
//!
//! Sessions are strict (`STRICT_TRANS_TABLES`), speak `utf8mb4` and keep times in UTC, whatever the
//! server's defaults are. The connections are of sqlx, with two consequences: who wants certificates
//! checked has the host's name checked too, and the passwords of MySQL 8 (`caching_sha2_password`)
//! need an encrypted connection, also by socket.
//!
//! As MySQL has it, statements that define tables commit the transaction they are in, and what follows
//! them is not in one.

mod connect;
mod context;
mod driver;
mod error;
mod provision;
mod server;

pub(crate) use context::MySqlContext;
pub(crate) use driver::MySqlDriver;

pub use connect::authorities;
pub use error::{MySqlConnectError, MySqlFailure};
pub use provision::{pattern, quoted};
pub use server::{MySqlAddress, MySqlServer, MySqlTls, MySqlTlsMode};
