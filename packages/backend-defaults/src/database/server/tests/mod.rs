#![expect(clippy::unwrap_used, reason = "tests")]

mod broken;
mod budget;
mod pooling;
mod servers;
mod sessions;
mod troubles;

use std::time::Duration;

use async_trait::async_trait;
use backend_plugin_api::PluginId;
use backend_plugin_api::services::Database;
use backend_plugin_api::services::database::{
    DatabaseInfo, Driver, MigrationConnection, MigrationMode, PoolStatus, Purpose, Session,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, Statement};

use self::servers::{MariaDb, Postgres, TestEngine};
use super::*;
use crate::database::DatabaseError;
use crate::database::plan::BudgetPlan;

/// A driver without anything that is not of sessions.
struct TestDriver<E: Engine> {
    info: DatabaseInfo,
    pool: Arc<ServerPool<E>>,
}

#[async_trait]
impl<E: Engine> Driver for TestDriver<E> {
    fn backend(&self) -> DbBackend {
        E::Connection::BACKEND
    }

    fn info(&self) -> &DatabaseInfo {
        &self.info
    }

    async fn acquire(&self, purpose: Purpose<'_>) -> Result<Box<dyn Session>, DbErr> {
        Ok(Box::new(self.pool.acquire(purpose).await?))
    }

    async fn provision(&self, _: &[&str]) -> anyhow::Result<()> {
        Ok(())
    }

    fn migration_mode(&self) -> MigrationMode {
        MigrationMode::Skip
    }

    async fn migration_connection(&self) -> anyhow::Result<MigrationConnection> {
        anyhow::bail!("there are no migrations")
    }

    fn pool_status(&self) -> PoolStatus {
        self.pool.status()
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

const POOL: PoolPlan = PoolPlan {
    min: 0,
    max: 3,
    acquire_timeout: Duration::from_secs(5),
    create_timeout: Duration::from_secs(10),
    destroy_timeout: Duration::from_secs(5),
    idle_timeout: Duration::from_secs(30),
    reap_interval: Duration::from_secs(1),
    create_retry_interval: Duration::from_millis(20),
    propagate_create_error: false,
};
const LIMITS: Limits = Limits { pool: POOL, query_timeout: None };
const BUDGET: BudgetPlan = BudgetPlan { max_connections: Some(10), replicas: 1 };

fn pool_of<E: Engine>(engine: E, limits: Limits) -> (Database, Arc<ServerPool<E>>) {
    pool_in(PluginId::new("todo"), engine, limits, &Budget::new("a server".to_owned(), BUDGET))
}

fn pool_in<E: Engine>(
    plugin: PluginId,
    engine: E,
    limits: Limits,
    budget: &Arc<Budget<E::Connection>>,
) -> (Database, Arc<ServerPool<E>>) {
    let owner = Owner { plugin, location: "a server".to_owned(), isolated: false, prologue: None };
    let info = DatabaseInfo { client: "x".to_owned(), location: owner.location.clone(), ephemeral: false };
    let pool = Arc::new(ServerPool::new(engine, owner, limits, budget));
    (Database::new(TestDriver { info, pool: Arc::clone(&pool) }), pool)
}

/// With a table `item (name)` that is unique.
async fn database<E: TestEngine>(limits: Limits) -> Database {
    let (database, _) = pool_of(E::new().await, limits);
    run(&database, "CREATE TABLE item (name VARCHAR(50) PRIMARY KEY)").await.unwrap();
    database
}

async fn run(connection: &impl ConnectionTrait, sql: &str) -> Result<ExecResult, DbErr> {
    connection.execute_raw(Statement::from_string(connection.get_database_backend(), sql)).await
}

async fn insert(connection: &impl ConnectionTrait, name: &str) -> Result<ExecResult, DbErr> {
    run(connection, &format!("INSERT INTO item VALUES ('{name}')")).await
}

async fn number(connection: &impl ConnectionTrait, sql: &str) -> i64 {
    let row = connection.query_one_raw(Statement::from_string(connection.get_database_backend(), sql)).await;
    row.unwrap().unwrap().try_get_by_index(0).unwrap()
}

/// The connections that there are to the database, beside this.
async fn others<E: TestEngine>(connection: &impl ConnectionTrait) -> Vec<i64> {
    let sql = Statement::from_string(E::Connection::BACKEND, E::OTHERS);
    let rows = connection.query_all_raw(sql).await.unwrap();
    rows.iter().map(|it| it.try_get_by_index(0).unwrap()).collect()
}

async fn names(connection: &impl ConnectionTrait) -> Vec<String> {
    let sql = Statement::from_string(connection.get_database_backend(), "SELECT name FROM item ORDER BY name");
    let rows = connection.query_all_raw(sql).await.unwrap();
    rows.iter().map(|it| it.try_get_by_index(0).unwrap()).collect()
}

/// What is not of the wrapping.
fn told(error: &DbErr) -> String {
    DatabaseError::of(error).map_or_else(|| panic!("{error}"), ToString::to_string)
}

fn is_rolled_back(error: &DbErr) -> bool {
    matches!(DatabaseError::of(error), Some(DatabaseError::RolledBack { .. }))
}

/// A test that hangs fails.
async fn within_a_minute(test: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(60), test).await.expect("the test hangs");
}
