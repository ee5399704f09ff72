use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use backend_plugin_api::PluginId;
use sea_orm::{DbErr, RuntimeErr};

/// Why a plugin's database did not do what was asked, where it is not the statement's fault.
///
/// Travels inside a [`DbErr`]; [`DatabaseError::of`] finds it there.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It was closed.
    #[error("the database of `{plugin}` is closed, as the backend is stopping")]
    Closed {
        /// Whose.
        plugin: PluginId,
    },
    /// No connection could be opened.
    #[error("cannot open the database of `{plugin}` ({location}): {cause}")]
    Open {
        /// Whose.
        plugin: PluginId,
        /// As in [`DatabaseInfo`](backend_plugin_api::services::database::DatabaseInfo).
        location: String,
        /// What went wrong.
        cause: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// There is one writer at a time, and another one did not finish.
    #[error(
        "`{plugin}` waited {} to write: its {}; if the code that holds it waits for this, let it write through it",
        Shown(*waited), holder_phrase(holder.as_ref())
    )]
    WriterBusy {
        /// Whose.
        plugin: PluginId,
        /// Who writes.
        holder: Option<Holder>,
        /// `backend.database.knexConfig.pool.acquireTimeoutMillis`.
        waited: Duration,
    },
    /// As many read as may.
    #[error(
        "`{plugin}` waited {} to read: all {count} of its readers are busy, the longest with a {}",
        Shown(*waited), holder_text(longest.as_ref())
    )]
    ReadersBusy {
        /// Whose.
        plugin: PluginId,
        /// How many.
        count: usize,
        /// The one that has read for longest.
        longest: Option<Holder>,
        /// `backend.database.knexConfig.pool.acquireTimeoutMillis`.
        waited: Duration,
    },
    /// All connections to a server that the plugin may have are busy.
    #[error(
        "`{plugin}` waited {} for a connection: all {count} of its connections are busy, the longest with a {}{}{}",
        Shown(*waited), holder_text(longest.as_ref()), waiting_text(*waiting), hint_text(longest.as_ref())
    )]
    ConnectionsBusy {
        /// Whose.
        plugin: PluginId,
        /// How many.
        count: usize,
        /// The one that has been busy for longest.
        longest: Option<Holder>,
        /// How many others wait too.
        waiting: usize,
        /// `backend.database.knexConfig.pool.acquireTimeoutMillis`.
        waited: Duration,
    },
    /// A server did not answer a statement in time.
    #[error(
        "a statement of `{plugin}` took more than {}, so that its connection was given up; `query_timeout` of the \
         database's `connection` sets that time",
        Shown(*waited)
    )]
    QueryTimeout {
        /// Whose.
        plugin: PluginId,
        /// `query_timeout`.
        waited: Duration,
    },
    /// SQLite's lock is held by somebody who is not of this backend.
    #[error(
        "the database of `{plugin}` ({location}) is locked: another process has been writing to it for more than {}",
        Shown(*waited)
    )]
    Locked {
        /// Whose.
        plugin: PluginId,
        /// The file.
        location: String,
        /// How long a statement waits for the lock.
        waited: Duration,
    },
    /// An error made the engine give the whole transaction up.
    #[error("this transaction of `{plugin}` was rolled back by an error before; begin another")]
    RolledBack {
        /// Whose.
        plugin: PluginId,
    },
    /// SQL that would end a transaction behind the back of who holds it.
    #[error("`{keyword}` as SQL text in a transaction: call `{}` on the transaction", keyword.to_lowercase())]
    EndsTransaction {
        /// `COMMIT`, `ROLLBACK`, or what implies one of them.
        keyword: &'static str,
    },
}

/// What a connection is busy with, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// A transaction, or one statement.
    pub transaction: bool,
    /// Since it got the connection.
    pub age: Duration,
}

impl DatabaseError {
    /// The one inside `error`, if there is one.
    pub fn of(error: &DbErr) -> Option<&Self> {
        let (DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error))) = error
        else {
            return None;
        };
        match &**error {
            sqlx::Error::Io(error) => error.get_ref()?.downcast_ref(),
            _ => None,
        }
    }

    fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Closed { .. } => io::ErrorKind::NotConnected,
            Self::Open { .. } => io::ErrorKind::NotFound,
            Self::WriterBusy { .. } | Self::ReadersBusy { .. } | Self::Locked { .. } => io::ErrorKind::TimedOut,
            Self::ConnectionsBusy { .. } | Self::QueryTimeout { .. } => io::ErrorKind::TimedOut,
            Self::RolledBack { .. } | Self::EndsTransaction { .. } => io::ErrorKind::InvalidInput,
        }
    }
}

impl From<DatabaseError> for DbErr {
    fn from(error: DatabaseError) -> Self {
        let error = sqlx::Error::Io(io::Error::new(error.kind(), error));
        Self::Conn(RuntimeErr::SqlxError(Arc::new(error)))
    }
}

/// A duration as people say it: `120 ms`, `5.2 s`.
struct Shown(Duration);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            millis @ ..1000 => write!(f, "{millis} ms"),
            _ => write!(f, "{:.1} s", self.0.as_secs_f64()),
        }
    }
}

fn holder_phrase(holder: Option<&Holder>) -> String {
    match holder {
        Some(Holder { transaction: true, age }) => {
            format!("write transaction, begun {} ago, is still open", Shown(*age))
        }
        Some(Holder { transaction: false, age }) => format!("statement, begun {} ago, still writes", Shown(*age)),
        None => "other statements took all the time".to_owned(),
    }
}

fn holder_text(holder: Option<&Holder>) -> String {
    match holder {
        Some(Holder { transaction: true, age }) => format!("transaction begun {} ago", Shown(*age)),
        Some(Holder { transaction: false, age }) => format!("query begun {} ago", Shown(*age)),
        None => "query that just ended".to_owned(),
    }
}

fn waiting_text(waiting: usize) -> String {
    match waiting {
        0 => String::new(),
        1 => "; one other waits".to_owned(),
        _ => format!("; {waiting} others wait"),
    }
}

fn hint_text(holder: Option<&Holder>) -> &'static str {
    match holder {
        Some(Holder { transaction: true, .. }) => "; if the code that holds it waits for this, let it query through it",
        _ => "",
    }
}
