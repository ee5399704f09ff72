#![doc = include_str!("../README.md")]
#![cfg(unix)]

mod folder;
mod mariadb;
mod pgbouncer;
mod postgres;
mod programs;
mod proxy;
mod scratch;

pub use mariadb::{MariaDb, MariaDbAddress, MariaDbOptions};
pub use pgbouncer::PgBouncer;
pub use postgres::{Postgres, PostgresAddress, PostgresOptions};
pub use proxy::Proxy;
pub use scratch::{Login, Scratch, SqlServer};

/// The certificate of a server, as PEM.
#[derive(Clone, Debug)]
pub struct Tls {
    /// With those between it and the root.
    pub certificate: String,
    /// Of the certificate.
    pub key: String,
    /// Whose clients are believed, where the server asks for their certificates.
    pub client_ca: Option<String>,
}
