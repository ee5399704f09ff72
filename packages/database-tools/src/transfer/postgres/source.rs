use anyhow::Context as _;
use async_trait::async_trait;
use backend_defaults::database::postgres::quoted;
use backend_defaults::database::{Access, PostgresPlan};
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::sync::mpsc;

use super::{catalog, read, session};
use crate::transfer::{Batch, Catalog, Column, Counter, Source, Table};

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A database or a schema, in one snapshot of it.
pub(in crate::transfer) struct PostgresSource {
    connection: PgConnection,
    catalog: Catalog,
    partitioned: Vec<String>,
}

impl PostgresSource {
    /// As of now.
    ///
    /// # Errors
    /// When it cannot be connected to, or there is no such schema.
    pub(in crate::transfer) async fn open(access: &Access, plan: &PostgresPlan) -> anyhow::Result<Self> {
        let mut connection = session::open(access, plan, BEGIN).await?;
        let (catalog, partitioned) = catalog::catalog(&mut connection).await?;
        Ok(Self { connection, catalog, partitioned })
    }
}

#[async_trait]
impl Source for PostgresSource {
    fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    async fn read(&mut self, table: &Table, columns: &[&Column], batches: mpsc::Sender<Batch>) -> anyhow::Result<()> {
        let is_partitioned = self.partitioned.contains(&table.name);
        let read = read::read(&mut self.connection, table, is_partitioned, columns, batches).await;
        read.with_context(|| format!("cannot read table `{}`", table.name))
    }

    async fn count(&mut self, table: &Table) -> anyhow::Result<u64> {
        let only = if self.partitioned.contains(&table.name) { "" } else { "ONLY " };
        let sql = format!("SELECT count(*) FROM {only}{}", quoted(&table.name));
        let count = sqlx::query_scalar(AssertSqlSafe(sql)).persistent(false);
        let count: i64 = count.fetch_one(&mut self.connection).await?;
        Ok(u64::try_from(count)?)
    }

    async fn counters(&mut self) -> anyhow::Result<Vec<Counter>> {
        catalog::counters(&mut self.connection).await
    }
}
