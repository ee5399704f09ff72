//! PostgreSQL: `COPY` in both directions, in text, which every type has.

mod catalog;
mod read;
mod session;
mod sink;
mod source;
mod text;

pub(super) use self::sink::PostgresSink;
pub(super) use self::source::PostgresSource;
