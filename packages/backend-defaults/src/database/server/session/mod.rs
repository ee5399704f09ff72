mod end;
mod failure;
mod holder;
mod transaction;

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use sea_orm::{DbErr, QueryResult, RuntimeErr, Statement, TransactionOptions};

use self::failure::Failure;
use super::Engine;
use super::dialect::Dialect;
use super::lease::Lease;
use super::pool::Shared;
use crate::database::DatabaseError;

/// A held connection, which goes back clean or not at all.
pub(crate) struct ServerSession<E: Engine> {
    /// `None` once the connection was given up.
    lease: Option<Lease<E>>,
    shared: Arc<Shared<E>>,
    /// Transactions and savepoints that the holder has.
    depth: usize,
    /// The server may have a transaction.
    open: bool,
    /// Those that the server has above `depth` are to be rolled back.
    behind: bool,
    /// The server rolled the transaction back, or may have.
    over: bool,
    /// Something failed in the transaction.
    doubtful: bool,
    /// Not to be used by another.
    spoilt: bool,
    /// Nothing has been asked of it yet.
    fresh: bool,
    /// The transaction was begun so that it may not write.
    reads_only: bool,
    /// The transaction is being committed: whether it was is not known until the answer.
    committing: bool,
    flight: Flight,
}

/// How far a statement got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flight {
    /// To its end.
    Landed,
    /// The holder has a row, others may come.
    BetweenRows,
    /// The server is waited for: what it did is not known.
    Waiting,
}

/// How long an answer is waited for.
enum Limit<E: Engine> {
    /// The `query_timeout`.
    Time(Duration),
    /// For as long as the server is at it, in this session.
    Server(Arc<Shared<E>>, i64),
    None,
}

impl<E: Engine> ServerSession<E> {
    pub(super) fn new(lease: Lease<E>) -> Self {
        Self {
            shared: Arc::clone(lease.shared()),
            lease: Some(lease),
            depth: 0,
            open: false,
            behind: false,
            over: false,
            doubtful: false,
            spoilt: false,
            fresh: true,
            reads_only: false,
            committing: false,
            flight: Flight::Landed,
        }
    }

    /// The connection, for the driver's own use.
    pub(crate) fn connection(&mut self) -> Result<&mut E::Connection, DbErr> {
        let rolled_back = DatabaseError::RolledBack { plugin: self.shared.owner.plugin, lost: true };
        self.lease.as_mut().map(Lease::connection).ok_or_else(|| rolled_back.into())
    }

    fn rolled_back(&self) -> DatabaseError {
        DatabaseError::RolledBack { plugin: self.shared.owner.plugin, lost: self.lease.is_none() }
    }

    fn limit(&self) -> Limit<E> {
        let session = || self.lease.as_ref().and_then(Lease::session);
        match self.shared.limits.query_timeout {
            Some(limit) => Limit::Time(limit),
            None => session().map_or(Limit::None, |it| Limit::Server(Arc::clone(&self.shared), it)),
        }
    }

    fn tagged(&self, mut statement: Statement) -> Statement {
        statement.sql.push_str(self.shared.tag());
        statement
    }

    /// Before each statement: whether it does nothing but read. Between this and [`Self::after`] the statement is
    /// in flight.
    async fn before(&mut self, sql: &str) -> Result<bool, DbErr> {
        let nature = E::Connection::nature(sql);
        self.settle().await?;
        if self.over {
            return Err(self.rolled_back().into());
        }
        if let Some(keyword) = nature.ends_transaction.filter(|_| self.depth > 0) {
            return Err(DatabaseError::EndsTransaction { keyword }.into());
        }
        if let Some(keyword) = nature.leaves_role.filter(|_| self.shared.owner.isolated) {
            return Err(DatabaseError::LeavesRole { keyword }.into());
        }
        if let Some(keyword) = nature.leaves_state.filter(|_| self.is_pooled()) {
            return Err(DatabaseError::KeepsState { keyword: keyword.to_owned() }.into());
        }
        self.spoilt |= nature.leaves_state.is_some();
        self.flight = Flight::Waiting;
        Ok(nature.only_reads)
    }

