use std::sync::Arc;
use std::time::Duration;

use backend_plugin_api::PluginId;

use crate::database::DatabaseError;

/// What is wrong with the database, where it is not the statement's fault. SQLite: "Result and Error Codes".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// `SQLITE_BUSY` and its kinds: who locks is not of this backend, as that waits in line.
    Locked,
    /// `SQLITE_FULL`; `SQLITE_IOERR_WRITE`, as of a quota; `SQLITE_IOERR_SHMSIZE`.
    NoRoom,
    /// A kind of `SQLITE_READONLY` that is the file's or its folder's.
    ReadOnly,
    /// `SQLITE_READONLY`: so is the file, or the connection is a reader's.
    WriteRefused,
}

impl Trouble {
    pub(super) fn of(error: &sqlx::Error) -> Option<Self> {
        match code(error)? {
            5 => Some(Self::Locked),
            13 | 778 | 4874 => Some(Self::NoRoom),
            8 => Some(Self::WriteRefused),
            code if primary(code) == 5 => Some(Self::Locked),
            code if primary(code) == 8 => Some(Self::ReadOnly),
            _ => None,
        }
    }
}

/// Whether the next statement on this connection is likely to fail too: its thread has ended, or `SQLITE_READONLY`,
/// `SQLITE_IOERR`, `SQLITE_CORRUPT`, `SQLITE_NOTADB`.
pub(super) fn is_lasting(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::WorkerCrashed) || matches!(code(error).map(primary), Some(8 | 10 | 11 | 26))
}

fn code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// SQLite's primary result code is the lowest byte.
fn primary(code: i32) -> i32 {
    code & 0xff
}

/// Whose a database is, for messages.
pub(super) struct Owner {
    pub(super) plugin: PluginId,
    pub(super) location: String,
    /// How long SQLite waits for a lock that another process holds.
    pub(super) busy_timeout: Duration,
}

impl Owner {
    pub(super) fn error(&self, trouble: Trouble, cause: sqlx::Error) -> DatabaseError {
        let (plugin, location, cause) = (self.plugin, self.location.clone(), Arc::new(cause));
        match trouble {
            Trouble::Locked => DatabaseError::Locked { plugin, location, waited: self.busy_timeout },
            Trouble::NoRoom => DatabaseError::NoRoom { plugin, location, cause },
            Trouble::ReadOnly | Trouble::WriteRefused => DatabaseError::ReadOnly { plugin, location, cause },
        }
    }
}
