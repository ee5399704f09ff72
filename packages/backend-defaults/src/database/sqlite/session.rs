use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use backend_plugin_api::services::database::Session;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use sea_orm::sea_query::Values;
use sea_orm::{
    AccessMode, DbErr, ExecResult, QueryResult, RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions,
};
use sea_query_sqlx::SqlxValues;
use sqlx::{AssertSqlSafe, Connection as _, Executor, Sqlite};
use sqlx_core::sql_str::SqlSafeStr;
use sqlx_core::transaction::TransactionManager;

use super::connection::Transactions;
use super::lane::Lease;
use super::nature::Nature;
use super::trouble::{Owner, Trouble, is_lasting};
use crate::database::DatabaseError;

/// A held connection, which goes back clean or not at all.
pub(super) struct SqliteSession {
    /// `None` once dropped.
    lease: Option<Lease>,
    owner: Arc<Owner>,
    /// Its connection is one that may write.
    writes: bool,
    /// Transactions and savepoints that are open.
    depth: usize,
    /// A statement was begun and its end not seen: what it did is not known.
    in_flight: bool,
    /// Not to be used by another.
    spoilt: bool,
    /// SQLite rolled the transaction back by itself.
    rolled_back: bool,
}

impl SqliteSession {
    pub(super) fn new(lease: Lease, owner: Arc<Owner>, writes: bool) -> Self {
        Self { lease: Some(lease), owner, writes, depth: 0, in_flight: false, spoilt: false, rolled_back: false }
    }

    fn sqlite(&mut self) -> &mut sqlx::SqliteConnection {
        &mut self.lease().connection().sqlite
    }

    fn lease(&mut self) -> &mut Lease {
        self.lease.as_mut().expect("it is there until this is dropped")
    }

    /// Before each statement, which it looks at. Between this and [`Self::after`] the statement is in flight.
    async fn before(&mut self, sql: &str) -> Result<Nature, DbErr> {
        let nature = Nature::of(sql);
        if self.depth > 0 {
            if self.in_flight {
                // The one before was given up: it may yet fail, and take the transaction with it.
                self.sqlite().ping().await.map_err(|error| self.error(error, DbErr::Exec))?;
                self.look_for_rollback();
            }
            if self.rolled_back {
                return Err(DatabaseError::RolledBack { plugin: self.owner.plugin, lost: false }.into());
            }
            if let Some(keyword) = nature.ends_transaction {
                return Err(DatabaseError::EndsTransaction { keyword }.into());
            }
        }
        self.spoilt |= nature.leaves_state;
        self.in_flight = true;
        Ok(nature)
    }

    /// After each statement that was waited for.
    fn after<T>(&mut self, result: Result<T, sqlx::Error>, kind: fn(RuntimeErr) -> DbErr) -> Result<T, DbErr> {
        self.in_flight = false;
        result.map_err(|error| {
            self.look_for_rollback();
            let lasting = is_lasting(&error);
            let error = self.error(error, kind);
            self.spoilt |= lasting;
            error
        })
    }

    fn look_for_rollback(&mut self) {
        let rolled_back = self.lease().connection().signals.rolled_back.swap(false, Ordering::AcqRel);
        self.rolled_back |= rolled_back && self.depth > 0;
    }

    fn error(&self, error: sqlx::Error, kind: fn(RuntimeErr) -> DbErr) -> DbErr {
        match Trouble::of(&error) {
            // A reader's, or a setting of the holder's.
            Some(Trouble::WriteRefused) if !self.writes || self.spoilt => {}
            Some(trouble) => return self.owner.error(trouble, error).into(),
            None => {}
        }
        kind(RuntimeErr::SqlxError(Arc::new(error)))
    }

