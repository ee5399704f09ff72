use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use sea_orm::sea_query::Values;
use sea_orm::{DbBackend, ExecResult, QueryResult, Statement, TransactionOptions};
use sea_query_sqlx::SqlxValues;
use sqlx::database::HasStatementCache;
use sqlx::mysql::{MySqlConnection, MySqlDatabaseError};
use sqlx::postgres::{PgConnection, PgDatabaseError, PgSeverity};
use sqlx::{AssertSqlSafe, Executor, MySql, Postgres};

use super::text::Nature;

/// How long ago a server has to have ended a statement, in seconds, before its answer is taken for lost. Much of it
/// may be on its way over a slow network.
const IDLE: u32 = 10;

/// A connection of sqlx that a session can be held on.
pub(crate) trait Dialect: sqlx::Connection + Send + 'static {
    /// sea-orm's name of it.
    const BACKEND: DbBackend;
    /// Whether one can wait for the end of a statement that was given up, and go on.
    const CAN_WAIT_FOR_GIVEN_UP: bool;

    /// Asks what the server calls this connection, a number.
    const SESSION: &'static str;

    /// Executes a prepared statement, which the connection keeps or not.
    fn execute_prepared(&mut self, statement: Statement, keeps: bool)
    -> BoxFuture<'_, Result<ExecResult, sqlx::Error>>;
    /// Executes text as it is, which may be several statements.
    fn execute_text(&mut self, sql: String) -> BoxFuture<'_, Result<ExecResult, sqlx::Error>>;
    /// The rows of a prepared statement, which the connection keeps or not.
    fn rows(&mut self, statement: Statement, keeps: bool) -> BoxStream<'_, Result<QueryResult, sqlx::Error>>;

    /// What begins a transaction.
    fn begin_sql(options: TransactionOptions) -> String;
    /// What rolls back to a savepoint, and removes it.
    fn rollback_to_sql(savepoint: &str) -> String;
    /// Counts the sessions of a number that are at a statement, or were some time ago, or may be.
    fn at_work(session: i64) -> String;
    /// What a text may do.
    fn nature(sql: &str) -> Nature<'_>;
    /// What an error of a statement means for what comes after it.
    fn aftermath(error: &sqlx::Error) -> Aftermath;
    /// What the server says of itself with an error, where the statement is not at fault.
    fn trouble(error: &sqlx::Error) -> Option<Trouble>;
}

/// What is so after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aftermath {
    /// The statement failed.
    Nothing,
    /// And the server rolled the transaction back, or perhaps did: the next statement would be
    /// outside of it.
    RolledBack,
    /// And others are likely to fail too, on this connection.
    Spoilt,
    /// What the connection would answer next is not known.
    Broken,
    /// The connection is no more.
    Lost,
}

/// What keeps a server from doing what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It takes no changes, or the transaction does not.
    ReadOnly,
    /// A resource is used up: disk, memory, places.
    NoRoom,
    /// It ended the statement, by itself or by order.
    Cancelled,
}

macro_rules! executes_as {
    ($Database:ty) => {
        fn execute_prepared(
            &mut self,
            statement: Statement,
            keeps: bool,
        ) -> BoxFuture<'_, Result<ExecResult, sqlx::Error>> {
            Box::pin(async move { Ok(query::<$Database>(statement, keeps).execute(self).await?.into()) })
        }

        fn execute_text(&mut self, sql: String) -> BoxFuture<'_, Result<ExecResult, sqlx::Error>> {
            Box::pin(async move { Ok(self.execute(AssertSqlSafe(sql)).await?.into()) })
        }

        fn rows(&mut self, statement: Statement, keeps: bool) -> BoxStream<'_, Result<QueryResult, sqlx::Error>> {
            query::<$Database>(statement, keeps).fetch(self).map_ok(QueryResult::from).boxed()
        }
    };
}

impl Dialect for PgConnection {
    const BACKEND: DbBackend = DbBackend::Postgres;
    const CAN_WAIT_FOR_GIVEN_UP: bool = true;
    const SESSION: &'static str = "SELECT pg_backend_pid()::bigint";

    executes_as!(Postgres);

    fn begin_sql(options: TransactionOptions) -> String {
        let isolation = options.isolation_level.map(|it| format!(" ISOLATION LEVEL {it}"));
        let access = options.access_mode.map(|it| format!(" {it}"));
        format!("BEGIN{}{}", isolation.unwrap_or_default(), access.unwrap_or_default())
    }

    fn rollback_to_sql(savepoint: &str) -> String {
        format!("ROLLBACK TO SAVEPOINT {savepoint}; RELEASE SAVEPOINT {savepoint}")
    }

    /// Who may not see the state does not know.
    fn at_work(session: i64) -> String {
        format!(
            "SELECT count(*) FROM pg_stat_activity WHERE pid = {session} AND (state IS NULL OR state NOT LIKE 'idle%' \
             OR state_change > now() - interval '{IDLE} s')"
        )
    }

