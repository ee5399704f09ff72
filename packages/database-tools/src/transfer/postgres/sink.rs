use anyhow::Context as _;
use async_trait::async_trait;
use backend_defaults::database::postgres::quoted;
use backend_defaults::database::{Access, PostgresPlan};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};
use tokio::sync::mpsc;

use super::catalog::{Reference, Sequence, Trigger};
use super::session::told;
use super::text::write_row;
use super::{catalog, read, session};
use crate::transfer::{Catalog, Checksum, Column, Counter, Rows, Sink, Table, WAITING_BATCHES};

/// It does not wait for longer for those who use the tables.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = '10s'";
/// What is sent at once, in bytes.
const CHUNK: usize = 128 * 1024;

/// The tables of a database or a schema, which nobody else uses until the end of a transaction.
pub(in crate::transfer) struct PostgresSink {
    connection: PgConnection,
    catalog: Catalog,
    partitioned: Vec<String>,
    /// Taken away, to be put back: that checks them.
    references: Vec<Reference>,
    /// Switched off: what they would write comes from the source.
    triggers: Vec<Trigger>,
}

impl PostgresSink {
    /// Changes nothing yet.
    ///
    /// # Errors
    /// When it cannot be connected to; when others use the tables for too long.
    pub(in crate::transfer) async fn open(access: &Access, plan: &PostgresPlan) -> anyhow::Result<Self> {
        let mut connection = session::open(access, plan, BEGIN).await?;
        let (catalog, partitioned) = catalog::catalog(&mut connection).await?;
        let names: Vec<_> = catalog.tables.iter().map(|it| quoted(&it.name)).collect();
        if !names.is_empty() {
            let lock = format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", names.join(", "));
            connection.execute(AssertSqlSafe(lock)).await.context("others use the tables")?;
        }
        Ok(Self { connection, catalog, partitioned, references: Vec::new(), triggers: Vec::new() })
    }

    async fn run(&mut self, sql: String) -> anyhow::Result<()> {
        self.connection.execute(AssertSqlSafe(sql)).await.map_err(told)?;
        Ok(())
    }

    /// Within the transaction, as `setval` is not.
    async fn restart(&mut self, sequence: &Sequence, counters: &[Counter]) -> anyhow::Result<()> {
        let Sequence { table, column, name, max, .. } = sequence;
        let highest = format!("SELECT max({})::bigint FROM {}", quoted(column), quoted(table));
        let query = sqlx::query_scalar(AssertSqlSafe(highest)).persistent(false);
        let highest: Option<i64> = query.fetch_one(&mut self.connection).await?;
        let given = counters.iter().find(|it| it.table == *table && it.column == *column).map(|it| it.last);
        match highest.max(given) {
            None => Ok(()),
            Some(last) if last < *max => {
                self.run(format!("ALTER SEQUENCE {name} RESTART WITH {}", (last + 1).max(1))).await
            }
            // None is left, as in the source.
            Some(_) => self.run(format!("SELECT setval({}::regclass, {max})", literal(name))).await,
        }
    }
}

fn literal(text: &str) -> String {
    backend_defaults::database::postgres::literal(text)
}

#[async_trait]
impl Sink for PostgresSink {
    fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    async fn empty(&mut self) -> anyhow::Result<()> {
        let names: Vec<_> = self.catalog.tables.iter().map(|it| quoted(&it.name)).collect();
        self.references = catalog::foreign_keys(&mut self.connection).await?;
        self.triggers = catalog::triggers(&mut self.connection).await?;
        let drop = |it: &Reference| format!("ALTER TABLE {} DROP CONSTRAINT {}", quoted(&it.table), quoted(&it.name));
        let off = |it: &Trigger| format!("ALTER TABLE {} DISABLE TRIGGER {}", quoted(&it.table), quoted(&it.name));
        let mut sql: Vec<_> = self.references.iter().map(drop).chain(self.triggers.iter().map(off)).collect();
        if !names.is_empty() {
            sql.push(format!("TRUNCATE {}", names.join(", ")));
        }
        self.run(sql.join("; ")).await
    }

    async fn write(&mut self, table: &Table, columns: &[&Column], rows: &mut Rows) -> anyhow::Result<()> {
        let names: Vec<_> = columns.iter().map(|it| quoted(&it.name)).collect();
        // What was emptied in the same transaction may be, so that nobody has to mark rows as committed later.
        let frozen = if self.partitioned.contains(&table.name) { "" } else { " WITH (FREEZE)" };
        // Without any column a row is an empty line.
        let names = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
        let copy = format!("COPY {}{names} FROM STDIN{frozen}", quoted(&table.name));
        let mut copy = self.connection.copy_in_raw(&copy).await?;
        let mut text = Vec::with_capacity(CHUNK * 2);
        while let Some(batch) = rows.next().await {
            text.clear();
            let written = rows.each(&batch, columns, |values| write_row(&mut text, values, columns));
            if let Err(error) = written {
                copy.abort("a value does not fit").await?;
                return Err(error);
            }
            for chunk in text.chunks(CHUNK) {
                copy.send(chunk).await?;
            }
        }
        copy.finish().await.map_err(told)?;
        Ok(())
    }

    async fn checksum(&mut self, table: &Table, columns: &[&Column]) -> anyhow::Result<Checksum> {
        let is_partitioned = self.partitioned.contains(&table.name);
        let (sender, receiver) = mpsc::channel(WAITING_BATCHES);
        let read = read::read(&mut self.connection, table, is_partitioned, columns, sender);
        let ((), checksum) = tokio::try_join!(read, Rows::new(receiver, |_| ()).drain(columns))?;
        Ok(checksum)
    }

    async fn clear(&mut self, table: &str) -> anyhow::Result<()> {
        self.run(format!("DELETE FROM {}", quoted(table))).await
    }

    async fn set_counters(&mut self, counters: &[Counter]) -> anyhow::Result<()> {
        for sequence in catalog::sequences(&mut self.connection).await? {
            self.restart(&sequence, counters).await?;
        }
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> anyhow::Result<()> {
        for Reference { table, name, definition } in std::mem::take(&mut self.references) {
            let add = format!("ALTER TABLE {} ADD CONSTRAINT {} {definition}", quoted(&table), quoted(&name));
            self.run(add).await.with_context(|| format!("foreign key `{name}` of table `{table}` does not hold"))?;
        }
        for Trigger { table, name, enable } in std::mem::take(&mut self.triggers) {
            self.run(format!("ALTER TABLE {} {enable} TRIGGER {}", quoted(&table), quoted(&name))).await?;
        }
        self.run("COMMIT".to_owned()).await
    }
}
