use anyhow::Context as _;
use async_trait::async_trait;
use backend_defaults::database::mysql::quoted;
use backend_defaults::database::{Access, MySqlPlan};
use sqlx::{AssertSqlSafe, Executor as _};
use tokio::sync::mpsc;

use super::insert::Insert;
use super::references::{self, Reference};
use super::session::Session;
use super::{catalog, read};
use crate::transfer::{Catalog, Checksum, Column, Counter, Rows, Sink, Table, WAITING_BATCHES};

/// The tables of a database, in one transaction. Deleting all rows keeps others from adding any until its end.
pub(in crate::transfer) struct MySqlSink {
    session: Session,
    catalog: Catalog,
    references: Vec<Reference>,
    counters: Vec<Counter>,
    /// In bytes: what the server takes at once.
    packet: usize,
}

impl MySqlSink {
    /// Changes nothing yet.
    ///
    /// # Errors
    /// When it cannot be connected to; when a table's engine has no transactions.
    pub(in crate::transfer) async fn open(access: &Access, plan: &MySqlPlan) -> anyhow::Result<Self> {
        let mut session = Session::open(access, plan).await?;
        let (catalog, references) = catalog::catalog(&mut session).await?;
        let [packet] = catalog::texts(session.texts("SELECT @@max_allowed_packet").await?.swap_remove(0));
        session.connection.execute("START TRANSACTION").await?;
        Ok(Self { session, catalog, references, counters: Vec::new(), packet: packet.parse()? })
    }
}

#[async_trait]
impl Sink for MySqlSink {
    fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    async fn empty(&mut self) -> anyhow::Result<()> {
        self.session.connection.execute("SET SESSION foreign_key_checks = 0, SESSION unique_checks = 1").await?;
        for table in &self.catalog.tables {
            // `TRUNCATE` would commit.
            let delete = format!("DELETE FROM {}", quoted(&table.name));
            self.session.connection.execute(AssertSqlSafe(delete)).await?;
        }
        Ok(())
    }

    async fn write(&mut self, table: &Table, columns: &[&Column], rows: &mut Rows) -> anyhow::Result<()> {
        let mut insert = Insert::new(table, columns, self.packet);
        while let Some(batch) = rows.next().await {
            let mut full = Vec::new();
            rows.each(&batch, columns, |row| {
                full.extend(insert.add(row)?);
                Ok(())
            })?;
            for statement in full {
                statement.run(&mut self.session.connection).await?;
            }
        }
        match insert.rest() {
            Some(statement) => statement.run(&mut self.session.connection).await,
            None => Ok(()),
        }
    }

    async fn checksum(&mut self, table: &Table, columns: &[&Column]) -> anyhow::Result<Checksum> {
        let (sender, receiver) = mpsc::channel(WAITING_BATCHES);
        let read = read::read(&mut self.session.connection, table, columns, sender);
        let ((), checksum) = tokio::try_join!(read, Rows::new(receiver, |_| ()).drain(columns))?;
        Ok(checksum)
    }

    async fn clear(&mut self, table: &str) -> anyhow::Result<()> {
        let delete = format!("DELETE FROM {}", quoted(table));
        self.session.connection.execute(AssertSqlSafe(delete)).await?;
        Ok(())
    }

    async fn set_counters(&mut self, counters: &[Counter]) -> anyhow::Result<()> {
        self.counters = counters.to_vec();
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> anyhow::Result<()> {
        references::check(&mut self.session, &self.references).await?;
        let alter = self.alter_counters().await?;
        self.session.connection.execute("COMMIT").await?;
        for sql in alter {
            let altered = self.session.connection.execute(AssertSqlSafe(sql.clone())).await;
            altered.with_context(|| format!("the rows are there, but numbers may be given out again: run `{sql}`"))?;
        }
        Ok(())
    }
}

impl MySqlSink {
    /// What lets counters go on that are beyond the highest number in their table: those in it the server knows by
    /// itself. It would commit, and so runs after that.
    async fn alter_counters(&mut self) -> anyhow::Result<Vec<String>> {
        let mut alter = Vec::new();
        for Counter { table, column, last } in &self.counters {
            let found = self.catalog.table(table).and_then(|it| it.columns.iter().find(|it| it.name == *column));
            if !found.is_some_and(|it| it.counts) {
                continue;
            }
            if catalog::highest(&mut self.session, table, column).await? < *last {
                let next = i128::from(*last) + 1;
                alter.push(format!("ALTER TABLE {} AUTO_INCREMENT = {next}", quoted(table)));
            }
        }
        Ok(alter)
    }
}
