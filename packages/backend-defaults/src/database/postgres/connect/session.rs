//! What sqlx opens: a connection, or a pool that has one and never gets another.

use std::future::Future;

use sea_orm::SqlxPostgresConnector;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};

pub(super) trait Session: Sized + Send {
    /// Whether it would connect again by itself, and must not be able to.
    const RECONNECTS: bool;

    fn open(options: &PgConnectOptions) -> impl Future<Output = sqlx::Result<Self>> + Send;

    /// Whether the server is in recovery, and whether the session is read-only.
    fn state(&mut self) -> impl Future<Output = sqlx::Result<(bool, bool)>> + Send;

    fn close(self) -> impl Future<Output = ()> + Send;
}

const STATE: &str = "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only') = 'on'";

impl Session for PgConnection {
    const RECONNECTS: bool = false;

    async fn open(options: &PgConnectOptions) -> sqlx::Result<Self> {
        Self::connect_with(options).await
    }

    async fn state(&mut self) -> sqlx::Result<(bool, bool)> {
        sqlx::query_as(STATE).persistent(false).fetch_one(self).await
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
        sqlx::query_as(STATE).persistent(false).fetch_one(&*self).await
    }

    async fn close(self) {
        Self::close(&self).await;
    }
}

/// As sea-orm takes it.
pub(super) fn for_sea_orm(pool: PgPool) -> sea_orm::DatabaseConnection {
    SqlxPostgresConnector::from_sqlx_postgres_pool(pool)
}
