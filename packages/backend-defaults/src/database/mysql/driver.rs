use std::sync::Arc;

use async_trait::async_trait;
use backend_plugin_api::PluginId;
use backend_plugin_api::services::database::{
    DatabaseInfo, Driver, MigrationConnection, MigrationMode, PoolStatus, Purpose, Session,
};
use sea_orm::{DbBackend, DbErr};
use sqlx::MySqlConnection;

use super::connect::Connector;
use super::context::MySqlContext;
use super::error::MySqlConnectError;
use super::provision::Provisioner;
use crate::database::DatabaseError;
use crate::database::plan::{DatabasePlan, MySqlPlan};
use crate::database::server::{ConnectError, Engine, Limits, Owner, Patience, ServerLimit, ServerPool};

/// A plugin's database on a MySQL server. Nothing is opened before it is needed.
pub(crate) struct MySqlDriver {
    info: DatabaseInfo,
    plugin: PluginId,
    migrations: MigrationMode,
    pool: ServerPool<MySqlEngine>,
    provisioner: Provisioner,
    /// For messages.
    location: String,
}

/// Opens the connections of a plugin.
pub(super) struct MySqlEngine {
    connector: Connector,
    database: String,
    place: usize,
}

impl MySqlDriver {
    pub(crate) fn new(plan: &DatabasePlan, mysql: &MySqlPlan, context: &MySqlContext) -> Self {
        let info = plan.info();
        let connector = context.connector(&mysql.server, &mysql.server.login);
        let admin = context.connector(&mysql.server, mysql.admin.as_ref().unwrap_or(&mysql.server.login));
        let shared = context.shared(&mysql.server, plan.budget);
        let engine = MySqlEngine { connector, database: mysql.database.clone(), place: shared.next_place() };
        let owner = Owner { plugin: plan.plugin, location: plan.shown_location(), isolated: false, prologue: None };
        let limits = Limits { pool: plan.pool, query_timeout: None };
        let location = plan.shown_location();
        let pool = ServerPool::new(engine, owner, limits, &shared.budget);
        let provisioner = Provisioner { plan: Arc::new(mysql.clone()), server: shared, admin };
        Self { info, plugin: plan.plugin, migrations: plan.migrations, pool, provisioner, location }
    }
}

#[async_trait]
impl Engine for MySqlEngine {
    type Connection = MySqlConnection;

    async fn connect(&self) -> Result<MySqlConnection, ConnectError> {
        let connected = self.connector.connect(Some(&self.database)).await;
        connected.map_err(|error| Arc::new(error) as ConnectError)
    }

    fn place(&self) -> usize {
        self.place
    }

    async fn limit(&self, connection: &mut MySqlConnection) -> Option<ServerLimit> {
        const LIMIT: &str = "SELECT CAST(@@max_connections AS SIGNED), CAST(@@max_user_connections AS SIGNED)";
        let (all, own): (i64, i64) = sqlx::query_as(LIMIT).persistent(false).fetch_one(connection).await.ok()?;
        let own = usize::try_from(own).ok().filter(|it| *it > 0);
        Some(ServerLimit { max_connections: usize::try_from(all).ok()?, reserved: 0, own })
    }

    fn is_passing(&self, error: &ConnectError) -> bool {
        error.downcast_ref::<MySqlConnectError>().is_none_or(|it| it.failure.is_worth_waiting())
    }
}

#[async_trait]
impl Driver for MySqlDriver {
    fn backend(&self) -> DbBackend {
        DbBackend::MySql
    }

    fn info(&self) -> &DatabaseInfo {
        &self.info
    }

    async fn acquire(&self, purpose: Purpose<'_>) -> Result<Box<dyn Session>, DbErr> {
        Ok(Box::new(self.pool.acquire(purpose).await?))
    }

    /// MySQL has no extensions that a database needs.
    async fn provision(&self, _: &[&str]) -> anyhow::Result<()> {
        let mut patience = Patience::new(self.provisioner.plan.startup_timeout);
        let _impatient = self.pool.impatient();
        loop {
            let error = match self.pool.acquire(Purpose::Statement("")).await {
                Ok(_) => break,
                Err(error) => error,
            };
            let Some(failed) = failure_to_connect(&error) else { return Err(error.into()) };
            self.provisioner.mend(error.into(), &failed, &mut patience, &self.pool).await?;
        }
        self.provisioner.note_up();
        Ok(())
    }

    fn migration_mode(&self) -> MigrationMode {
        self.migrations
    }

    async fn migration_connection(&self) -> anyhow::Result<MigrationConnection> {
        let mut session = self.pool.acquire(Purpose::Statement("")).await?;
        self.provisioner.check_privileges(session.connection()?).await?;
        drop(session);
        let slot = self.pool.slot().await?;
        let MySqlEngine { connector, database, .. } = self.pool.engine();
        let connected = connector.connect_alone(database).await;
        let connection = connected.map_err(|error| {
            let (plugin, location) = (self.plugin, self.location.clone());
            DatabaseError::Open { plugin, location, cause: Arc::new(error) }
        })?;
        Ok(MigrationConnection::new(connection, slot))
    }

    fn pool_status(&self) -> PoolStatus {
        self.pool.status()
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

fn failure_to_connect(error: &DatabaseError) -> Option<MySqlConnectError> {
    match error {
        DatabaseError::Open { cause, .. } => cause.downcast_ref::<MySqlConnectError>().cloned(),
        _ => None,
    }
}
