use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection as _, SqliteConnection};
use sqlx_core::transaction::TransactionManager;

use crate::database::pool_counters::{Counted, PoolCounters};

pub(super) type Transactions = <sqlx::Sqlite as sqlx::Database>::TransactionManager;

/// How many steps of SQLite's machine lie between two looks at [`Signals::interrupt`]: well below
/// a millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

/// An open connection. sqlx runs each in a thread of its own, so that nothing here blocks.
pub(super) struct Connection {
    pub(super) sqlite: SqliteConnection,
    pub(super) signals: Arc<Signals>,
    /// Given back while it was being rolled back.
    pub(super) rolling_back: bool,
    _counted: Counted,
}

/// What goes between a connection's holder and SQLite while a statement runs.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// Ends the running statement. For good: the connection is not used after it.
    pub(super) interrupt: AtomicBool,
    /// SQLite rolled a transaction back.
    pub(super) rolled_back: AtomicBool,
}

/// Opens connections, and looks at them before they are used again.
pub(super) struct Opener {
    pub(super) options: SqliteConnectOptions,
    pub(super) counters: Arc<PoolCounters>,
}

impl Opener {
    async fn open(&self) -> Result<Connection, sqlx::Error> {
        let mut sqlite = self.options.connect().await?;
        let signals = Arc::new(Signals::default());
        let (interrupt, rolled_back) = (Arc::clone(&signals), Arc::clone(&signals));
        let mut handle = sqlite.lock_handle().await?;
        handle.set_progress_handler(STEPS_BETWEEN_LOOKS, move || !interrupt.interrupt.load(Ordering::Relaxed));
        handle.set_rollback_hook(move || rolled_back.rolled_back.store(true, Ordering::Release));
        drop(handle);
        Ok(Connection { sqlite, signals, rolling_back: false, _counted: Counted::new(&self.counters) })
    }
}

impl Manager for Opener {
    type Type = Connection;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<Connection, sqlx::Error> {
        self.open().await.inspect_err(|_| self.counters.error())
    }

    /// A connection that was rolled back is used again once that is known to have been done.
    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<sqlx::Error> {
        if connection.rolling_back {
            connection.sqlite.ping().await?;
            if Transactions::get_transaction_depth(&connection.sqlite) > 0 {
                return Err(RecycleError::message("a transaction could not be rolled back"));
            }
            connection.rolling_back = false;
        }
        Ok(())
    }
}
