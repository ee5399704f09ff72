//! MySQL and MariaDB. Booleans are `tinyint(1)` and UUIDs `binary(16)`, as sea-orm makes them.

mod catalog;
mod insert;
mod read;
mod references;
mod session;
mod sink;
mod source;

pub(super) use sink::MySqlSink;
pub(super) use source::MySqlSource;
