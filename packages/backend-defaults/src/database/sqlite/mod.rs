//! SQLite: one writer and several readers, on a file in WAL mode.
//!
//! **Readers never wait for the writer**, so a plugin may query while it holds a transaction. Writers
//! wait in line for the one connection that writes, within a bound. A statement goes to the readers
//! when its text shows that it changes nothing; readers refuse to write, should that be a mistake. A
//! transaction begins with `BEGIN IMMEDIATE`: one that reads first and writes later cannot fail half
//! way because another wrote in between. `AccessMode::ReadOnly` makes it a reader's.
//!
//! **In memory** is such a file too, in a temporary folder, never synced. SQLite's own memory
//! databases do worse: one with a single connection deadlocks a plugin that queries beside its
//! transaction, and in one shared by `vfs=memdb` such a query fails with `SQLITE_BUSY`. Measured on
//! a busy machine with two cores: an insert takes about a third longer than with `memdb`, a read by
//! its key the same; two plugins are opened and migrated in 3 to 4 ms.
//!
//! **What was cancelled** is never seen by another: a connection that is given back while a
//! statement runs, or with a setting changed, is closed and replaced.

mod connection;
mod lane;
mod nature;
pub(crate) mod scratch;
mod session;
mod trouble;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use backend_plugin_api::services::database::{
    DatabaseInfo, Driver, MigrationConnection, MigrationMode, PoolStatus, Purpose, Session,
};
use sea_orm::{AccessMode, DatabaseConnection, DbBackend, DbErr};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::OnceCell;

use self::lane::{Lane, Lease, NoConnection};
use self::scratch::{Folder, Scratch};
use self::session::SqliteSession;
use self::trouble::{Owner, Trouble};
use crate::database::plan::{PoolPlan, SqlitePlace, SqlitePlan};
use crate::database::pool_counters::PoolCounters;
use crate::database::{DatabaseError, DatabasePlan};

/// SQLite counts milliseconds in 32 bits.
const MAX_BUSY_TIMEOUT: Duration = Duration::from_millis(i32::MAX as u64);
/// Between two attempts to put a file into WAL mode.
const WAL_RETRY: Duration = Duration::from_millis(5);
/// What the log of changes may keep on disk once it was written back, in bytes.
const JOURNAL_SIZE_LIMIT: &str = "67108864";
/// Pages that the writer may keep in memory, in KiB below zero. A transaction that changes more than
/// these (SQLite's default: 2 MB) writes them out in its middle and reads them back.
const WRITER_CACHE: &str = "-16384";

/// A plugin's SQLite database. Nothing is opened before it is needed.
pub(crate) struct SqliteDriver {
    info: DatabaseInfo,
    owner: Arc<Owner>,
    place: SqlitePlace,
    pool: PoolPlan,
    migrations: MigrationMode,
    scratch: Arc<Scratch>,
    counters: Arc<PoolCounters>,
    state: Mutex<State>,
    /// Opens it, once.
    open: OnceCell<Lanes>,
}

#[derive(Clone)]
struct Lanes {
    writer: Arc<Lane>,
    readers: Arc<Lane>,
    options: SqliteConnectOptions,
}

enum State {
    New,
    /// What is temporary about it.
    Open(Option<Temporary>),
    Closed,
}

/// The folder is held for as long as the database is in it.
struct Temporary {
    folder: Arc<Folder>,
    file: PathBuf,
}

impl SqliteDriver {
    pub(crate) fn new(plan: &DatabasePlan, sqlite: &SqlitePlan, scratch: Arc<Scratch>) -> Self {
        let info = plan.info();
        let busy_timeout = plan.pool.acquire_timeout.min(MAX_BUSY_TIMEOUT);
        let owner = Arc::new(Owner { plugin: plan.plugin, location: info.location.clone(), busy_timeout });
        let state = Mutex::new(State::New);
        let (place, pool, migrations) = (sqlite.place.clone(), plan.pool, plan.migrations);
        let counters = Arc::default();
        Self { info, owner, place, pool, migrations, scratch, counters, state, open: OnceCell::new() }
    }

