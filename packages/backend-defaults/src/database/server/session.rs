use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend_plugin_api::services::database::Session;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use sea_orm::{AccessMode, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, TransactionOptions};
use sqlx::Connection as _;

use super::Engine;
use super::dialect::{Aftermath, Dialect, Trouble};
use super::lease::Lease;
use super::opener::TIDY_TIMEOUT;
use super::pool::Shared;
use crate::database::{DatabaseError, Outcome};

/// How long the end of a statement is waited for that nobody waits for any more. Most are short, and
/// another connection would have to be opened for the next.
const GIVEN_UP_TIMEOUT: Duration = Duration::from_secs(1);

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

/// Why there is no result.
enum Failure {
    /// It took longer than the `query_timeout`.
    Slow(Duration),
    Failed(sqlx::Error),
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
        let rolled_back = || DatabaseError::RolledBack { plugin: self.shared.owner.plugin };
        self.lease.as_mut().map(Lease::connection).ok_or_else(|| rolled_back().into())
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
            return Err(DatabaseError::RolledBack { plugin: self.shared.owner.plugin }.into());
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

    /// After each statement that was waited for.
    fn after<T>(&mut self, result: Result<T, Failure>, kind: fn(RuntimeErr) -> DbErr) -> Result<T, DbErr> {
        let error = match result {
            Ok(value) => {
                self.flight = Flight::Landed;
                return Ok(value);
            }
            Err(Failure::Slow(waited)) => {
                self.give_up(Lease::discard);
                return Err(DatabaseError::QueryTimeout { plugin: self.shared.owner.plugin, waited }.into());
            }
            Err(Failure::Failed(error)) => error,
        };
        self.flight = Flight::Landed;
        self.doubtful = true;
        let (aftermath, trouble) = (E::Connection::aftermath(&error), self.trouble(&error));
        let error = Arc::new(error);
        let typed = self.typed(aftermath, trouble, &error);
        match aftermath {
            Aftermath::Lost => self.give_up(Lease::lost),
            Aftermath::Broken => self.give_up(Lease::discard),
            _ if trouble == Some(Trouble::ReadOnly) => self.give_up(Lease::retire),
            Aftermath::RolledBack => self.over = self.depth > 0,
            Aftermath::Spoilt => self.spoilt = true,
            Aftermath::Nothing => {}
        }
        Err(typed.map_or_else(|| kind(RuntimeErr::SqlxError(error)), DbErr::from))
    }

    /// What is wrong with the server. That it takes no changes is not, where the plugin asked for that.
    fn trouble(&self, error: &sqlx::Error) -> Option<Trouble> {
        E::Connection::trouble(error).filter(|it| *it != Trouble::ReadOnly || !self.reads_only && !self.spoilt)
    }

    /// What is not the statement's fault, by its name.
    fn typed(&self, aftermath: Aftermath, trouble: Option<Trouble>, cause: &Arc<sqlx::Error>) -> Option<DatabaseError> {
        let (plugin, location) = (self.shared.owner.plugin, || self.shared.owner.location.clone());
        let cause = || Arc::clone(cause);
        if aftermath == Aftermath::Lost {
            let undone = self.open && !self.committing;
            let outcome = if undone { Outcome::RolledBack } else { Outcome::Unknown };
            return Some(DatabaseError::Lost { plugin, location: location(), outcome, cause: cause() });
        }
        Some(match trouble? {
            Trouble::ReadOnly => DatabaseError::ReadOnly { plugin, location: location(), cause: cause() },
            Trouble::NoRoom => DatabaseError::NoRoom { plugin, location: location(), cause: cause() },
            Trouble::Cancelled => DatabaseError::Cancelled { plugin, cause: cause() },
        })
    }

    /// The connection is no more, and what was not committed was rolled back with it.
    fn give_up(&mut self, how: fn(Lease<E>)) {
        if let Some(lease) = self.lease.take() {
            how(lease);
        }
        self.flight = Flight::Landed;
        (self.over, self.open, self.behind) = (true, false, false);
    }

    /// Brings the server to where the holder thinks it is: waits for a statement that was given up,
    /// and rolls back what was dropped.
    async fn settle(&mut self) -> Result<(), DbErr> {
        if self.flight == Flight::Waiting && !E::Connection::CAN_WAIT_FOR_GIVEN_UP {
            self.give_up(Lease::discard);
        }
        if self.flight != Flight::Landed {
            self.wait_for_given_up().await?;
        }
        if self.behind && self.depth == 0 && self.open {
            self.text("ROLLBACK".to_owned()).await?;
            self.open = false;
        } else if self.behind && !self.over {
            let rolled_back = self.text(E::Connection::rollback_to_sql(&savepoint(self.depth))).await;
            // Without its savepoint it is not known what is left of the transaction.
            self.over |= rolled_back.is_err();
            rolled_back?;
        }
        self.behind = false;
        Ok(())
    }

    async fn wait_for_given_up(&mut self) -> Result<(), DbErr> {
        let limit = self.shared.limits.query_timeout;
        // It may have failed, which the first answer tells instead.
        for _ in 0..2 {
            self.flight = Flight::Waiting;
            let answer = bounded(limit, self.connection()?.ping()).await;
            let failed = matches!(answer, Err(Failure::Failed(sqlx::Error::Database(_))));
            let result = self.after(answer, DbErr::Exec);
            self.doubtful = true;
            if !failed || self.lease.is_none() {
                return result;
            }
        }
        self.give_up(Lease::discard);
        Ok(())
    }

    /// Of our own.
    async fn text(&mut self, sql: String) -> Result<(), DbErr> {
        let limit = self.shared.limits.query_timeout;
        self.flight = Flight::Waiting;
        let result = bounded(limit, self.connection()?.execute_text(sql)).await;
        self.after(result, DbErr::Exec).map(drop)
    }

