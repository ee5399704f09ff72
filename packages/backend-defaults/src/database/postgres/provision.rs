//! Makes what a plugin's plan says, where it is not there and may be made.
//!
//! The plugin's own database is connected to first. The maintenance database, for which others have
//! no rights on many servers, is only touched when that one is missing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use backend_plugin_api::services::database::{Purpose, Session};
use sea_orm::{DbBackend, DbErr, RuntimeErr, Statement};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};

use super::cannot_make::CannotMake;
use super::connect::{ConnectError, Connector, Failure};
use super::engine::PostgresEngine;
use super::making::Making;
use super::names::{literal, quoted, stamp};
use super::ownership;
use super::role::PluginRole;
use super::shared::SharedServer;
use super::sqlstate;
use crate::database::DatabaseError;
use crate::database::plan::PostgresPlan;
use crate::database::server::{Patience, ServerPool, ServerSession};

/// How often it is tried again when others use the template at that moment.
const TEMPLATE_TRIES: u32 = 10;

/// Makes the database and the schema of one plugin.
pub(super) struct Provisioner {
    pub(super) plugin: &'static str,
    pub(super) plan: Arc<PostgresPlan>,
    /// Who connects for the plugin when it works.
    pub(super) login: String,
    pub(super) server: Arc<SharedServer>,
    /// As who may make databases.
    pub(super) admin: Connector,
}

impl Provisioner {
    /// What is to be done about a connection that failed: to wait, to make the database or the role, or nothing.
    ///
    /// # Errors
    /// When nothing can be done, or not any longer.
    pub(super) async fn mend(
        &self,
        error: anyhow::Error,
        failed: &ConnectError,
        patience: &mut Patience,
        pool: &Pool,
    ) -> anyhow::Result<()> {
        let made = match failed.failure() {
            failure if failure.is_worth_waiting() => return self.wait(error, failure, patience).await,
            Failure::DatabaseMissing(_) if !self.plan.ensure.database => {
                return Err(
                    CannotMake::NoDatabase { database: quoted(&self.plan.database), owner: self.owner() }.into()
                );
            }
            Failure::DatabaseMissing(_) if !patience.made => {
                let made = self.make_database(pool).await;
                patience.made = made.is_ok();
                made
            }
            failure if self.plan.isolated && failure.may_be_of_role() && !patience.made_role => {
                let made = self.make_role(pool).await;
                patience.made_role = made.is_ok();
                made
            }
            _ => return Err(error),
        };
        match made {
            Ok(()) => Ok(()),
            // It may answer for one database and not for another, as while it starts.
            Err(error) => match error.downcast_ref::<ConnectError>().cloned() {
                Some(failed) if failed.is_worth_waiting() => self.wait(error, failed.failure(), patience).await,
                _ => Err(error),
            },
        }
    }

    async fn wait(&self, error: anyhow::Error, failure: &Failure, patience: &mut Patience) -> anyhow::Result<()> {
        patience.wait(&self.server.outage, &self.plan.server, failure, error).await
    }

    /// To be called when a connection was opened.
    pub(super) fn note_up(&self) {
        self.server.outage.end(&self.plan.server);
    }

    async fn make_database(&self, pool: &Pool) -> anyhow::Result<()> {
        let making = self.make_in(pool, &self.plan.maintenance_database).await;
        let mut making = making.map_err(|error| self.explained(error))?;
        let made = self.make_database_on(&mut making.connection).await;
        making.end(&made).await;
        made
    }

    async fn make_role(&self, pool: &Pool) -> anyhow::Result<()> {
        let mut making = self.make_in(pool, &self.plan.database).await?;
        let made = self.make_role_on(&mut making.connection).await;
        making.end(&made).await;
        made
    }

    async fn make_role_on(&self, connection: &mut PgConnection) -> anyhow::Result<()> {
        let Some(name) = self.plan.role.as_deref().filter(|_| self.plan.isolated) else { return Ok(()) };
        // Who works and who migrates may be two, and neither be who makes.
        let users = BTreeSet::from([self.login.as_str(), &self.plan.server.login.user]);
        let others = users.into_iter().filter(|it| *it != self.maker_name()).map(Some);
        let logins: Vec<_> = others.collect();
        for login in if logins.is_empty() { vec![None] } else { logins } {
            PluginRole { plugin: self.plugin, name, login, ensure: self.plan.ensure.role }.make(connection).await?;
        }
        Ok(())
    }

