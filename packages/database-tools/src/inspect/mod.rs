//! What is there of a plugin's database. Nothing is changed, and SQLite's files are not made.

mod exists;
mod facts;
pub(crate) mod mysql;
pub(crate) mod postgres;
pub(crate) mod processes;
pub(crate) mod sqlite;
mod stamp;

pub(crate) use exists::{is_missing_mysql, is_missing_postgres};
pub use facts::{Counting, Facts, OtherSession, TableFacts, facts_of_all};
pub use stamp::Stamp;