    /// To be asked of each statement: whether it is the first on a connection that others had before.
    fn may_have_been_lost(&mut self) -> bool {
        std::mem::take(&mut self.fresh) && self.lease.as_ref().is_some_and(Lease::is_reused)
    }

    /// If the connection was lost, takes another one.
    async fn replaced<T>(&mut self, result: &Result<T, DbErr>, transaction: bool) -> bool {
        let error = result.as_ref().err().and_then(DatabaseError::of);
        if !matches!(error, Some(DatabaseError::Lost { .. })) {
            return false;
        }
        let Ok(lease) = self.shared.lease(transaction).await else { return false };
        *self = Self::new(lease);
        true
    }

    /// [`Self::before`] a statement of the holder's: whether it may be run once more, if the connection was lost
    /// while it lay idle. One that is alone behind a pooler gets a transaction, so that its steps come to the same
    /// session, which is prepared for it.
    async fn before_statement(&mut self, sql: &str) -> Result<bool, DbErr> {
        let only_reads = self.before(sql).await?;
        let may_have_been_lost = self.may_have_been_lost();
        if !self.is_alone() {
            return Ok(may_have_been_lost && only_reads);
        }
        self.begin_somewhere(TransactionOptions::default(), may_have_been_lost).await?;
        self.flight = Flight::Waiting;
        Ok(false)
    }

    /// [`Self::after`] a statement of the holder's.
    async fn after_statement<T>(
        &mut self,
        result: Result<T, Failure>,
        kind: fn(RuntimeErr) -> DbErr,
    ) -> Result<T, DbErr> {
        let result = self.after(result, kind);
        if self.is_alone() {
            let ended = match &result {
                Ok(_) => self.commit_outermost().await,
                Err(_) => {
                    self.behind = true;
                    // The first error tells more.
                    self.settle().await.or(Ok(()))
                }
            };
            self.over = self.lease.is_none();
            ended?;
        }
        result
    }

    fn is_pooled(&self) -> bool {
        self.shared.owner.prologue.is_some()
    }

    /// Whether a statement has no transaction but that which it is given.
    fn is_alone(&self) -> bool {
        self.depth == 0 && self.is_pooled()
    }

    /// Of our own.
    async fn text(&mut self, sql: String) -> Result<(), DbErr> {
        let limit = self.limit();
        self.flight = Flight::Waiting;
        let result = bounded(&limit, self.connection()?.execute_text(sql)).await;
        self.after(result, DbErr::Exec).map(drop)
    }

    async fn one(&mut self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let (limit, keeps) = (self.limit(), !self.is_pooled());
        let mut rows = self.connection()?.rows(statement, keeps);
        let result = bounded(&limit, async {
            let first = rows.try_next().await?;
            while rows.try_next().await?.is_some() {}
            Ok(first)
        });
        let result = result.await;
        drop(rows);
        self.after_statement(result, DbErr::Query).await
    }

    async fn all(&mut self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let (limit, keeps) = (self.limit(), !self.is_pooled());
        let result = bounded(&limit, self.connection()?.rows(statement, keeps).try_collect()).await;
        self.after_statement(result, DbErr::Query).await
    }
}

async fn bounded<E: Engine, T>(
    limit: &Limit<E>,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Failure> {
    let result = match limit {
        Limit::Time(limit) => match tokio::time::timeout(*limit, work).await {
            Ok(result) => result,
            Err(_) => return Err(Failure::Slow(*limit)),
        },
        Limit::Server(shared, session) => {
            let opener = shared.opener();
            opener.watch.over(&opener.engine, *session, work).await
        }
        Limit::None => work.await,
    };
    result.map_err(Failure::Failed)
}