    /// A connection of who makes, when it is our turn.
    async fn make_in<'a>(&'a self, pool: &Pool, database: &'a str) -> anyhow::Result<Making<'a>> {
        Making::begin(&self.server, pool, &self.admin, self.maker_name(), database).await
    }

    fn explained(&self, error: anyhow::Error) -> anyhow::Error {
        let Some(failed) = error.downcast_ref::<ConnectError>() else { return error };
        let context = format!("the database {} does not exist, and to create it", quoted(&self.plan.database));
        let hint = matches!(failed.failure(), Failure::DatabaseMissing(_) | Failure::Refused { .. });
        let hint = hint.then_some(" (`backend.database.maintenanceDatabase` names another database to connect to)");
        error.context(format!("{context}{}", hint.unwrap_or_default()))
    }

    async fn make_database_on(&self, connection: &mut PgConnection) -> anyhow::Result<()> {
        self.make_role_on(connection).await?;
        let database = quoted(&self.plan.database);
        let owner = match self.owner_to_be() {
            Some(owner) => format!(" OWNER {}", quoted(owner)),
            None => String::new(),
        };
        let create = format!("CREATE DATABASE {database}{owner}");
        let mut tries = 0;
        loop {
            let Err(error) = connection.execute(AssertSqlSafe(create.clone())).await else { break };
            match sqlstate(&error).as_deref() {
                // Another backend was quicker.
                Some("42P04" | "23505") => return Ok(()),
                Some("42501") => return Err(self.may_not_create_database(&error).into()),
                Some("55006") if tries < TEMPLATE_TRIES => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(50 * u64::from(tries))).await;
                }
                _ => return Err(error).with_context(|| format!("cannot create the database {database}")),
            }
        }
        let plugin = self.plan.schema.is_none().then_some(self.plugin);
        let comment = format!("COMMENT ON DATABASE {database} IS {}", literal(&stamp(plugin)));
        let comment = if self.plan.isolated { self.as_owner(&comment) } else { comment };
        connection.execute(AssertSqlSafe(comment)).await.with_context(|| format!("cannot comment on {database}"))?;
        tracing::info!("created the database {database}");
        Ok(())
    }

    fn may_not_create_database(&self, error: &sqlx::Error) -> CannotMake {
        let user = quoted(self.maker_name());
        // PostgreSQL: "must be member of role", since 16 "must be able to SET ROLE".
        if error.as_database_error().is_some_and(|it| it.message().contains("role \"")) {
            return CannotMake::MayNotGive { user, owner: self.owner() };
        }
        CannotMake::MayNotCreateDatabase { user, database: quoted(&self.plan.database), owner: self.owner() }
    }

    /// Sees to it that there is the schema of the plan. No connection of the plugin's is held while another is
    /// waited for: the others may be in the hands of those who wait for this.
    pub(super) async fn ensure_schema(&self, pool: &Pool) -> anyhow::Result<()> {
        let Some(schema) = &self.plan.schema else { return Ok(()) };
        if has_schema(&mut session(pool).await?, schema).await? {
            return Ok(());
        }
        let (database, owner) = (quoted(&self.plan.database), self.owner());
        if !self.plan.ensure.schema {
            return Err(CannotMake::NoSchema { schema: quoted(schema), database, owner }.into());
        }
        let authorization = self.owner_to_be().map(|it| format!(" AUTHORIZATION {}", quoted(it))).unwrap_or_default();
        let create = format!("CREATE SCHEMA IF NOT EXISTS {}{authorization}", quoted(schema));
        let comment = format!("COMMENT ON SCHEMA {} IS {}", quoted(schema), literal(&stamp(Some(self.plugin))));
        let made = if self.plan.isolated {
            self.make_as_maker(pool, &format!("{create}; {}", self.as_owner(&comment))).await
        } else {
            self.make_schema(pool, [create, comment]).await
        };
        match made {
            Ok(()) => tracing::info!("created the schema {} in the database {database}", quoted(schema)),
            Err(_) if has_schema(&mut session(pool).await?, schema).await.unwrap_or(false) => {}
            Err(error) if sqlstate_in(&error).as_deref() == Some("42501") => {
                let user = quoted(self.maker_name());
                return Err(CannotMake::MayNotCreateSchema { user, schema: quoted(schema), database, owner }.into());
            }
            Err(error) => return Err(error).with_context(|| format!("cannot create the schema {}", quoted(schema))),
        }
        Ok(())
    }

    async fn make_schema(&self, pool: &Pool, statements: [String; 2]) -> anyhow::Result<()> {
        let mut turn = self.server.maker().await;
        turn.alone().await;
        match self.plan.admin {
            Some(_) => {
                let _slot = pool.slot().await?;
                let mut connection = self.admin.connect(&self.plan.database, &[]).await?;
                run_all(statements, &mut connection).await
            }
            None => run_in(statements, &mut session(pool).await?).await,
        }
    }

    /// For what the plugin's own role may not make.
    async fn make_as_maker(&self, pool: &Pool, sql: &str) -> anyhow::Result<()> {
        let mut making = self.make_in(pool, &self.plan.database).await?;
        let connection = &mut making.connection;
        let made = async {
            self.make_role_on(connection).await?;
            run_all([sql.to_owned()], connection).await
        };
        let made = made.await;
        making.end(&made).await;
        made
    }

    /// Text of several statements is one transaction, and this holds in it alone.
    fn as_owner(&self, sql: &str) -> String {
        match &self.plan.role {
            Some(role) => format!("SET LOCAL ROLE {}; {sql}", quoted(role)),
            None => sql.to_owned(),
        }
    }

    /// That what is there is the plugin's role's, if it has one of its own.
    pub(super) async fn check_ownership(&self, pool: &Pool) -> anyhow::Result<()> {
        match self.plan.isolated {
            true => ownership::check(self.plugin, &self.plan, &mut session(pool).await?).await,
            false => Ok(()),
        }
    }

    /// That tables can be made where the plugin's are to be. Only asked when some are.
    pub(super) async fn check_privileges(&self, session: &mut dyn Session) -> anyhow::Result<()> {
        let sql = "SELECT n.nspname::text AS schema, current_user::text AS who, has_schema_privilege(n.oid, 'USAGE') AS may_use, \
                   has_schema_privilege(n.oid, 'CREATE') AS may_create FROM pg_namespace n WHERE n.nspname = $1";
        let schema = self.plan.schema.as_deref().unwrap_or("public");
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [schema.into()]);
        let Some(row) = session.query_one(statement).await? else { return Ok(()) };
        let (user, schema) = (quoted(&row.try_get::<String>("", "who")?), quoted(schema));
        let database = quoted(&self.plan.database);
        if !row.try_get::<bool>("", "may_use")? {
            bail!(CannotMake::MayNotUseSchema { user, schema, database });
        }
        if !row.try_get::<bool>("", "may_create")? {
            bail!(CannotMake::MayNotCreateTables { user, schema, database });
        }
        Ok(())
    }

    /// Who is to own what is made, if that is not who makes it.
    fn owner_to_be(&self) -> Option<&str> {
        let login = self.plan.admin.as_ref().map(|_| self.plan.server.login.user.as_str());
        self.plan.role.as_deref().or(login)
    }

    /// Quoted.
    fn owner(&self) -> String {
        quoted(self.plan.role.as_deref().unwrap_or(&self.plan.server.login.user))
    }

    fn maker_name(&self) -> &str {
        &self.plan.admin.as_ref().unwrap_or(&self.plan.server.login).user
    }
}

pub(super) type Pool = ServerPool<PostgresEngine>;

pub(super) async fn session(pool: &Pool) -> Result<ServerSession<PostgresEngine>, DatabaseError> {
    pool.acquire(Purpose::Statement("")).await
}

async fn has_schema(session: &mut dyn Session, schema: &str) -> Result<bool, DbErr> {
    let sql = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [schema.into()]);
    Ok(session.query_one(statement).await?.is_some())
}

async fn run_all(statements: impl IntoIterator<Item = String>, connection: &mut PgConnection) -> anyhow::Result<()> {
    for statement in statements {
        connection.execute(AssertSqlSafe(statement)).await?;
    }
    Ok(())
}

async fn run_in(statements: impl IntoIterator<Item = String>, session: &mut dyn Session) -> anyhow::Result<()> {
    for statement in statements {
        session.execute_unprepared(&statement).await?;
    }
    Ok(())
}

/// The server's code in what [`run_all`] or [`run_in`] said.
fn sqlstate_in(error: &anyhow::Error) -> Option<String> {
    let of_session = || match error.downcast_ref::<DbErr>()? {
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => sqlstate(error),
        _ => None,
    };
    error.downcast_ref::<sqlx::Error>().and_then(sqlstate).or_else(of_session)
}
