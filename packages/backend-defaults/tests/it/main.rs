//! The core services as plugins and clients meet them.
#![expect(clippy::unwrap_used, reason = "tests")]

mod credentials;
mod database;
mod http;
mod postgres;
