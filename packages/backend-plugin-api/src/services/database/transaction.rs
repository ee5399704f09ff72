use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement, StreamTrait, TransactionError,
    TransactionOptions, TransactionSession,
};
use tokio::sync::{Mutex, MutexGuard};

use super::Session;

/// A transaction on a [`Database`](super::Database), or one nested in another (a savepoint).
///
/// Dropped without [`commit`](TransactionSession::commit), it is rolled back.
pub struct Transaction {
    shared: Arc<Shared>,
    backend: DbBackend,
    open: bool,
}

/// The connection of a transaction and of those nested in it.
struct Shared {
    session: Mutex<Box<dyn Session>>,
    /// How many were dropped while another held the connection.
    abandoned: AtomicUsize,
}

impl Shared {
    async fn lock(&self) -> MutexGuard<'_, Box<dyn Session>> {
        let mut session = self.session.lock().await;
        for _ in 0..self.abandoned.swap(0, Ordering::AcqRel) {
            session.start_rollback();
        }
        session
    }

    fn abandon(&self) {
        match self.session.try_lock() {
            Ok(mut session) => session.start_rollback(),
            Err(_) => drop(self.abandoned.fetch_add(1, Ordering::AcqRel)),
        }
    }
}

impl Transaction {
    pub(super) async fn start(
        session: Box<dyn Session>,
        backend: DbBackend,
        options: TransactionOptions,
    ) -> Result<Self, DbErr> {
        let shared = Arc::new(Shared { session: Mutex::new(session), abandoned: AtomicUsize::new(0) });
        Self::start_on(shared, backend, options).await
    }

    async fn start_on(shared: Arc<Shared>, backend: DbBackend, options: TransactionOptions) -> Result<Self, DbErr> {
        shared.lock().await.begin(options).await?;
        Ok(Self { shared, backend, open: true })
    }

    pub(super) async fn begin_transaction(&self, options: TransactionOptions) -> Result<Self, DbErr> {
        Self::start_on(Arc::clone(&self.shared), self.backend, options).await
    }

    pub(super) async fn run<F, T, E>(self, callback: F) -> Result<T, TransactionError<E>>
    where
        F: for<'c> FnOnce(&'c Self) -> Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'c>> + Send,
        T: Send,
        E: fmt::Display + fmt::Debug + Send,
    {
        match callback(&self).await {
            Ok(value) => {
                self.commit().await?;
                Ok(value)
            }
            Err(error) => {
                self.rollback().await?;
                Err(TransactionError::Transaction(error))
            }
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.open {
            self.shared.abandon();
        }
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("open", &self.open).finish_non_exhaustive()
    }
}

#[async_trait]
impl TransactionSession for Transaction {
    async fn commit(mut self) -> Result<(), DbErr> {
        self.shared.lock().await.commit().await?;
        self.open = false;
        Ok(())
    }

    async fn rollback(mut self) -> Result<(), DbErr> {
        self.shared.lock().await.rollback().await?;
        self.open = false;
        Ok(())
    }
}

#[async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.shared.lock().await.execute(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.shared.lock().await.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.shared.lock().await.query_one(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.shared.lock().await.query_all(statement).await
    }
}

impl StreamTrait for Transaction {
    type Stream<'a> = BoxStream<'a, Result<QueryResult, DbErr>>;

    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    fn stream_raw<'a>(
        &'a self,
        statement: Statement,
    ) -> Pin<Box<dyn Future<Output = Result<Self::Stream<'a>, DbErr>> + 'a + Send>> {
        Box::pin(async move {
            let mut session = self.shared.lock().await;
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

begin_as!(Transaction);
