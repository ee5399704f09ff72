//! Makes what a plugin's plan says, where it is not there and may be made.
//!
//! The plugin's own database is connected to first. The maintenance database, for which others have
//! no rights on many servers, is only touched when that one is missing.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use backend_plugin_api::services::database::{Purpose, Session};
use sea_orm::{DbBackend, DbErr, Statement};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};

use super::cannot_make::CannotMake;
use super::connect::{ConnectError, Connector, Failure};
use super::driver::PostgresEngine;
use super::names::{literal, quoted, stamp};
use super::shared::SharedServer;
use crate::database::DatabaseError;
use crate::database::plan::PostgresPlan;
use crate::database::server::{Patience, ServerPool, ServerSession};

/// How often it is tried again when others use the template at that moment.
const TEMPLATE_TRIES: u32 = 10;

/// Makes the database and the schema of one plugin.
pub(super) struct Provisioner {
    pub(super) plugin: &'static str,
    pub(super) plan: Arc<PostgresPlan>,
    pub(super) server: Arc<SharedServer>,
    /// As who may make databases.
    pub(super) admin: Connector,
}

impl Provisioner {
    /// What is to be done about a connection that failed: to wait, to make the database, or nothing.
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
        match failed.failure() {
            failure if failure.is_worth_waiting() => self.wait(error, failure, patience).await,
            Failure::DatabaseMissing(_) if !self.plan.ensure.database => {
                Err(CannotMake::NoDatabase { database: quoted(&self.plan.database), owner: self.owner() }.into())
            }
            Failure::DatabaseMissing(_) if !patience.made => match self.make_database(pool).await {
                // It may answer for one database and not for another, as while it starts.
                Err(error) => match error.downcast_ref::<ConnectError>().cloned() {
                    Some(failed) if failed.is_worth_waiting() => self.wait(error, failed.failure(), patience).await,
                    _ => Err(error),
                },
                Ok(()) => {
                    patience.made = true;
                    Ok(())
                }
            },
            _ => Err(error),
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
        let (user, maintenance) = (self.maker_name(), self.plan.maintenance_database.as_str());
        let mut maker = self.server.maker().await;
        let (mut connection, slot) = match maker.take(user, maintenance).await {
            Some(kept) => kept,
            None => {
                let slot = pool.slot().await?;
                (self.admin.connect(maintenance, &[]).await.map_err(|error| self.explained(error))?, slot)
            }
        };
        let made = self.make_database_on(&mut connection).await;
        if matches!(&made, Err(error) if !is_of_server(error)) {
            // It is lost: the next one opens another.
            maker.done().await;
        } else {
            maker.leave((connection, slot), user, maintenance).await;
        }
        made
    }

    fn explained(&self, error: ConnectError) -> anyhow::Error {
        let context = format!("the database {} does not exist, and to create it", quoted(&self.plan.database));
        let hint = matches!(error.failure(), Failure::DatabaseMissing(_) | Failure::Refused { .. });
        let hint = hint.then_some(" (`backend.database.maintenanceDatabase` names another database to connect to)");
        anyhow::Error::from(error).context(format!("{context}{}", hint.unwrap_or_default()))
    }

    async fn make_database_on(&self, connection: &mut PgConnection) -> anyhow::Result<()> {
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
        let statements = [
            format!("CREATE SCHEMA IF NOT EXISTS {}{authorization}", quoted(schema)),
            format!("COMMENT ON SCHEMA {} IS {}", quoted(schema), literal(&stamp(Some(self.plugin)))),
        ];
        let maker = self.server.maker().await;
        let made = match self.plan.admin {
            Some(_) => {
                let _slot = pool.slot().await?;
                let mut connection = self.admin.connect(&self.plan.database, &[]).await?;
                run_all(&statements, &mut connection).await
            }
            None => run_in(&statements, &mut session(pool).await?).await,
        };
        maker.done().await;
        match made {
            Ok(()) => tracing::info!("created the schema {} in the database {database}", quoted(schema)),
            Err(_) if has_schema(&mut session(pool).await?, schema).await.unwrap_or(false) => {}
            Err((Some("42501"), _)) => {
                let user = quoted(self.maker_name());
                return Err(CannotMake::MayNotCreateSchema { user, schema: quoted(schema), database, owner }.into());
            }
            Err((_, error)) => {
                return Err(error).with_context(|| format!("cannot create the schema {}", quoted(schema)));
            }
        }
        Ok(())
    }

