//! What a migration would do, without a database: its statements.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use sea_orm::{
    DatabaseConnection, DatabaseConnectionType, DbBackend, DbErr, ExecResult, MockDatabase, MockDatabaseConnection,
    MockDatabaseTrait, MockExecResult, QueryResult, Statement, Transaction,
};
use sea_orm_migration::{MigrationTrait, SchemaManager};
use sha2::{Digest, Sha256};
use tokio::time::timeout;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

/// To be raised when the same migration comes out as other SQL, by a new version of `sea-query`:
/// checksums of another scheme are not compared.
const SCHEME: &str = "1:";

/// More statements than this are a loop that waits for what a recorder never says.
const MOST_STATEMENTS: usize = 10_000;

/// A recorder never lets anybody wait: what takes longer waits for something else.
const LONGEST: Duration = Duration::from_secs(1);

/// Tells an edited `up` from the one that was applied: SHA-256 of the SQL it runs. The values that
/// are bound to it do not count, as they may be a time or a version.
///
/// `None` if it cannot be known without a database, or is never the same.
pub(super) async fn checksum(migration: &dyn MigrationTrait, backend: DbBackend) -> Option<String> {
    let first = checksum_once(migration, backend).await?;
    (checksum_once(migration, backend).await? == first).then_some(first)
}

/// As [`checksum`], for one that is known to be always the same.
pub(super) async fn checksum_once(migration: &dyn MigrationTrait, backend: DbBackend) -> Option<String> {
    let log = record(migration, Direction::Up, backend).await?;
    let mut hash = Sha256::new();
    for statement in &log.statements {
        hash.update(statement.sql.len().to_be_bytes());
        hash.update(&statement.sql);
    }
    let hash = hash.finalize();
    Some(hash.iter().fold(SCHEME.to_owned(), |text, byte| format!("{text}{byte:02x}")))
}

/// Whether `checksum` can be compared with those made here.
pub(super) fn is_comparable(checksum: &str) -> bool {
    checksum.starts_with(SCHEME)
}

/// The SQL of `down`. `None` if it fails, which is what a migration without one does, or asks the
/// database something: what it would do then is not known.
pub(super) async fn down(migration: &dyn MigrationTrait, backend: DbBackend) -> Option<Vec<String>> {
    let log = record(migration, Direction::Down, backend).await?;
    if log.asked || log.rolled_back {
        return None;
    }
    // Writing values as SQL panics for those that the dialect lacks.
    let texts = || log.statements.iter().map(ToString::to_string).collect();
    std::panic::catch_unwind(AssertUnwindSafe(texts)).ok()
}

#[derive(Clone, Copy)]
enum Direction {
    Up,
    Down,
}

async fn record(migration: &dyn MigrationTrait, direction: Direction, backend: DbBackend) -> Option<Log> {
    let log = Arc::new(Mutex::new(Log::default()));
    let recorder = MockDatabaseConnection::new(Recorder { backend, log: Arc::clone(&log) });
    let connection = DatabaseConnection::from(DatabaseConnectionType::MockDatabaseConnection(Arc::new(recorder)));
    let manager = SchemaManager::new(&connection);
    let run = async {
        match direction {
            Direction::Up => migration.up(&manager).await,
            Direction::Down => migration.down(&manager).await,
        }
    };
    // It may rely on rows that a recorder does not have. What it logs has not happened.
    let run = run.with_subscriber(Dispatch::none());
    timeout(LONGEST, AssertUnwindSafe(run).catch_unwind()).await.ok()?.ok()?.ok()?;
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    Some(std::mem::take(&mut *log))
}

#[derive(Debug, Default)]
struct Log {
    statements: Vec<Statement>,
    asked: bool,
    rolled_back: bool,
}

/// Accepts every statement and has no rows.
#[derive(Debug)]
struct Recorder {
    backend: DbBackend,
    log: Arc<Mutex<Log>>,
}

impl Recorder {
    fn note(&self, statement: Statement, asks: bool) -> Result<(), DbErr> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.statements.len() == MOST_STATEMENTS {
            return Err(DbErr::Custom(format!("more than {MOST_STATEMENTS} statements")));
        }
        log.asked |= asks;
        log.statements.push(statement);
        Ok(())
    }
}

impl MockDatabaseTrait for Recorder {
    fn execute(&mut self, _: usize, statement: Statement) -> Result<ExecResult, DbErr> {
        self.note(statement.clone(), false)?;
        // The only way to a result of one's own.
        MockDatabase::new(self.backend).append_exec_results([MockExecResult::default()]).execute(0, statement)
    }

    fn query(&mut self, _: usize, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.note(statement, true)?;
        Ok(Vec::new())
    }

    fn begin(&mut self) {}

    fn commit(&mut self) {}

    fn rollback(&mut self) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).rolled_back = true;
    }

    fn drain_transaction_log(&mut self) -> Vec<Transaction> {
        Vec::new()
    }

    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    fn ping(&self) -> Result<(), DbErr> {
        Ok(())
    }
}