    /// On another connection, if this one was lost while it lay idle.
    async fn begin_somewhere(&mut self, options: TransactionOptions, may_have_been_lost: bool) -> Result<(), DbErr> {
        let begun = self.begin_outermost(options).await;
        match may_have_been_lost && self.replaced(&begun, true).await {
            true => self.begin_outermost(options).await,
            false => begun,
        }
    }

    async fn begin_outermost(&mut self, options: TransactionOptions) -> Result<(), DbErr> {
        (self.over, self.doubtful) = (false, false);
        self.reads_only = matches!(options.access_mode, Some(AccessMode::ReadOnly));
        // Also if this is given up before its end.
        self.open = true;
        let begin = E::Connection::begin_sql(options);
        let begin = match &self.shared.owner.prologue {
            Some(prologue) => format!("{begin}; {prologue}"),
            None => begin,
        };
        let begun = self.text(begin).await;
        self.open &= begun.is_ok();
        // Half of it may have been done.
        self.spoilt |= begun.is_err();
        begun
    }

    async fn one(&mut self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let (limit, keeps) = (self.shared.limits.query_timeout, !self.is_pooled());
        let mut rows = self.connection()?.rows(statement, keeps);
        let result = bounded(limit, async {
            let first = rows.try_next().await?;
            while rows.try_next().await?.is_some() {}
            Ok(first)
        });
        let result = result.await;
        drop(rows);
        self.after_statement(result, DbErr::Query).await
    }

    async fn all(&mut self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let (limit, keeps) = (self.shared.limits.query_timeout, !self.is_pooled());
        let result = bounded(limit, self.connection()?.rows(statement, keeps).try_collect()).await;
        self.after_statement(result, DbErr::Query).await
    }

    async fn commit_outermost(&mut self) -> Result<(), DbErr> {
        if self.doubtful && E::Connection::BACKEND == DbBackend::Postgres {
            // In an aborted transaction `COMMIT` rolls back and calls that a success.
            let aborted = self.text("SELECT 1".to_owned()).await.is_err();
            if aborted {
                self.over = true;
                return Err(DatabaseError::RolledBack { plugin: self.shared.owner.plugin }.into());
            }
        }
        self.committing = true;
        let committed = self.text("COMMIT".to_owned()).await;
        self.committing = false;
        if committed.is_err() {
            self.over = true;
        }
        // One that failed to be committed is no more. MySQL's may be: it is rolled back to be sure.
        self.open = committed.is_err() && E::Connection::BACKEND == DbBackend::MySql && self.lease.is_some();
        committed
    }
}

#[async_trait]
impl<E: Engine> Session for ServerSession<E> {
    async fn execute(&mut self, statement: Statement) -> Result<ExecResult, DbErr> {
        let statement = self.tagged(statement);
        self.before_statement(&statement.sql).await?;
        let (limit, keeps) = (self.shared.limits.query_timeout, !self.is_pooled());
        let result = bounded(limit, self.connection()?.execute_prepared(statement, keeps)).await;
        self.after_statement(result, DbErr::Exec).await
    }

    async fn execute_unprepared(&mut self, sql: &str) -> Result<ExecResult, DbErr> {
        self.before_statement(sql).await?;
        let limit = self.shared.limits.query_timeout;
        let result = bounded(limit, self.connection()?.execute_text(sql.to_owned())).await;
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
            let (limit, keeps) = (self.shared.limits.query_timeout, !self.is_pooled());
            let Self { lease: Some(lease), flight, .. } = &mut *self else { return };
            let mut rows = lease.connection().rows(statement, keeps);
            let end = loop {
                *flight = Flight::Waiting;
                match bounded(limit, rows.try_next()).await {
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

impl<E: Engine> Drop for ServerSession<E> {
    /// Rolls back what was not committed. A connection that something is still running on, or that
    /// is not as it was, is closed: that ends and rolls back everything.
    fn drop(&mut self) {
        let Some(mut lease) = self.lease.take() else { return };
        let runs = self.flight != Flight::Landed;
        if !runs && !self.open && !self.spoilt {
            return;
        }
        // Until it is known to be clean.
        lease.set_dirty(true);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if !runs && self.spoilt => drop(runtime.spawn(lease.close())),
            Ok(runtime) if !runs || E::Connection::CAN_WAIT_FOR_GIVEN_UP && !self.spoilt => {
                drop(runtime.spawn(tidy_up(lease, runs, self.open)));
            }
            _ => lease.discard(),
        }
    }
}

/// Gives back a connection on which nothing runs any more, and that has no transaction, if that can be
/// had soon.
async fn tidy_up<E: Engine>(mut lease: Lease<E>, runs: bool, open: bool) {
    let connection = lease.connection();
    let tidied = async {
        // It may have failed, which the first answer tells instead.
        if runs && connection.ping().await.is_err() {
            connection.ping().await?;
        }
        if open {
            connection.execute_text("ROLLBACK".to_owned()).await?;
        }
        Ok::<_, sqlx::Error>(())
    };
    match tokio::time::timeout(if runs { GIVEN_UP_TIMEOUT } else { TIDY_TIMEOUT }, tidied).await {
        Ok(Ok(())) => lease.set_dirty(false),
        Ok(Err(_)) => lease.lost(),
        Err(_) => lease.discard(),
    }
}

/// Below which a transaction at `depth` is nested.
fn savepoint(depth: usize) -> String {
    format!("_greenroom_{depth}")
}

async fn bounded<T>(limit: Option<Duration>, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Failure> {
    let Some(limit) = limit else { return work.await.map_err(Failure::Failed) };
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result.map_err(Failure::Failed),
        Err(_) => Err(Failure::Slow(limit)),
    }
}
