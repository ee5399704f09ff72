//! A plugin's database, or its schema in one, on a PostgreSQL server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use backend_plugin_api::PluginId;
use backend_plugin_api::services::database::{
    DatabaseInfo, Driver, MigrationConnection, MigrationMode, PoolStatus, Purpose, Session,
};
use sea_orm::{DbBackend, DbErr};
use sqlx::PgConnection;
use tokio::sync::OnceCell;

use super::connect::{ConnectError, Connector};
use super::context::PostgresContext;
use super::embedded::Lease;
use super::names::quoted;
use super::provision::Provisioner;
use crate::database::DatabaseError;
use crate::database::plan::{DatabasePlan, PoolPlan, PostgresPlan};
use crate::database::server::{self, Engine, Limits, Owner, Patience, ServerPool};

/// Nothing is opened before it is needed.
pub(crate) struct PostgresDriver {
    info: DatabaseInfo,
    /// For messages.
    location: String,
    plugin: PluginId,
    plan: PostgresPlan,
    pool: PoolPlan,
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
struct PostgresEngine {
    connector: Connector,
    database: String,
    /// What each session begins with.
    parameters: Vec<(&'static str, String)>,
}

impl PostgresDriver {
    pub(crate) fn new(plan: &DatabasePlan, postgres: &PostgresPlan, context: Arc<PostgresContext>) -> Self {
        Self {
            info: plan.info(),
            location: plan.shown_location(),
            plugin: plan.plugin,
            plan: postgres.clone(),
            pool: plan.pool,
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
        let shared = self.context.shared(&plan.server);
        let mut parameters = Vec::new();
        parameters.extend(plan.schema.as_ref().map(|it| ("search_path", quoted(it))));
        parameters.extend(plan.role.as_ref().map(|it| ("role", it.clone())));
        let engine = PostgresEngine { connector, database: plan.database.clone(), parameters };
        let limits = Limits {
            max: self.pool.max,
            acquire_timeout: self.pool.acquire_timeout,
            create_timeout: self.pool.create_timeout,
            query_timeout: plan.server.query_timeout,
        };
        let owner = Owner { plugin: self.plugin, location: self.location.clone() };
        let provisioner = Provisioner { plugin: self.plugin.as_str(), plan, server: shared, admin };
        Ok(Open { pool: ServerPool::new(engine, owner, limits), provisioner, lease })
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
    fn parameters(&self) -> Vec<(&str, &str)> {
        self.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}

#[async_trait]
impl Engine for PostgresEngine {
    type Connection = PgConnection;

    async fn connect(&self) -> Result<PgConnection, server::ConnectError> {
        let connected = self.connector.connect(&self.database, &self.parameters()).await;
        connected.map_err(|error| Arc::new(error) as server::ConnectError)
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
        let mut session = loop {
            let error = match pool.acquire(Purpose::Statement("")).await {
                Ok(session) => break session,
                Err(error) => error,
            };
            let Some(failed) = failure_to_connect(&error) else { return Err(error.into()) };
            provisioner.mend(error.into(), &failed, &mut patience).await?;
        };
        provisioner.note_up();
        provisioner.ensure_schema(&mut session).await?;
        provisioner.ensure_extensions(&mut session, extensions).await
    }

    fn migration_mode(&self) -> MigrationMode {
        self.migrations
    }

    async fn migration_connection(&self) -> anyhow::Result<MigrationConnection> {
        let Open { pool, provisioner, .. } = self.open().await?;
        provisioner.check_privileges(&mut pool.acquire(Purpose::Statement("")).await?).await?;
        let PostgresEngine { connector, database, .. } = pool.engine();
        let connected = connector.connect_alone(database, &pool.engine().parameters()).await;
        let connection = connected.map_err(|error| self.cannot_open(Arc::new(error)))?;
        Ok(MigrationConnection::new(connection, ()))
    }

    fn pool_status(&self) -> PoolStatus {
        PoolStatus { max: self.pool.max, ..PoolStatus::default() }
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
