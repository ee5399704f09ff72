//! A plugin's database, or its schema in one, on a PostgreSQL server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use backend_plugin_api::PluginId;
use backend_plugin_api::services::database::{
    DatabaseInfo, Driver, MigrationConnection, MigrationMode, PoolStatus, Purpose, Session,
};
use sea_orm::{DbBackend, DbErr};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};
use tokio::sync::OnceCell;

use super::connect::{ConnectError, Connector};
use super::context::PostgresContext;
use super::embedded::Lease;
use super::names::{literal, quoted};
use super::provision::Provisioner;
use crate::database::DatabaseError;
use crate::database::plan::{BudgetPlan, DatabasePlan, PoolPlan, PostgresPlan};
use crate::database::server::{self, Engine, Limits, Owner, Patience, ServerLimit, ServerPool};

/// How many prepared statements a connection keeps that serves many plugins.
const SHARED_STATEMENTS: usize = 256;
/// PostgreSQL 14.
const FIRST_WITH_CHECKS: u32 = 140_000;
/// A statement ends though its client is gone: else it goes on, and counts as a connection.
const CHECKS: &str = "SET client_connection_check_interval = '1s'";
/// What the server takes, what of it is for others, and what it takes of the one who connects.
const LIMIT: &str = "SELECT current_setting('max_connections')::int, \
    current_setting('superuser_reserved_connections')::int + coalesce(current_setting('reserved_connections', true)::int, 0), \
    (SELECT rolconnlimit FROM pg_catalog.pg_roles WHERE rolname = session_user)";

/// Nothing is opened before it is needed.
pub(crate) struct PostgresDriver {
    info: DatabaseInfo,
    /// For messages.
    location: String,
    plugin: PluginId,
    plan: PostgresPlan,
    pool: PoolPlan,
    budget: BudgetPlan,
    migrations: MigrationMode,
    context: Arc<PostgresContext>,
    open: OnceCell<Open>,
    closed: AtomicBool,
}

struct Open {
    pool: ServerPool<PostgresEngine>,
    provisioner: Provisioner,
    /// Keeps a private server running.
    lease: Option<Lease>,
}

/// Opens the connections of a plugin.
pub(super) struct PostgresEngine {
    connector: Connector,
    database: String,
    /// What each session begins with.
    parameters: Vec<(&'static str, String)>,
    place: usize,
    /// Makes another plugin's session this one's.
    dress: String,
    tag: String,
}

impl PostgresDriver {
    pub(crate) fn new(plan: &DatabasePlan, postgres: &PostgresPlan, context: Arc<PostgresContext>) -> Self {
        Self {
            info: plan.info(),
            location: plan.shown_location(),
            plugin: plan.plugin,
            plan: postgres.clone(),
            pool: plan.pool,
            budget: plan.budget,
            migrations: plan.migrations,
            context,
            open: OnceCell::new(),
            closed: AtomicBool::new(false),
        }
    }

    /// Starts a private server, if it is to be one; connects to nothing.
    async fn open(&self) -> Result<&Open, DatabaseError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(DatabaseError::Closed { plugin: self.plugin });
        }
        let open = self.open.get_or_try_init(|| self.make()).await?;
        if self.closed.load(Ordering::Acquire) {
            // While this was being opened.
            open.close().await;
            return Err(DatabaseError::Closed { plugin: self.plugin });
        }
        Ok(open)
    }

    async fn make(&self) -> Result<Open, DatabaseError> {
        let located = self.context.locate(&self.plan).await;
        let (server, lease) = located.map_err(|cause| self.cannot_open(cause))?;
        let plan = Arc::new(PostgresPlan { server, ..self.plan.clone() });
        let connector = self.context.connector(&plan.server, &plan.server.login);
        let admin = self.context.connector(&plan.server, plan.admin.as_ref().unwrap_or(&plan.server.login));
        let shared = self.context.shared(&plan.server, self.budget);
        let engine = PostgresEngine::new(self.plugin, &plan, connector, shared.place(&plan));
        let limits = Limits { pool: self.pool, query_timeout: plan.server.query_timeout };
        let owner = Owner { plugin: self.plugin, location: self.location.clone(), isolated: plan.isolated };
        let pool = ServerPool::new(engine, owner, limits, &shared.budget);
        let provisioner = Provisioner { plugin: self.plugin.as_str(), plan, server: shared, admin };
        Ok(Open { pool, provisioner, lease })
    }

    fn cannot_open(&self, cause: server::ConnectError) -> DatabaseError {
        DatabaseError::Open { plugin: self.plugin, location: self.location.clone(), cause }
    }
}

impl Open {
    async fn close(&self) {
        self.pool.close().await;
        if let Some(lease) = &self.lease {
            lease.release().await;
        }
    }
}

