use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement, StreamTrait, TransactionOptions};

use super::{DatabaseInfo, Driver, MigrationConnection, MigrationMode, PoolStatus, Purpose, Session, Transaction};
use crate::{PerPlugin, Service};

/// The plugin's own database. When `init` runs it exists and is migrated.
///
/// Cheap to clone and good for as long as the process lives: it holds no connection but gets one
/// for each statement or transaction. It goes wherever sea-orm takes a connection
/// (`Entity::find().all(&database)`), begins transactions, and streams.
///
/// Statements run outside a transaction do not wait for it: a plugin may query while it holds one.
#[derive(Clone)]
pub struct Database {
    driver: Arc<dyn Driver>,
}

impl Database {
    /// For factories and tests.
    pub fn new(driver: impl Driver) -> Self {
        Self { driver: Arc::new(driver) }
    }

    /// What and where it is.
    pub fn info(&self) -> &DatabaseInfo {
        self.driver.info()
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// When it does not, with the cause. It is for the caller to bound the time.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.query_one_raw(Statement::from_string(self.driver.backend(), "SELECT 1")).await.map(drop)
    }

    /// Its connections now, and since the start.
    pub fn pool_status(&self) -> PoolStatus {
        self.driver.pool_status()
    }

    /// For the container: makes it, where it is not there and may be made.
    ///
    /// # Errors
    /// When it is not there after that, or lacks one of `extensions`.
    pub async fn provision(&self, extensions: &[&str]) -> anyhow::Result<()> {
        self.driver.provision(extensions).await
    }

    /// For the container: what to do about migrations.
    pub fn migration_mode(&self) -> MigrationMode {
        self.driver.migration_mode()
    }

    /// For the container: a connection of its own, to be closed after use.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn migration_connection(&self) -> anyhow::Result<MigrationConnection> {
        self.driver.migration_connection().await
    }

    /// For the container: closes it for all who hold it.
    pub async fn close(&self) {
        self.driver.close().await;
    }

    pub(super) async fn begin_transaction(&self, options: TransactionOptions) -> Result<Transaction, DbErr> {
        let session = self.driver.acquire(Purpose::Transaction(options)).await?;
        Transaction::start(session, self.driver.backend(), options).await
    }

    async fn session_for(&self, sql: &str) -> Result<Box<dyn Session>, DbErr> {
        self.driver.acquire(Purpose::Statement(sql)).await
    }
}

impl Service for Database {
    type Scope = PerPlugin;
    const ID: &'static str = "core.database";
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Database").field(self.info()).finish()
    }
}

#[async_trait]
impl ConnectionTrait for Database {
    fn get_database_backend(&self) -> DbBackend {
        self.driver.backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.session_for(&statement.sql).await?.execute(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.session_for(sql).await?.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.session_for(&statement.sql).await?.query_one(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.session_for(&statement.sql).await?.query_all(statement).await
    }
}

impl StreamTrait for Database {
    type Stream<'a> = BoxStream<'a, Result<QueryResult, DbErr>>;

    fn get_database_backend(&self) -> DbBackend {
        self.driver.backend()
    }

    fn stream_raw<'a>(
        &'a self,
        statement: Statement,
    ) -> Pin<Box<dyn Future<Output = Result<Self::Stream<'a>, DbErr>> + 'a + Send>> {
        Box::pin(async move {
            let mut session = self.session_for(&statement.sql).await?;
            let rows: Self::Stream<'a> = Box::pin(async_stream::try_stream! {
                let mut rows = session.stream(statement);
                while let Some(row) = rows.try_next().await? {
                    yield row;
                }
            });
            Ok(rows)
        })
    }
}

begin_as!(Database);
