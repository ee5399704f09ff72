//! Makes the database of a plugin, where it is not there and may be made.
//!
//! The plugin's own database is connected to first; only when it is missing is there a connection to
//! none.

use std::sync::Arc;

use anyhow::Context as _;
use sqlx::mysql::{MySqlConnection, MySqlDatabaseError};
use sqlx::{AssertSqlSafe, Connection as _, Executor, SqlSafeStr};

use super::connect::Connector;
use super::context::SharedServer;
use super::driver::MySqlEngine;
use super::error::{MySqlConnectError, MySqlFailure};
use crate::database::plan::MySqlPlan;
use crate::database::server::{Patience, ServerPool};

/// Makes the database of one plugin.
pub(super) struct Provisioner {
    pub(super) plan: Arc<MySqlPlan>,
    pub(super) server: Arc<SharedServer>,
    /// As who may make databases.
    pub(super) admin: Connector,
}

/// Why there is no database to work in.
#[derive(Debug, thiserror::Error)]
enum CannotMake {
    #[error(
        "the database {database} does not exist, and `backend.database.ensureExists` is off; create it by: CREATE \
         DATABASE {database} CHARACTER SET utf8mb4"
    )]
    NoDatabase { database: String },
    #[error(
        "user {account} may not use the database {database}, or make it; let an administrator run: {create}GRANT ALL \
         PRIVILEGES ON {pattern}.* TO {account}"
    )]
    MayNotUse { account: String, database: String, pattern: String, create: String },
    #[error(
        "user {account} may not create the database {database}; name who may in `backend.database.admin`, or let an \
         administrator run: GRANT ALL PRIVILEGES ON {pattern}.* TO {account}"
    )]
    MayNotCreate { account: String, database: String, pattern: String },
    #[error(
        "user {account} may not make tables in the database {database}; let an administrator run: GRANT ALL \
         PRIVILEGES ON {pattern}.* TO {account}"
    )]
    MayNotMakeTables { account: String, database: String, pattern: String },
    #[error(
        "user {admin} may create the database {database} and may not let {account} use it; let an administrator run: \
         GRANT ALL PRIVILEGES ON {pattern}.* TO {account}"
    )]
    MayNotGrant { admin: String, account: String, database: String, pattern: String },
}

impl Provisioner {
    /// What is to be done about a connection that failed: to wait, to make the database, or nothing.
    ///
    /// # Errors
    /// When nothing can be done, or not any longer.
    pub(super) async fn mend(
        &self,
        error: anyhow::Error,
        failed: &MySqlConnectError,
        patience: &mut Patience,
        pool: &ServerPool<MySqlEngine>,
    ) -> anyhow::Result<()> {
        match &failed.failure {
            failure if failure.is_worth_waiting() => self.wait(error, failure, patience).await,
            MySqlFailure::DatabaseMissing(_) if !self.plan.ensure_exists => {
                Err(CannotMake::NoDatabase { database: self.database() }.into())
            }
            MySqlFailure::DatabaseMissing(_) if !patience.made => self.make(None, patience, pool).await,
            MySqlFailure::NotAllowed { account, .. } if !patience.made && self.makes_for_others() => {
                self.make(Some(account), patience, pool).await
            }
            MySqlFailure::NotAllowed { account, .. } => Err(self.may_not_use(account).into()),
            _ => Err(error),
        }
    }

    /// To be called when a connection was opened.
    pub(super) fn note_up(&self) {
        self.server.outage.end(&self.plan.server.address);
    }

    /// That tables can be made. Only asked when some are.
    pub(super) async fn check_privileges(&self, connection: &mut MySqlConnection) -> anyhow::Result<()> {
        // Rights are checked when a statement is prepared.
        let probe = format!("CREATE TABLE {}.greenroom_probe (id INT)", self.database());
        let Err(error) = connection.prepare(AssertSqlSafe(probe).into_sql_str()).await else { return Ok(()) };
        if number(&error) == Some(1142) {
            let account = self.account(connection).await;
            let (database, pattern) = (self.database(), self.pattern());
            return Err(CannotMake::MayNotMakeTables { account, database, pattern }.into());
        }
        Ok(())
    }