impl PostgresEngine {
    fn new(plugin: PluginId, plan: &PostgresPlan, connector: Connector, place: usize) -> Self {
        let mut parameters = Vec::new();
        parameters.extend(plan.schema.as_ref().map(|it| ("search_path", quoted(it))));
        parameters.extend(plan.role.as_ref().map(|it| ("role", it.clone())));
        let database = plan.database.clone();
        let Some(schema) = &plan.schema else {
            let (dress, tag) = (String::new(), String::new());
            return Self { connector, database, parameters, place, dress, tag };
        };
        // Not `RESET ROLE`, which is back to the role that the session was opened with.
        let role = plan.role.as_deref().map_or("NONE".to_owned(), quoted);
        let name = literal(&plan.server.session.application_name);
        let dress = format!("SET search_path TO {}; SET ROLE {role}; SET application_name TO {name}", quoted(schema));
        let tag = format!(" /*{plugin}*/");
        Self { connector: connector.statement_cache(SHARED_STATEMENTS), database, parameters, place, dress, tag }
    }

    fn parameters(&self) -> Vec<(&str, &str)> {
        self.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}

#[async_trait]
impl Engine for PostgresEngine {
    type Connection = PgConnection;

    async fn connect(&self) -> Result<PgConnection, server::ConnectError> {
        let connected = self.connector.connect(&self.database, &self.parameters()).await;
        let mut connection = connected.map_err(|error| Arc::new(error) as server::ConnectError)?;
        if connection.server_version_num().is_some_and(|it| it >= FIRST_WITH_CHECKS) {
            // Not all systems that servers run on can do it.
            if let Err(error) = connection.execute(CHECKS).await {
                tracing::debug!("{CHECKS}: {error}");
            }
        }
        Ok(connection)
    }

    fn place(&self) -> usize {
        self.place
    }

    async fn dress(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        connection.execute(AssertSqlSafe(self.dress.as_str())).await.map(drop)
    }

    async fn limit(&self, connection: &mut PgConnection) -> Option<ServerLimit> {
        let (all, reserved, own): (i32, i32, i32) =
            sqlx::query_as(LIMIT).persistent(false).fetch_one(connection).await.ok()?;
        let reserved = usize::try_from(reserved).unwrap_or_default();
        // -1: there is none.
        Some(ServerLimit { max_connections: usize::try_from(all).ok()?, reserved, own: usize::try_from(own).ok() })
    }

    fn is_passing(&self, error: &server::ConnectError) -> bool {
        error.downcast_ref::<ConnectError>().is_none_or(ConnectError::is_worth_waiting)
    }

    fn tag(&self) -> &str {
        &self.tag
    }
}

#[async_trait]
impl Driver for PostgresDriver {
    fn backend(&self) -> DbBackend {
        DbBackend::Postgres
    }

    fn info(&self) -> &DatabaseInfo {
        &self.info
    }

    async fn acquire(&self, purpose: Purpose<'_>) -> Result<Box<dyn Session>, DbErr> {
        let open = self.open().await?;
        Ok(Box::new(open.pool.acquire(purpose).await?))
    }

    async fn provision(&self, extensions: &[&str]) -> anyhow::Result<()> {
        let Open { pool, provisioner, .. } = self.open().await?;
        let mut patience = Patience::new(self.plan.startup_timeout);
        let _impatient = pool.impatient();
        loop {
            let error = match pool.acquire(Purpose::Statement("")).await {
                Ok(_) => break,
                Err(error) => error,
            };
            let Some(failed) = failure_to_connect(&error) else { return Err(error.into()) };
            provisioner.mend(error.into(), &failed, &mut patience, pool).await?;
        }
        provisioner.note_up();
        provisioner.ensure_schema(pool).await?;
        provisioner.check_ownership(pool).await?;
        provisioner.ensure_extensions(pool, extensions).await
    }

    fn migration_mode(&self) -> MigrationMode {
        self.migrations
    }

    async fn migration_connection(&self) -> anyhow::Result<MigrationConnection> {
        let Open { pool, provisioner, .. } = self.open().await?;
        provisioner.check_privileges(&mut pool.acquire(Purpose::Statement("")).await?).await?;
        let slot = pool.slot().await?;
        let PostgresEngine { connector, database, .. } = pool.engine();
        let connected = connector.connect_alone(database, &pool.engine().parameters()).await;
        let connection = connected.map_err(|error| self.cannot_open(Arc::new(error)))?;
        Ok(MigrationConnection::new(connection, slot))
    }

    fn pool_status(&self) -> PoolStatus {
        match self.open.get() {
            Some(open) => open.pool.status(),
            None => PoolStatus { max: self.pool.max, ..PoolStatus::default() },
        }
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        if let Some(open) = self.open.get() {
            open.close().await;
        }
    }
}

fn failure_to_connect(error: &DatabaseError) -> Option<ConnectError> {
    match error {
        DatabaseError::Open { cause, .. } => cause.downcast_ref::<ConnectError>().cloned(),
        _ => None,
    }
}
