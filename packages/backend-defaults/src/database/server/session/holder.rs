//! What the holder of a session can do.

use async_trait::async_trait;
use backend_plugin_api::services::database::Session;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use sea_orm::{DbErr, ExecResult, QueryResult, Statement, TransactionOptions};

use super::transaction::savepoint;
use super::{Flight, ServerSession, bounded};
use crate::database::server::Engine;
use crate::database::server::dialect::Dialect;

#[async_trait]
impl<E: Engine> Session for ServerSession<E> {
    async fn execute(&mut self, statement: Statement) -> Result<ExecResult, DbErr> {
        let statement = self.tagged(statement);
        self.before_statement(&statement.sql).await?;
        let (limit, keeps) = (self.limit(), !self.is_pooled());
        let result = bounded(&limit, self.connection()?.execute_prepared(statement, keeps)).await;
        self.after_statement(result, DbErr::Exec).await
    }

    async fn execute_unprepared(&mut self, sql: &str) -> Result<ExecResult, DbErr> {
        self.before_statement(sql).await?;
        let limit = self.limit();
        let result = bounded(&limit, self.connection()?.execute_text(sql.to_owned())).await;
        self.after_statement(result, DbErr::Exec).await
    }

    /// Reads the other rows too: an error may come after the first.
    async fn query_one(&mut self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let statement = self.tagged(statement);
        let again = self.before_statement(&statement.sql).await?.then(|| statement.clone());
        let result = self.one(statement).await;
        match again {
            Some(statement) if self.replaced(&result, false).await => {
                self.before(&statement.sql).await?;
                self.one(statement).await
            }
            _ => result,
        }
    }

    async fn query_all(&mut self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let statement = self.tagged(statement);
        let again = self.before_statement(&statement.sql).await?.then(|| statement.clone());
        let result = self.all(statement).await;
        match again {
            Some(statement) if self.replaced(&result, false).await => {
                self.before(&statement.sql).await?;
                self.all(statement).await
            }
            _ => result,
        }
    }

    fn stream(&mut self, statement: Statement) -> BoxStream<'_, Result<QueryResult, DbErr>> {
        let statement = self.tagged(statement);
        Box::pin(async_stream::try_stream! {
            self.before_statement(&statement.sql).await?;
            let (limit, keeps) = (self.limit(), !self.is_pooled());
            let Self { lease: Some(lease), flight, .. } = &mut *self else { return };
            let mut rows = lease.connection().rows(statement, keeps);
            let end = loop {
                *flight = Flight::Waiting;
                match bounded(&limit, rows.try_next()).await {
                    Ok(Some(row)) => {
                        *flight = Flight::BetweenRows;
                        yield row;
                    }
                    Ok(None) => break Ok(()),
                    Err(failure) => break Err(failure),
                }
            };
            drop(rows);
            self.after_statement(end, DbErr::Query).await?;
        })
    }

    async fn begin(&mut self, options: TransactionOptions) -> Result<(), DbErr> {
        match self.depth {
            0 => {
                self.settle().await?;
                let may_have_been_lost = self.may_have_been_lost();
                self.begin_somewhere(options, may_have_been_lost).await?;
            }
            _ => {
                self.before("").await?;
                self.text(format!("SAVEPOINT {}", savepoint(self.depth))).await?;
            }
        }
        self.depth += 1;
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), DbErr> {
        if self.depth == 0 {
            return Ok(());
        }
        self.before("").await?;
        match self.depth {
            1 => self.commit_outermost().await?,
            depth => self.text(format!("RELEASE SAVEPOINT {}", savepoint(depth - 1))).await?,
        }
        self.depth -= 1;
        Ok(())
    }

    async fn rollback(&mut self) -> Result<(), DbErr> {
        self.start_rollback();
        let settled = self.settle().await;
        // Who drops what failed to be rolled back asks for it again.
        self.depth += usize::from(settled.is_err());
        settled
    }

    fn start_rollback(&mut self) {
        if self.depth > 0 {
            self.depth -= 1;
            self.behind = true;
        }
    }
}