    /// The connections. On the first call the file is made and put into WAL mode, which cannot be
    /// done by several at once.
    async fn lanes(&self) -> Result<&Lanes, DatabaseError> {
        let open = || async {
            let file = self.make_place().await?;
            let options = self.options(&file);
            let counters = || Arc::clone(&self.counters);
            let writing = options.clone().pragma("cache_size", WRITER_CACHE);
            let writer = Lane::new(writing, 1, &self.pool, counters());
            let reading = options.clone().pragma("query_only", "ON");
            let readers = Lane::new(reading, self.max_readers(), &self.pool, counters());
            let mut lease = self.first_lease(&writer).await?;
            // Only now has it the log open: else the migrations' connection, closing, would be the
            // last and write everything back.
            let read = sqlx::query("SELECT 1 FROM sqlite_schema").fetch_optional(&mut lease.connection().sqlite).await;
            read.map_err(|error| self.no_connection(NoConnection::Open(error), false))?;
            drop(lease);
            Ok(Lanes { writer, readers, options })
        };
        let lanes = self.open.get_or_try_init(open).await?;
        if matches!(*self.state(), State::Closed) {
            // Perhaps closed while this was being opened.
            lanes.close().await;
            return Err(DatabaseError::Closed { plugin: self.owner.plugin });
        }
        Ok(lanes)
    }

    /// For the first who asks, opening is part of the wait for a connection.
    async fn lanes_in_time(&self) -> Result<&Lanes, DatabaseError> {
        let after = self.pool.acquire_timeout;
        tokio::time::timeout(after, self.lanes()).await.unwrap_or_else(|_| Err(self.slow(after)))
    }

    /// Makes the folder of the file.
    async fn make_place(&self) -> Result<PathBuf, DatabaseError> {
        let (place, scratch, plugin) = (self.place.clone(), Arc::clone(&self.scratch), self.owner.plugin);
        let made = tokio::task::spawn_blocking(move || match place {
            SqlitePlace::Memory => {
                let folder = scratch.folder()?;
                let file = folder.path().join(format!("{plugin}.sqlite"));
                Ok((file.clone(), Some(Temporary { folder, file })))
            }
            SqlitePlace::File(file) => {
                // Absolute, so that SQLite never takes it for a URI.
                let file = std::path::absolute(file)?;
                make_folder_of(&file)?;
                Ok((file, None))
            }
        });
        let made = made.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        let (file, temporary) = made.map_err(|error| self.cannot_open(error))?;
        let mut state = self.state();
        if matches!(*state, State::Closed) {
            return Err(DatabaseError::Closed { plugin });
        }
        if temporary.is_some() {
            let scratch = Arc::clone(&self.scratch);
            // Nobody waits for this.
            drop(tokio::task::spawn_blocking(move || scratch.clean()));
        }
        *state = State::Open(temporary);
        Ok(file)
    }

    fn options(&self, file: &Path) -> SqliteConnectOptions {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(self.owner.busy_timeout)
            .pragma("journal_size_limit", JOURNAL_SIZE_LIMIT);
        let plugin = self.owner.plugin;
        let options = options.thread_name(move |id| format!("{plugin}-sqlite-{id}"));
        let options = match self.place {
            SqlitePlace::Memory => options.synchronous(SqliteSynchronous::Off),
            SqlitePlace::File(_) => options.synchronous(SqliteSynchronous::Normal),
        };
        // Not by `journal_mode()`, which comes before `synchronous` and syncs a new file.
        options.pragma("main.journal_mode", "WAL")
    }

    /// Two that put a new file into WAL mode at the same moment refuse each other at once, however long
    /// they are told to wait for a lock.
    async fn first_lease(&self, writer: &Arc<Lane>) -> Result<Lease, DatabaseError> {
        let began = Instant::now();
        loop {
            match self.lease(writer, false, false).await {
                Err(DatabaseError::Locked { .. }) if began.elapsed() < self.owner.busy_timeout => {
                    tokio::time::sleep(WAL_RETRY).await;
                }
                done => return done,
            }
        }
    }

    async fn lease(&self, lane: &Arc<Lane>, transaction: bool, reads: bool) -> Result<Lease, DatabaseError> {
        lane.lease(transaction).await.map_err(|error| self.no_connection(error, reads))
    }

