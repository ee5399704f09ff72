use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use backend_defaults::database::postgres::quoted;
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, ToSql};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::catalog::{self, strings};
use super::kind::{Affinity, affinity};
use super::read::{read, select};
use crate::transfer::convert::{decimal_of_real, write_date, write_time, write_timestamp};
use crate::transfer::{
    Batch, Catalog, Checksum, Column, Counter, Kind, Raw, Rows, Sink, Table, Value, WAITING_BATCHES,
};

/// How long to wait for another who writes.
const PATIENCE: Duration = Duration::from_secs(30);
/// In KiB below zero: what is kept in memory of what was changed.
const CACHE: i64 = -16_384;
/// How many broken references are told.
const TOLD: usize = 5;

/// A file, in a transaction that keeps others from writing.
pub(in crate::transfer) struct SqliteSink {
    /// Away while a thread works with it.
    connection: Option<Connection>,
    catalog: Catalog,
}

impl SqliteSink {
    /// # Errors
    /// When there is no such file; when another writes for too long.
    pub(in crate::transfer) async fn open(file: &Path) -> anyhow::Result<Self> {
        let file = file.to_owned();
        let open = move || {
            let connection = open(&file)?;
            let catalog = catalog::catalog(&connection)?;
            anyhow::Ok(Self { connection: Some(connection), catalog })
        };
        spawn_blocking(open).await?
    }

    /// In a thread that may wait.
    async fn on_connection<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Connection) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let connection = self.connection.take().context("writing was broken off before")?;
        let (connection, done) = spawn_blocking(move || {
            let done = work(&connection);
            (connection, done)
        })
        .await?;
        self.connection = Some(connection);
        done
    }
}

#[async_trait]
impl Sink for SqliteSink {
    fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    async fn empty(&mut self) -> anyhow::Result<()> {
        let tables: Vec<_> = self.catalog.tables.iter().map(|it| quoted(&it.name)).collect();
        self.on_connection(move |connection| {
            for table in tables {
                connection.execute(&format!("DELETE FROM {table}"), [])?;
            }
            if connection.table_exists(Some("main"), "sqlite_sequence")? {
                connection.execute("DELETE FROM sqlite_sequence", [])?;
            }
            Ok(())
        })
        .await
    }

    /// Values are converted here while a thread inserts those before them.
    async fn write(&mut self, table: &Table, columns: &[&Column], rows: &mut Rows) -> anyhow::Result<()> {
        let sql = insert(table, columns);
        let affinities: Vec<_> = columns.iter().map(|it| affinity(&it.declared)).collect();
        let (sender, mut receiver) = mpsc::channel::<Batch>(WAITING_BATCHES);
        let inserting = self.on_connection(move |connection| {
            while let Some(batch) = receiver.blocking_recv() {
                insert_all(connection, &sql, &batch)?;
            }
            Ok(())
        });
        let converting = async move {
            let mut text = Vec::new();
            while let Some(batch) = rows.next().await {
                let mut bound = Batch::new(columns.len());
                rows.each(&batch, columns, |values| {
                    for (at, value) in values.iter().enumerate() {
                        text.clear();
                        bound.push(raw(value, &columns[at].kind, affinities[at], &mut text)?);
                    }
                    Ok(())
                })?;
                if sender.send(bound).await.is_err() {
                    // Whoever inserts says why.
                    break;
                }
            }
            anyhow::Ok(())
        };
        let (inserted, converted) = tokio::join!(inserting, converting);
        converted.and(inserted)
    }

    async fn checksum(&mut self, table: &Table, columns: &[&Column]) -> anyhow::Result<Checksum> {
        let (select, columns) = (select(table, columns), columns.iter().map(|it| (*it).clone()).collect::<Vec<_>>());
        self.on_connection(move |connection| {
            let (mut rows, columns) = (Rows::none(), columns.iter().collect::<Vec<_>>());
            read(connection, &select, |batch| {
                rows.each(&batch, &columns, |_| Ok(()))?;
                Ok(true)
            })?;
            Ok(rows.checksum())
        })
        .await
    }

    async fn clear(&mut self, table: &str) -> anyhow::Result<()> {
        let sql = format!("DELETE FROM {}", quoted(table));
        self.on_connection(move |connection| Ok(connection.execute_batch(&sql)?)).await
    }

    async fn set_counters(&mut self, counters: &[Counter]) -> anyhow::Result<()> {
        let counters = counters.to_vec();
        self.on_connection(move |connection| Ok(counters.iter().try_for_each(|it| set_counter(connection, it))?)).await
    }

    async fn commit(mut self: Box<Self>) -> anyhow::Result<()> {
        self.on_connection(|connection| {
            check_references(connection)?;
            Ok(connection.execute_batch("COMMIT")?)
        })
        .await
    }
}

