#![doc = include_str!("../README.md")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod backend;
mod database;
mod request;

pub use backend::TestBackend;
pub use database::database;
pub use request::{Body, send};