    /// Sees to it that the database has the extensions. Those that PostgreSQL trusts can be created by
    /// the owner of the database.
    pub(super) async fn ensure_extensions(&self, pool: &Pool, extensions: &[&str]) -> anyhow::Result<()> {
        if extensions.is_empty() {
            return Ok(());
        }
        let missing = missing_extensions(&mut session(pool).await?, extensions).await?;
        if missing.is_empty() {
            return Ok(());
        }
        if self.plan.ensure.database {
            let maker = self.server.maker().await;
            let mut session = session(pool).await?;
            for extension in &missing {
                // What cannot be created is missing still, and told below.
                let create = format!("CREATE EXTENSION IF NOT EXISTS {}", quoted(extension));
                match session.execute_unprepared(&create).await {
                    Ok(_) => tracing::info!(
                        "created the extension {} in the database {}",
                        quoted(extension),
                        quoted(&self.plan.database)
                    ),
                    Err(error) => tracing::debug!("cannot create the extension {}: {error}", quoted(extension)),
                }
            }
            drop(session);
            maker.done().await;
        }
        let missing = missing_extensions(&mut session(pool).await?, extensions).await?;
        if missing.is_empty() {
            return Ok(());
        }
        bail!(CannotMake::NoExtension { plugin: self.plugin, database: quoted(&self.plan.database), missing })
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

type Pool = ServerPool<PostgresEngine>;

async fn session(pool: &Pool) -> Result<ServerSession<PostgresEngine>, DatabaseError> {
    pool.acquire(Purpose::Statement("")).await
}

async fn has_schema(session: &mut dyn Session, schema: &str) -> Result<bool, DbErr> {
    let sql = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [schema.into()]);
    Ok(session.query_one(statement).await?.is_some())
}

async fn missing_extensions(session: &mut dyn Session, extensions: &[&str]) -> Result<Vec<String>, DbErr> {
    let statement = Statement::from_string(DbBackend::Postgres, "SELECT extname::text AS name FROM pg_extension");
    let rows = session.query_all(statement).await?;
    let there: Vec<String> = rows.iter().map(|it| it.try_get("", "name")).collect::<Result<_, _>>()?;
    Ok(extensions.iter().filter(|it| !there.iter().any(|name| name == *it)).map(|it| (*it).to_owned()).collect())
}

type NotRun = (Option<&'static str>, anyhow::Error);

async fn run_all(statements: &[String], connection: &mut PgConnection) -> Result<(), NotRun> {
    for statement in statements {
        let ran = connection.execute(AssertSqlSafe(statement.clone())).await;
        ran.map_err(|error| (denied(sqlstate(&error).as_deref()), error.into()))?;
    }
    Ok(())
}

async fn run_in(statements: &[String], session: &mut dyn Session) -> Result<(), NotRun> {
    for statement in statements {
        let ran = session.execute_unprepared(statement).await;
        ran.map_err(|error| (denied(sqlstate_of(&error).as_deref()), error.into()))?;
    }
    Ok(())
}

fn denied(code: Option<&str>) -> Option<&'static str> {
    code.filter(|it| *it == "42501").map(|_| "42501")
}

fn sqlstate(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

fn sqlstate_of(error: &DbErr) -> Option<String> {
    match error {
        DbErr::Exec(sea_orm::RuntimeErr::SqlxError(error)) | DbErr::Query(sea_orm::RuntimeErr::SqlxError(error)) => {
            sqlstate(error)
        }
        _ => None,
    }
}

/// Whether the server said it, so that the connection is as good as before.
fn is_of_server(error: &anyhow::Error) -> bool {
    let said = error.downcast_ref::<sqlx::Error>().is_some_and(|it| it.as_database_error().is_some());
    said || error.downcast_ref::<CannotMake>().is_some()
}