    async fn begin_outermost(&mut self, options: TransactionOptions) -> Result<(), sqlx::Error> {
        self.rolled_back = false;
        self.lease().connection().signals.rolled_back.store(false, Ordering::Release);
        let mode = match (options.sqlite_transaction_mode, options.access_mode) {
            (Some(mode), _) => mode,
            (None, Some(AccessMode::ReadOnly)) => SqliteTransactionMode::Deferred,
            // One that reads first and writes later would fail when another wrote in between.
            (None, _) => SqliteTransactionMode::Immediate,
        };
        let sql = AssertSqlSafe(format!("BEGIN {}", mode.sqlite_keyword()));
        Transactions::begin(self.sqlite(), Some(sql.into_sql_str())).await
    }
}

#[async_trait]
impl Session for SqliteSession {
    async fn execute(&mut self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.before(&statement.sql).await?;
        let result = query(statement).execute(self.sqlite()).await;
        self.after(result, DbErr::Exec).map(Into::into)
    }

    async fn execute_unprepared(&mut self, sql: &str) -> Result<ExecResult, DbErr> {
        self.before(sql).await?;
        let result = self.sqlite().execute(AssertSqlSafe(sql.to_owned())).await;
        self.after(result, DbErr::Exec).map(Into::into)
    }

    async fn query_one(&mut self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let nature = self.before(&statement.sql).await?;
        let result = match nature.reads_only {
            true => query(statement).fetch_optional(self.sqlite()).await,
            // To its end: with the first row of a `RETURNING`, what it changed is not committed yet.
            false => query(statement).fetch_all(self.sqlite()).await.map(|rows| rows.into_iter().next()),
        };
        Ok(self.after(result, DbErr::Query)?.map(Into::into))
    }

    async fn query_all(&mut self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.before(&statement.sql).await?;
        let result = query(statement).fetch_all(self.sqlite()).await;
        Ok(self.after(result, DbErr::Query)?.into_iter().map(Into::into).collect())
    }

    fn stream(&mut self, statement: Statement) -> BoxStream<'_, Result<QueryResult, DbErr>> {
        Box::pin(async_stream::try_stream! {
            self.before(&statement.sql).await?;
            let mut failure = None;
            {
                let mut rows = query(statement).fetch(self.sqlite());
                loop {
                    match rows.try_next().await {
                        Ok(Some(row)) => yield QueryResult::from(row),
                        Ok(None) => break,
                        Err(error) => {
                            failure = Some(error);
                            break;
                        }
                    }
                }
            }
            self.after(failure.map_or(Ok(()), Err), DbErr::Query)?;
        })
    }

    async fn begin(&mut self, options: TransactionOptions) -> Result<(), DbErr> {
        self.before("").await?;
        let result = match self.depth {
            0 => self.begin_outermost(options).await,
            _ => Transactions::begin(self.sqlite(), None).await,
        };
        self.after(result, DbErr::Exec)?;
        self.depth += 1;
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), DbErr> {
        self.before("").await?;
        let result = Transactions::commit(self.sqlite()).await;
        self.after(result, DbErr::Exec)?;
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    async fn rollback(&mut self) -> Result<(), DbErr> {
        if self.rolled_back {
            // Done already, and there is nothing left to be rolled back to.
            self.depth = self.depth.saturating_sub(1);
            self.spoilt = true;
            return Ok(());
        }
        self.before("").await?;
        let result = Transactions::rollback(self.sqlite()).await;
        self.after(result, DbErr::Exec)?;
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    fn start_rollback(&mut self) {
        if self.depth > 0 {
            self.depth -= 1;
            self.lease().connection().rolling_back = true;
            Transactions::start_rollback(self.sqlite());
        }
    }
}

impl Drop for SqliteSession {
    /// Rolls back what was not committed. A connection that something is still running on, or that
    /// is not as it was, is closed: that ends and rolls back everything.
    fn drop(&mut self) {
        while self.depth > 0 && !self.in_flight {
            self.start_rollback();
        }
        let Some(lease) = self.lease.take() else { return };
        if self.in_flight || self.spoilt || self.rolled_back {
            lease.discard();
        }
    }
}

fn query(statement: Statement) -> sqlx::query::Query<'static, Sqlite, SqlxValues> {
    let values = statement.values.unwrap_or(Values(Vec::new()));
    sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(values))
}
