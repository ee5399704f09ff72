use async_trait::async_trait;
use futures::stream::BoxStream;
use sea_orm::{DbBackend, DbErr, ExecResult, QueryResult, Statement, TransactionOptions};

use super::{MigrationConnection, PoolStatus};

/// What stands behind a plugin's [`Database`](super::Database): an engine and its connections.
#[async_trait]
pub trait Driver: Send + Sync + 'static {
    /// The SQL dialect.
    fn backend(&self) -> DbBackend;

    /// What and where the database is, as operators are shown it.
    fn info(&self) -> &DatabaseInfo;

    /// Gets a connection, opening one or waiting for one, within a bound.
    async fn acquire(&self, purpose: Purpose<'_>) -> Result<Box<dyn Session>, DbErr>;

    /// Makes what is to be made before a statement can run, where that may be, and sees to it that
    /// the server has `extensions`. Waits for a server that is not up yet, within a bound.
    async fn provision(&self, extensions: &[&str]) -> anyhow::Result<()>;

    /// What to do about migrations at start.
    fn migration_mode(&self) -> MigrationMode;

    /// Opens a connection of its own for migrations. Who asked closes it.
    async fn migration_connection(&self) -> anyhow::Result<MigrationConnection>;

    /// Its connections now.
    fn pool_status(&self) -> PoolStatus;

    /// Closes all connections; [`Driver::acquire`] fails from then on.
    async fn close(&self);
}

/// What a backend does at start about migrations that were not applied yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MigrationMode {
    /// Applies them.
    #[default]
    Run,
    /// Fails, naming them.
    Verify,
    /// Waits until another has applied them.
    Wait,
    /// Does not look. Backstage: `skipMigrations: true`.
    Skip,
}

/// What a connection is acquired for.
#[derive(Clone, Copy, Debug)]
pub enum Purpose<'a> {
    /// This one statement.
    Statement(&'a str),
    /// A transaction.
    Transaction(TransactionOptions),
}

/// What and where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseInfo {
    /// As configured, e.g. `better-sqlite3`.
    pub client: String,
    /// E.g. `in memory`, or a file; never with credentials.
    pub location: String,
    /// Whether what is in it is lost when the backend stops.
    pub ephemeral: bool,
}

/// A connection that is held. Dropping it gives it back, with what was begun and not committed
/// rolled back.
#[async_trait]
pub trait Session: Send {
    /// Executes a prepared statement.
    async fn execute(&mut self, statement: Statement) -> Result<ExecResult, DbErr>;
    /// Executes SQL text as it is.
    async fn execute_unprepared(&mut self, sql: &str) -> Result<ExecResult, DbErr>;
    /// The first row, if there is one.
    async fn query_one(&mut self, statement: Statement) -> Result<Option<QueryResult>, DbErr>;
    /// All rows.
    async fn query_all(&mut self, statement: Statement) -> Result<Vec<QueryResult>, DbErr>;
    /// The rows as they come.
    fn stream(&mut self, statement: Statement) -> BoxStream<'_, Result<QueryResult, DbErr>>;

    /// Begins a transaction, or, in one, sets a savepoint.
    async fn begin(&mut self, options: TransactionOptions) -> Result<(), DbErr>;
    /// Commits the innermost transaction.
    async fn commit(&mut self) -> Result<(), DbErr>;
    /// Rolls the innermost transaction back.
    async fn rollback(&mut self) -> Result<(), DbErr>;
    /// [`Session::rollback`] from a destructor: done, at the latest, before the next statement.
    fn start_rollback(&mut self);
}
