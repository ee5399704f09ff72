use anyhow::Context as _;
use async_trait::async_trait;
use backend_defaults::database::mysql::quoted;
use backend_defaults::database::{Access, MySqlPlan};
use sqlx::Executor as _;
use tokio::sync::mpsc;

use super::session::Session;
use super::{catalog, read};
use crate::transfer::{Batch, Catalog, Column, Counter, Source, Table};

/// The rows of a database, in one snapshot of it.
pub(in crate::transfer) struct MySqlSource {
    session: Session,
    catalog: Catalog,
}

impl MySqlSource {
    /// As of now.
    ///
    /// # Errors
    /// When it cannot be connected to; when a table's engine has no transactions.
    pub(in crate::transfer) async fn open(access: &Access, plan: &MySqlPlan) -> anyhow::Result<Self> {
        let mut session = Session::open(access, plan).await?;
        session.connection.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").await?;
        let (catalog, _) = catalog::catalog(&mut session).await?;
        Ok(Self { session, catalog })
    }
}

#[async_trait]
impl Source for MySqlSource {
    fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    async fn read(&mut self, table: &Table, columns: &[&Column], batches: mpsc::Sender<Batch>) -> anyhow::Result<()> {
        let read = read::read(&mut self.session.connection, table, columns, batches).await;
        read.with_context(|| format!("cannot read table `{}`", table.name))
    }

    async fn count(&mut self, table: &Table) -> anyhow::Result<u64> {
        let rows = self.session.texts(&format!("SELECT COUNT(*) FROM {}", quoted(&table.name))).await?;
        let count = rows.into_iter().flatten().flatten().next().and_then(|it| it.parse().ok());
        count.with_context(|| format!("cannot count the rows of table `{}`", table.name))
    }

    async fn counters(&mut self) -> anyhow::Result<Vec<Counter>> {
        catalog::counters(&mut self.session).await
    }
}