fn insert(table: &Table, columns: &[&Column]) -> String {
    let table = quoted(&table.name);
    if columns.is_empty() {
        return format!("INSERT INTO {table} DEFAULT VALUES");
    }
    let names: Vec<_> = columns.iter().map(|it| quoted(&it.name)).collect();
    format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), vec!["?"; columns.len()].join(", "))
}

fn insert_all(connection: &Connection, sql: &str, batch: &Batch) -> anyhow::Result<()> {
    let mut insert = connection.prepare_cached(sql)?;
    for row in batch.rows() {
        for (at, value) in (1..).zip(row) {
            insert.raw_bind_parameter(at, Bound(value))?;
        }
        insert.raw_execute()?;
    }
    Ok(())
}

fn set_counter(connection: &Connection, Counter { table, last, .. }: &Counter) -> rusqlite::Result<()> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1 AND sql LIKE '%AUTOINCREMENT%'";
    if connection.query_row(sql, [table], |_| Ok(())).optional()?.is_none() {
        return Ok(());
    }
    let update = "UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1";
    if connection.execute(update, (table, last))? == 0 {
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", (table, last))?;
    }
    Ok(())
}

fn check_references(connection: &Connection) -> anyhow::Result<()> {
    let sql = "SELECT format('a row of `%s` refers to one of `%s` that is not there', \"table\", parent) \
               FROM pragma_foreign_key_check LIMIT 6";
    let broken = strings(connection, sql, [])?;
    if broken.is_empty() {
        return Ok(());
    }
    let more = if broken.len() > TOLD { ", and more" } else { "" };
    anyhow::bail!("{}{more}", broken[..broken.len().min(TOLD)].join(", "))
}

fn open(file: &Path) -> anyhow::Result<Connection> {
    // Absolute, so that SQLite never takes it for a URI.
    let file = std::path::absolute(file)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&file, flags);
    let connection = connection.with_context(|| format!("cannot write `{}`", file.display()))?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "cache_size", CACHE)?;
    // All are checked at the end; what triggers would write comes from the source.
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.execute_batch("BEGIN IMMEDIATE").with_context(|| format!("cannot write `{}`", file.display()))?;
    Ok(connection)
}

/// As sqlx writes it, which is what the plugin reads.
fn raw<'a>(value: &'a Value<'_>, kind: &Kind, affinity: Affinity, text: &'a mut Vec<u8>) -> anyhow::Result<Raw<'a>> {
    Ok(match value {
        Value::Null => Raw::Null,
        Value::Bool(it) => Raw::Int(i64::from(*it)),
        Value::Int(it) => Raw::Int(*it),
        Value::Unsigned(it) => anyhow::bail!("SQLite has no whole number as large as {it}"),
        Value::Real(it) if it.is_nan() => anyhow::bail!("SQLite has no NaN"),
        Value::Real(it) => Raw::Real(*it),
        Value::Decimal(it) => decimal(it, affinity)?,
        Value::Text(it) | Value::Json(it) => Raw::Text(it),
        Value::Bytes(it) => Raw::Bytes(it),
        Value::Date(it) => {
            write_date(text, *it);
            Raw::Text(str::from_utf8(text)?)
        }
        Value::Time(it) => {
            write_time(text, *it);
            Raw::Text(str::from_utf8(text)?)
        }
        Value::Timestamp(it) => {
            let zoned = matches!(kind, Kind::Timestamp { zoned: true, .. });
            write_timestamp(text, *it, if zoned { b'T' } else { b' ' });
            text.extend_from_slice(if zoned { b"+00:00" } else { b"" });
            Raw::Text(str::from_utf8(text)?)
        }
        Value::Uuid(it) => Raw::Bytes(it),
    })
}

/// Only a column of text keeps digits as they are; others make a number of 64 bits of them.
fn decimal(digits: &str, affinity: Affinity) -> anyhow::Result<Raw<'_>> {
    if affinity == Affinity::Text {
        return Ok(Raw::Text(digits));
    }
    if let (Affinity::Numeric | Affinity::Integer, Ok(int)) = (affinity, digits.parse()) {
        return Ok(Raw::Int(int));
    }
    match digits.parse() {
        Ok(real) if f64::is_finite(real) && decimal_of_real(real).as_deref() == Some(digits) => Ok(Raw::Real(real)),
        _ => anyhow::bail!("SQLite cannot keep all digits of {digits}"),
    }
}

/// Hands a value to rusqlite as it is.
struct Bound<'a>(Raw<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Raw::Int(it) => ValueRef::Integer(it),
            Raw::Real(it) => ValueRef::Real(it),
            Raw::Text(it) => ValueRef::Text(it.as_bytes()),
            Raw::Bytes(it) => ValueRef::Blob(it),
            // Of the latter there are none here.
            Raw::Null | Raw::Unsigned(_) => ValueRef::Null,
        }))
    }
}