    fn nature(sql: &str) -> Nature<'_> {
        Nature::in_postgres(sql)
    }

    fn aftermath(error: &sqlx::Error) -> Aftermath {
        let Some(error) = of_server::<PgDatabaseError>(error) else { return Self::aftermath_of_client(error) };
        if matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic) || error.code().starts_with("08") {
            return Aftermath::Lost;
        }
        match error.code() {
            // The server stops (57P01, 57P02), starts (57P03), or waited too long for us.
            "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25P04" => Aftermath::Lost,
            // Prepared statements that are gone, or whose tables changed.
            "26000" => Aftermath::Spoilt,
            "0A000" if error.message().contains("cached plan") => Aftermath::Spoilt,
            _ => Aftermath::Nothing,
        }
    }

    fn trouble(error: &sqlx::Error) -> Option<Trouble> {
        match of_server::<PgDatabaseError>(error)?.code() {
            "25006" => Some(Trouble::ReadOnly),
            // `query_canceled`: `statement_timeout`, `pg_cancel_backend`
            "57014" => Some(Trouble::Cancelled),
            // `insufficient_resources`
            code if code.starts_with("53") => Some(Trouble::NoRoom),
            _ => None,
        }
    }
}

impl Dialect for MySqlConnection {
    const BACKEND: DbBackend = DbBackend::MySql;
    const CAN_WAIT_FOR_GIVEN_UP: bool = false;
    const SESSION: &'static str = "SELECT CAST(CONNECTION_ID() AS SIGNED)";

    executes_as!(MySql);

    fn begin_sql(options: TransactionOptions) -> String {
        // For the next transaction alone.
        let isolation = options.isolation_level.map(|it| format!("SET TRANSACTION ISOLATION LEVEL {it}; "));
        let access = options.access_mode.map(|it| format!(" {it}"));
        format!("{}START TRANSACTION{}", isolation.unwrap_or_default(), access.unwrap_or_default())
    }

    /// A savepoint set again takes the place of the one before.
    fn rollback_to_sql(savepoint: &str) -> String {
        format!("ROLLBACK TO SAVEPOINT {savepoint}")
    }

    fn at_work(session: i64) -> String {
        format!(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE id = {session} AND (command <> 'Sleep' OR time < {IDLE})"
        )
    }

    fn nature(sql: &str) -> Nature<'_> {
        Nature::in_mysql(sql)
    }

    fn aftermath(error: &sqlx::Error) -> Aftermath {
        let Some(error) = of_server::<MySqlDatabaseError>(error) else { return Self::aftermath_of_client(error) };
        match error.number() {
            // The server stops, is not in its cluster (Galera), the connection was killed or timed
            // out, packets were lost.
            1047 | 1053 | 1080 | 1152..=1161 | 1184 | 1927 | 2006 | 2013 | 4031 => Aftermath::Lost,
            // Prepared statements that are gone.
            1243 | 1615 => Aftermath::Spoilt,
            // Deadlock; a row that changed in between (MariaDB); no room for locks. When a lock was
            // waited for too long, it depends on `innodb_rollback_on_timeout`.
            1020 | 1205 | 1206 | 1213 => Aftermath::RolledBack,
            _ => Aftermath::Nothing,
        }
    }

    fn trouble(error: &sqlx::Error) -> Option<Trouble> {
        let error = of_server::<MySqlDatabaseError>(error)?;
        match error.number() {
            1836 | 1874 => Some(Trouble::ReadOnly),
            // One of many options.
            1290 if error.message().contains("read-only") => Some(Trouble::ReadOnly),
            // Disk, memory, a full table, locks, connections of the user.
            1021 | 1037 | 1038 | 1041 | 1114 | 1203 | 1206 | 1226 => Some(Trouble::NoRoom),
            // `KILL QUERY`, `max_execution_time`, MariaDB's `max_statement_time`.
            1317 | 1969 | 3024 => Some(Trouble::Cancelled),
            _ => None,
        }
    }
}

/// For what is the same in all.
trait OfClient {
    fn aftermath_of_client(error: &sqlx::Error) -> Aftermath {
        match error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => Aftermath::Lost,
            // An answer that is not understood, or a statement that cannot be sent.
            sqlx::Error::Protocol(_) => Aftermath::Broken,
            _ => Aftermath::Nothing,
        }
    }
}

impl<C: Dialect> OfClient for C {}

fn of_server<E: sqlx::error::DatabaseError>(error: &sqlx::Error) -> Option<&E> {
    error.as_database_error()?.try_downcast_ref()
}

fn query<DB>(statement: Statement, keeps: bool) -> sqlx::query::Query<'static, DB, SqlxValues>
where
    DB: sqlx::Database + HasStatementCache,
    SqlxValues: sqlx::IntoArguments<DB>,
{
    let values = statement.values.unwrap_or(Values(Vec::new()));
    sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(values)).persistent(keeps)
}
