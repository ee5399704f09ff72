//! What both directions begin with.

use anyhow::Context as _;
use backend_defaults::database::{Access, As, MySqlPlan};
use futures::TryStreamExt as _;
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Executor as _, Row as _};

/// Strict, and an `AUTO_INCREMENT` column can have 0. One end may wait long for the other, so that nothing times out.
const SETTINGS: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,PIPES_AS_CONCAT,\
                        NO_AUTO_VALUE_ON_ZERO', net_read_timeout = 86400, net_write_timeout = 86400, wait_timeout = 86400";
const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ";
/// MariaDB's own limits.
const MARIADB: &str = "SET SESSION max_statement_time = 0, idle_transaction_timeout = 0, \
                       idle_readonly_transaction_timeout = 0, idle_write_transaction_timeout = 0";
/// Those of MySQL, and counters are to be those of now.
const MYSQL: &str = "SET SESSION max_execution_time = 0, information_schema_stats_expiry = 0";

/// A session, and whose server it is.
pub(super) struct Session {
    pub(super) connection: MySqlConnection,
    pub(super) is_mariadb: bool,
}

impl Session {
    /// One of the tools' own, as the plugin's migrations.
    pub(super) async fn open(access: &Access, plan: &MySqlPlan) -> anyhow::Result<Self> {
        let mut connection = access.mysql(plan, As::Plugin, Some(&plan.database)).await?.connection;
        connection.execute(SETTINGS).await?;
        connection.execute(ISOLATION).await?;
        let mut session = Self { connection, is_mariadb: false };
        let version = session.texts("SELECT VERSION()").await?;
        session.is_mariadb = version.iter().flatten().flatten().any(|it| it.to_lowercase().contains("mariadb"));
        session.connection.execute(if session.is_mariadb { MARIADB } else { MYSQL }).await?;
        Ok(session)
    }

    /// The rows of a query, as text.
    pub(super) async fn texts(&mut self, sql: &str) -> anyhow::Result<Vec<Vec<Option<String>>>> {
        let rows: Vec<MySqlRow> = sqlx::raw_sql(AssertSqlSafe(sql)).fetch(&mut self.connection).try_collect().await?;
        let texts = rows.iter().map(|row| (0..row.len()).map(|it| row.try_get_unchecked(it)).collect());
        texts.collect::<Result<_, _>>().context("the server did not answer with text")
    }
}
