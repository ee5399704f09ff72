//! A plugin's database, or its schema in one, on a PostgreSQL server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use backend_plugin_api::PluginId;
use backend_plugin_api::services::database::{
    DatabaseInfo, Driver, MigrationConnection, MigrationMode, PoolStatus, Purpose, Session,
};
use sea_orm::{DbBackend, DbErr};
use tokio::sync::OnceCell;

use super::connect::ConnectError;
use super::context::PostgresContext;
use super::embedded::Lease;
use super::engine::PostgresEngine;
use super::provision::Provisioner;
use crate::database::DatabaseError;
use crate::database::plan::{BudgetPlan, DatabasePlan, PoolPlan, PostgresPlan};
use crate::database::server::{self, Limits, Owner, Patience, ServerPool};

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
    /// To where migrations go, if not through `pool`.
    direct: Option<ServerPool<PostgresEngine>>,
    provisioner: Provisioner,
    /// Keeps a private server running.
    lease: Option<Lease>,
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
        let plan = PostgresPlan { server, ..self.plan.clone() };
        let pool = self.pool(&plan);
        let mut made = plan.for_migrations();
        let mut direct = None;
        if plan.direct.is_some() {
            let located = self.context.locate(&made).await;
            (made.server, _) = located.map_err(|cause| self.cannot_open(cause))?;
            direct = Some(self.pool(&made));
        }
        let admin = self.context.connector(&made.server, made.admin.as_ref().unwrap_or(&made.server.login));
        let shared = self.context.shared(&made.server, self.budget);
        let (plugin, login) = (self.plugin.as_str(), plan.server.login.user);
        let provisioner = Provisioner { plugin, plan: Arc::new(made), login, server: shared, admin };
        Ok(Open { pool, direct, provisioner, lease })
    }

    /// Connections to where the plan says, which behind a pooler get their settings in each transaction.
    fn pool(&self, plan: &PostgresPlan) -> ServerPool<PostgresEngine> {
        let connector = self.context.connector(&plan.server, &plan.server.login);
        let shared = self.context.shared(&plan.server, self.budget);
        let engine = PostgresEngine::new(self.plugin, plan, connector, shared.place(plan));
        let limits = Limits { pool: self.pool, query_timeout: plan.server.query_timeout };
        let owner = Owner {
            plugin: self.plugin,
            location: self.location.clone(),
            isolated: plan.isolated,
            prologue: engine.prologue(),
        };
        ServerPool::new(engine, owner, limits, &shared.budget)
    }

    /// Waits for a pooler, when the server behind it is there.
    async fn wait_for_pooler(&self, pool: &ServerPool<PostgresEngine>, mut patience: Patience) -> anyhow::Result<()> {
        let server = pool.engine().server();
        let shared = self.context.shared(server, self.budget);
        let _impatient = pool.impatient();
        loop {
            let Err(error) = pool.acquire(Purpose::Statement("")).await else { break };
            match failure_to_connect(&error) {
                Some(failed) if failed.is_worth_waiting() => {
                    patience.wait(&shared.outage, server, failed.failure(), error.into()).await?;
                }
                _ => return Err(error.into()),
            }
        }
        shared.outage.end(server);
        Ok(())
    }

    fn cannot_open(&self, cause: server::ConnectError) -> DatabaseError {
        DatabaseError::Open { plugin: self.plugin, location: self.location.clone(), cause }
    }
}

impl Open {
    /// What is made, and what migrates, goes through these connections.
    fn direct(&self) -> &ServerPool<PostgresEngine> {
        self.direct.as_ref().unwrap_or(&self.pool)
    }

    async fn close(&self) {
        self.pool.close().await;
        if let Some(direct) = &self.direct {
            direct.close().await;
        }
        if let Some(lease) = &self.lease {
            lease.release().await;
        }
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
        let open = self.open().await?;
        let (pool, provisioner) = (open.direct(), &open.provisioner);
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
        provisioner.ensure_extensions(pool, extensions).await?;
        match &open.direct {
            Some(_) => self.wait_for_pooler(&open.pool, patience).await,
            None => Ok(()),
        }
    }

    fn migration_mode(&self) -> MigrationMode {
        self.migrations
    }

    async fn migration_connection(&self) -> anyhow::Result<MigrationConnection> {
        let open = self.open().await?;
        let (pool, provisioner) = (open.direct(), &open.provisioner);
        provisioner.check_privileges(&mut pool.acquire(Purpose::Statement("")).await?).await?;
        let slot = pool.slot().await?;
        let connected = pool.engine().connect_alone().await;
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