    fn no_connection(&self, error: NoConnection, reads: bool) -> DatabaseError {
        let plugin = self.owner.plugin;
        let waited = self.pool.acquire_timeout;
        let count = self.max_readers();
        match error {
            NoConnection::Closed => DatabaseError::Closed { plugin },
            NoConnection::Busy(longest) if reads => DatabaseError::ReadersBusy { plugin, count, longest, waited },
            NoConnection::Busy(holder) => DatabaseError::WriterBusy { plugin, holder, waited },
            NoConnection::Open(error) => match Trouble::of(&error) {
                Some(trouble) => self.owner.error(trouble, error),
                None => self.cannot_open(error),
            },
            NoConnection::Slow(after) => self.slow(after),
        }
    }

    /// One of the connections writes.
    fn max_readers(&self) -> usize {
        self.pool.max.saturating_sub(1).max(1)
    }

    fn slow(&self, after: Duration) -> DatabaseError {
        let text = format!("it took more than {after:?}");
        self.cannot_open(std::io::Error::new(std::io::ErrorKind::TimedOut, text))
    }

    fn cannot_open(&self, cause: impl std::error::Error + Send + Sync + 'static) -> DatabaseError {
        let Owner { plugin, location, .. } = &*self.owner;
        DatabaseError::Open { plugin: *plugin, location: location.clone(), cause: Arc::new(cause) }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Driver for SqliteDriver {
    fn backend(&self) -> DbBackend {
        DbBackend::Sqlite
    }

    fn info(&self) -> &DatabaseInfo {
        &self.info
    }

    async fn acquire(&self, purpose: Purpose<'_>) -> Result<Box<dyn Session>, DbErr> {
        let lanes = match self.open.get() {
            Some(lanes) => lanes,
            None => self.lanes_in_time().await?,
        };
        let (transaction, reads) = match purpose {
            Purpose::Statement(sql) => (false, nature::Nature::of(sql).reads_only),
            Purpose::Transaction(options) => (true, options.access_mode == Some(AccessMode::ReadOnly)),
        };
        let lane = if reads { &lanes.readers } else { &lanes.writer };
        let lease = self.lease(lane, transaction, reads).await?;
        Ok(Box::new(SqliteSession::new(lease, Arc::clone(&self.owner), !reads)))
    }

    /// A file is made when it is opened. SQLite has no extensions that a database needs.
    async fn provision(&self, _: &[&str]) -> anyhow::Result<()> {
        self.lanes().await?;
        Ok(())
    }

    fn migration_mode(&self) -> MigrationMode {
        self.migrations
    }

    async fn migration_connection(&self) -> anyhow::Result<MigrationConnection> {
        let lanes = self.lanes().await?;
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(self.pool.create_timeout)
            .connect_with(lanes.options.clone());
        let pool = pool.await.map_err(|error| self.no_connection(NoConnection::Open(error), false))?;
        Ok(MigrationConnection::new(DatabaseConnection::from(pool), ()))
    }

    fn pool_status(&self) -> PoolStatus {
        let now = PoolStatus { max: self.max_readers() + 1, ..PoolStatus::default() };
        let lanes = self.open.get().into_iter().flat_map(|it| [&it.writer, &it.readers]);
        let now = lanes.map(|it| it.count()).fold(now, |sum, lane| PoolStatus {
            used: sum.used + lane.used,
            idle: sum.idle + lane.idle,
            waiting: sum.waiting + lane.waiting,
            ..sum
        });
        self.counters.fill(now)
    }

    async fn close(&self) {
        let before = std::mem::replace(&mut *self.state(), State::Closed);
        if let Some(lanes) = self.open.get() {
            lanes.close().await;
        }
        if let State::Open(Some(temporary)) = before {
            let removed = tokio::task::spawn_blocking(move || temporary.remove()).await;
            if let Err(error) = removed {
                tracing::debug!("removing a temporary database: {error}");
            }
        }
    }
}

impl Lanes {
    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

impl Temporary {
    /// Blocks on the file system.
    fn remove(self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut file = self.file.clone().into_os_string();
            file.push(suffix);
            // Often not there: SQLite itself removes two of them.
            drop(std::fs::remove_file(file));
        }
        drop(self.folder);
    }
}

fn make_folder_of(file: &Path) -> std::io::Result<()> {
    let Some(folder) = file.parent() else { return Ok(()) };
    std::fs::create_dir_all(folder).map_err(|error| {
        std::io::Error::new(error.kind(), format!("cannot make the folder `{}`: {error}", folder.display()))
    })
}
