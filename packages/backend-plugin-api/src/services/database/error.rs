use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{DbErr, RuntimeErr, TransactionError, sqlx};

use super::said::Said;
use crate::PluginId;

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
        /// As in [`DatabaseInfo`](super::DatabaseInfo).
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
    /// The connections that this backend may have to a server are all busy.
    #[error(
        "`{plugin}` waited {} for a connection: all {budget} that the backend may have to `{server}` are busy{}{}; \
         `backend.database.maxConnections` sets how many",
        Shown(*waited), users_text(users), waiting_text(*waiting)
    )]
    BudgetSpent {
        /// Whose.
        plugin: PluginId,
        /// `backend.database.maxConnections`.
        budget: usize,
        /// The server.
        server: String,
        /// Who has how many, most first.
        users: Vec<(PluginId, usize)>,
        /// How many others wait too.
        waiting: usize,
        /// `backend.database.knexConfig.pool.acquireTimeoutMillis`.
        waited: Duration,
    },
    /// The connection broke while it was in use.
    #[error("the connection to the database of `{plugin}` ({location}) was lost: {}; {}", Said(cause), outcome.text())]
    Lost {
        /// Whose.
        plugin: PluginId,
        /// As in [`DatabaseInfo`](super::DatabaseInfo).
        location: String,
        /// What is known of what was asked.
        outcome: Outcome,
        /// What the driver said.
        cause: Arc<sqlx::Error>,
    },
    /// The server takes no changes: it is a standby, or became one.
    #[error(
        "the database of `{plugin}` ({location}) is read-only: {}; it is opened anew each time, as another \
         server, or the file, may take changes by then",
        Said(cause)
    )]
    ReadOnly {
        /// Whose.
        plugin: PluginId,
        /// As in [`DatabaseInfo`](super::DatabaseInfo).
        location: String,
        /// What the server said.
        cause: Arc<sqlx::Error>,
    },
    /// The disk is full, or another resource of the server's is used up.
    #[error("the database of `{plugin}` ({location}) has no room: {}; nothing of the statement was kept", Said(cause))]
    NoRoom {
        /// Whose.
        plugin: PluginId,
        /// As in [`DatabaseInfo`](super::DatabaseInfo).
        location: String,
        /// What the engine said.
        cause: Arc<sqlx::Error>,
    },
    /// The server ended a statement before its end.
    #[error("a statement of `{plugin}` was ended by the server: {}", Said(cause))]
    Cancelled {
        /// Whose.
        plugin: PluginId,
        /// What the server said, e.g. of its `statement_timeout`.
        cause: Arc<sqlx::Error>,
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
        /// That error was the loss of its connection.
        lost: bool,
    },
    /// SQL that leaves something in a session, where each transaction gets another one.
    #[error(
        "`{keyword}` keeps something in its session, and behind a pooler each transaction gets another session: say it \
         for one transaction (`SET LOCAL`, `pg_advisory_xact_lock`), or do without"
    )]
    KeepsState {
        /// What of the statement does.
        keyword: String,
    },
    /// SQL that would leave the plugin's role.
    #[error("`{keyword}` as SQL text: `backend.database.isolation` keeps each plugin to its own role")]
    LeavesRole {
        /// What of the statement does.
        keyword: &'static str,
    },
    /// SQL that would end a transaction behind the back of who holds it.
    #[error("`{keyword}` as SQL text in a transaction: call `{}` on the transaction", keyword.to_lowercase())]
    EndsTransaction {
        /// `COMMIT`, `ROLLBACK`, or what implies one of them.
        keyword: &'static str,
    },
}

/// What is known of a statement whose connection was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was in a transaction, which is rolled back.
    RolledBack,
    /// It was on its own, or a commit: it may have been done.
    Unknown,
}

impl Outcome {
    fn text(self) -> &'static str {
        match self {
            Self::RolledBack => "its transaction is rolled back",
            Self::Unknown => "whether the statement was done is not known",
        }
    }
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
        match error {
            DbErr::Conn(error) | DbErr::Exec(error) | DbErr::Query(error) => Self::of_runtime(error),
            _ => None,
        }
    }

    /// The one inside any error, if there is one.
    pub fn find(error: &anyhow::Error) -> Option<&Self> {
        error.chain().find_map(|it| {
            let own = it.downcast_ref::<Self>();
            let inside = || it.downcast_ref::<DbErr>().and_then(Self::of);
            let of_transaction = || match it.downcast_ref::<TransactionError<DbErr>>()? {
                TransactionError::Connection(error) | TransactionError::Transaction(error) => Self::of(error),
            };
            // What is left of an error that another is `transparent` for.
            let of_source = || it.downcast_ref::<RuntimeErr>().and_then(Self::of_runtime);
            own.or_else(inside).or_else(of_transaction).or_else(of_source)
        })
    }

    /// Whose database it is, where that is known.
    pub fn plugin(&self) -> Option<PluginId> {
        match self {
            Self::Closed { plugin }
            | Self::Open { plugin, .. }
            | Self::WriterBusy { plugin, .. }
            | Self::ReadersBusy { plugin, .. }
            | Self::ConnectionsBusy { plugin, .. }
            | Self::BudgetSpent { plugin, .. }
            | Self::Lost { plugin, .. }
            | Self::ReadOnly { plugin, .. }
            | Self::NoRoom { plugin, .. }
            | Self::Cancelled { plugin, .. }
            | Self::QueryTimeout { plugin, .. }
            | Self::Locked { plugin, .. }
            | Self::RolledBack { plugin, .. } => Some(*plugin),
            Self::KeepsState { .. } | Self::LeavesRole { .. } | Self::EndsTransaction { .. } => None,
        }
    }

    fn of_runtime(error: &RuntimeErr) -> Option<&Self> {
        match error {
            RuntimeErr::SqlxError(error) => match &**error {
                sqlx::Error::Io(error) => error.get_ref()?.downcast_ref(),
                _ => None,
            },
            RuntimeErr::Internal(_) => None,
        }
    }

    /// Whether it is the database's state, and not the statement, so that trying again later may help.
    pub fn is_unavailable(&self) -> bool {
        match self {
            // An error that the plugin has passed over.
            Self::RolledBack { lost, .. } => *lost,
            Self::EndsTransaction { .. } | Self::KeepsState { .. } | Self::LeavesRole { .. } => false,
            _ => true,
        }
    }

    fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Closed { .. } => io::ErrorKind::NotConnected,
            Self::Open { .. } => io::ErrorKind::NotFound,
            Self::WriterBusy { .. } | Self::ReadersBusy { .. } | Self::Locked { .. } => io::ErrorKind::TimedOut,
            Self::ConnectionsBusy { .. } | Self::BudgetSpent { .. } | Self::QueryTimeout { .. } => {
                io::ErrorKind::TimedOut
            }
            Self::Cancelled { .. } => io::ErrorKind::TimedOut,
            Self::Lost { .. } => io::ErrorKind::ConnectionAborted,
            Self::ReadOnly { .. } => io::ErrorKind::ReadOnlyFilesystem,
            Self::NoRoom { .. } => io::ErrorKind::StorageFull,
            Self::RolledBack { .. } | Self::EndsTransaction { .. } => io::ErrorKind::InvalidInput,
            Self::KeepsState { .. } | Self::LeavesRole { .. } => io::ErrorKind::InvalidInput,
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

fn users_text(users: &[(PluginId, usize)]) -> String {
    let users: Vec<_> = users.iter().take(3).map(|(plugin, count)| format!("`{plugin}` has {count}")).collect();
    if users.is_empty() { String::new() } else { format!(" ({})", users.join(", ")) }
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