    async fn wait(&self, error: anyhow::Error, failure: &MySqlFailure, patience: &mut Patience) -> anyhow::Result<()> {
        patience.wait(&self.server.outage, &self.plan.server.address, failure, error).await
    }

    /// Makes the database, and lets `account` use it, where there is one that may not yet.
    async fn make(
        &self,
        account: Option<&str>,
        patience: &mut Patience,
        pool: &ServerPool<MySqlEngine>,
    ) -> anyhow::Result<()> {
        let _turn = self.server.making().await;
        let _slot = pool.slot().await?;
        let mut connection = match self.admin.connect(None).await {
            Ok(connection) => connection,
            Err(failed) if failed.failure.is_worth_waiting() => {
                return self.wait(anyhow::Error::from(failed.clone()), &failed.failure, patience).await;
            }
            Err(failed) => {
                let context = format!("the database {} does not exist, and to create it", self.database());
                return Err(anyhow::Error::from(failed).context(context));
            }
        };
        patience.made = true;
        let made = self.make_on(&mut connection, account).await;
        if let Err(error) = connection.close().await {
            tracing::debug!("closing a connection: {error}");
        }
        made
    }

    async fn make_on(&self, connection: &mut MySqlConnection, account: Option<&str>) -> anyhow::Result<()> {
        let (database, pattern) = (self.database(), self.pattern());
        match run(connection, format!("CREATE DATABASE {database} CHARACTER SET utf8mb4")).await {
            Ok(()) => tracing::info!("created the database {database}"),
            Err(error) => match number(&error) {
                // Another backend was quicker, or it was there and not to be seen.
                Some(1007) => {}
                Some(1044 | 1227) => {
                    let account = self.account(connection).await;
                    return Err(CannotMake::MayNotCreate { account, database, pattern }.into());
                }
                _ => return Err(error).with_context(|| format!("cannot create the database {database}")),
            },
        }
        let Some(account) = account else { return Ok(()) };
        let grant = format!("GRANT ALL PRIVILEGES ON {pattern}.* TO {account}");
        let Err(error) = run(connection, grant).await else { return Ok(()) };
        match number(&error) {
            Some(1044 | 1045 | 1227 | 1410) => {
                let (admin, account) = (self.account(connection).await, account.to_owned());
                Err(CannotMake::MayNotGrant { admin, account, database, pattern }.into())
            }
            _ => Err(error).with_context(|| format!("cannot let {account} use the database {database}")),
        }
    }

    /// As the server knows who is connected.
    async fn account(&self, connection: &mut MySqlConnection) -> String {
        let account = sqlx::query_scalar::<_, String>("SELECT CURRENT_USER()").fetch_one(connection).await;
        match account.as_ref().ok().and_then(|it| it.rsplit_once('@')) {
            Some((user, host)) => format!("'{user}'@'{host}'"),
            None => format!("'{}'@'%'", self.plan.server.login.user),
        }
    }

    fn may_not_use(&self, account: &str) -> CannotMake {
        let (database, pattern, account) = (self.database(), self.pattern(), account.to_owned());
        let create = match self.plan.ensure_exists {
            true => String::new(),
            false => format!("CREATE DATABASE IF NOT EXISTS {database} CHARACTER SET utf8mb4; "),
        };
        CannotMake::MayNotUse { account, database, pattern, create }
    }

    fn makes_for_others(&self) -> bool {
        self.plan.ensure_exists && self.plan.admin.is_some()
    }

    fn database(&self) -> String {
        quoted(&self.plan.database)
    }

    fn pattern(&self) -> String {
        quoted(&pattern(&self.plan.database))
    }
}

async fn run(connection: &mut MySqlConnection, sql: String) -> Result<(), sqlx::Error> {
    connection.execute(AssertSqlSafe(sql)).await.map(drop)
}

fn number(error: &sqlx::Error) -> Option<u16> {
    Some(error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>()?.number())
}

/// An identifier in backticks.
pub fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// The name of a database as `GRANT` has it, where `_` and `%` stand for others.
pub fn pattern(name: &str) -> String {
    name.replace('_', "\\_").replace('%', "\\%")
}
