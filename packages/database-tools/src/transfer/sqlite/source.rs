use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use backend_defaults::database::postgres::quoted;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::catalog;
use super::read::{read, select};
use crate::transfer::{Batch, Catalog, Column, Counter, Source, Table};

/// How long to wait for one who writes while nobody else may read.
const PATIENCE: Duration = Duration::from_secs(5);

/// A file, as it was when this was opened.
pub(in crate::transfer) struct SqliteSource {
    /// In a transaction. Away while a thread reads.
    reader: Option<Connection>,
    /// In none, so that it sees whether others have written.
    watcher: Connection,
    /// `PRAGMA data_version` of `watcher` before the transaction began.
    version: i64,
    catalog: Catalog,
}

impl SqliteSource {
    /// # Errors
    /// When there is no such file, or it is none of SQLite's.
    pub(in crate::transfer) async fn open(file: &Path) -> anyhow::Result<Self> {
        let file = file.to_owned();
        spawn_blocking(move || Self::open_now(&file)).await?
    }

    fn open_now(file: &Path) -> anyhow::Result<Self> {
        let had_log = had_log(file);
        let open = || open(file, had_log).with_context(|| format!("cannot read `{}`", file.display()));
        let (watcher, reader) = (open()?, open()?);
        let version = data_version(&watcher)?;
        reader.execute_batch("BEGIN")?;
        // The first read is when the state is chosen.
        let catalog = catalog::catalog(&reader).with_context(|| format!("cannot read `{}`", file.display()))?;
        Ok(Self { reader: Some(reader), watcher, version, catalog })
    }

    /// In a thread that may wait.
    async fn on_reader<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Connection) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let reader = self.reader.take().context("reading was broken off before")?;
        let (reader, done) = spawn_blocking(move || {
            let done = work(&reader);
            (reader, done)
        })
        .await?;
        self.reader = Some(reader);
        done
    }
}

#[async_trait]
impl Source for SqliteSource {
    fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    async fn read(&mut self, table: &Table, columns: &[&Column], batches: mpsc::Sender<Batch>) -> anyhow::Result<()> {
        let select = select(table, columns);
        let send = move |batch| Ok(batches.blocking_send(batch).is_ok());
        let done = self.on_reader(move |reader| read(reader, &select, send)).await;
        done.with_context(|| format!("cannot read table `{}`", table.name))
    }

    async fn count(&mut self, table: &Table) -> anyhow::Result<u64> {
        let sql = format!("SELECT count(*) FROM {}", quoted(&table.name));
        let count: i64 = self.on_reader(move |reader| Ok(reader.query_row(&sql, [], |row| row.get(0))?)).await?;
        Ok(u64::try_from(count)?)
    }

    /// SQLite: `data_version` differs when another connection has committed since the same one was asked before.
    async fn is_unchanged(&mut self) -> anyhow::Result<bool> {
        Ok(data_version(&self.watcher)? == self.version)
    }

    async fn counters(&mut self) -> anyhow::Result<Vec<Counter>> {
        let catalog = self.catalog.clone();
        self.on_reader(move |reader| Ok(catalog::counters(reader, &catalog)?)).await
    }

    async fn left_out(&mut self) -> anyhow::Result<Vec<String>> {
        self.on_reader(|reader| Ok(catalog::virtual_tables(reader)?)).await
    }
}

/// The list and the name of each migration that was applied, in that order: what a backend's handle would read, without
/// opening one, as that would prepare the file for writing.
pub(in crate::transfer) async fn applied(file: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let file = file.to_owned();
    let read = move || {
        let connection = open(&file, had_log(&file))?;
        if !connection.table_exists(Some("main"), "greenroom_migrations")? {
            return Ok(Vec::new());
        }
        let mut select = connection.prepare("SELECT list, version FROM greenroom_migrations ORDER BY ordinal")?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    };
    spawn_blocking(read).await?
}

/// A connection that changes nothing.
pub(crate) fn open_to_read(file: &Path) -> rusqlite::Result<Connection> {
    open(file, had_log(file))
}

/// Whether somebody has the file open, or did not close it.
fn had_log(file: &Path) -> bool {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    Path::new(&log).exists()
}

/// Nothing is written by it. A log that SQLite makes for reading goes with the last connection; one that was there is not
/// written back then.
fn open(file: &Path, had_log: bool) -> rusqlite::Result<Connection> {
    // Absolute, so that SQLite never takes it for a URI.
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    // One that may only read could not remove its log.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, had_log)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "data_version", |row| row.get(0))
}
