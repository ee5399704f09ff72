//! What sqlx opens: a connection, or a pool that has one and never gets another.

use std::future::Future;

use sea_orm::SqlxPostgresConnector;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool, Row};

use super::types;

pub(super) trait Session: Sized + Send {
    /// Whether it would connect again by itself, and must not be able to.
    const RECONNECTS: bool;

    fn open(options: &PgConnectOptions) -> impl Future<Output = sqlx::Result<Self>> + Send;

    /// Whether the server is in recovery, and whether the session is read-only.
    fn state(&mut self) -> impl Future<Output = sqlx::Result<(bool, bool)>> + Send;

    /// So that statements work that are prepared without a name.
    fn learn_types(&mut self) -> impl Future<Output = sqlx::Result<()>> + Send;

    fn close(self) -> impl Future<Output = ()> + Send;
}

const STATE: &str = "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only') = 'on'";

impl Session for PgConnection {
    const RECONNECTS: bool = false;

    async fn open(options: &PgConnectOptions) -> sqlx::Result<Self> {
        Self::connect_with(options).await
    }

    async fn state(&mut self) -> sqlx::Result<(bool, bool)> {
        state(self).await
    }

    async fn learn_types(&mut self) -> sqlx::Result<()> {
        types::learn(self).await
    }

    async fn close(self) {
        let _ = Connection::close(self).await;
    }
}

impl Session for PgPool {
    const RECONNECTS: bool = true;

    async fn open(options: &PgConnectOptions) -> sqlx::Result<Self> {
        PgPoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options.clone())
            .await
    }

    async fn state(&mut self) -> sqlx::Result<(bool, bool)> {
        state(&*self).await
    }

    async fn learn_types(&mut self) -> sqlx::Result<()> {
        types::learn(&mut *self.acquire().await?).await
    }

    async fn close(self) {
        Self::close(&self).await;
    }
}

/// In one message: behind a pooler two could come to different servers.
async fn state<'c>(executor: impl sqlx::Executor<'c, Database = sqlx::Postgres>) -> sqlx::Result<(bool, bool)> {
    let row = sqlx::raw_sql(STATE).fetch_one(executor).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// As sea-orm takes it.
pub(super) fn for_sea_orm(pool: PgPool) -> sea_orm::DatabaseConnection {
    SqlxPostgresConnector::from_sqlx_postgres_pool(pool)
}
