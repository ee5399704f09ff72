//! SQLite's files, by rusqlite: sqlx's values cost a row too much.

mod catalog;
mod kind;
mod read;
mod sink;
mod source;

pub(super) use self::sink::SqliteSink;
pub(crate) use self::source::open_to_read;
pub(super) use self::source::{SqliteSource, applied};
