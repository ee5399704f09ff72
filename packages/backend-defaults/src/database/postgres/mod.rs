//! PostgreSQL: where the server is, and connections to it.
//!
//! [`PostgresServer`] is a value; a [`Connector`] makes connections from it that do what libpq's would, as
//! sqlx's own do not: `sslmode`, whose certificates are trusted, several hosts, passwords that change.

mod cannot_make;
mod connect;
mod context;
mod driver;
mod embedded;
mod engine;
mod extensions;
pub mod grants;
mod making;
mod names;
mod ownership;
mod prologue;
mod provision;
mod role;
mod server;
mod shared;

pub(crate) use context::PostgresContext;
pub(crate) use driver::PostgresDriver;
pub(crate) use embedded::Lease;

pub use connect::{ConnectError, Connector, Failure, PasswordProvider, TlsFailure, TlsOffers};
pub use names::{is_stamp, literal, quoted, stamp, stamped_for};
pub use server::{
    Host, Identity, Keepalive, Login, Pem, PostgresServer, Roots, SessionSettings, SslMode, TargetSessionAttrs, TlsPlan,
};

/// The server's code of an error.
fn sqlstate(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}
