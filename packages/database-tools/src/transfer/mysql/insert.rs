//! `INSERT` of many rows, with bound values: nothing is to be quoted, and none of them is in a log.

use anyhow::{Context as _, bail};
use backend_defaults::database::mysql::quoted;
use sqlx::mysql::{MySqlArguments, MySqlConnection};
use sqlx::{Arguments as _, AssertSqlSafe};

use crate::transfer::convert::{write_date, write_time, write_timestamp};
use crate::transfer::{Column, Kind, Table, Value};

/// A statement is run when it has this many bytes.
const FULL: usize = 1024 * 1024;
/// Or this many rows.
const FULL_ROWS: usize = 512;
/// How many values a statement can have.
const MOST_VALUES: usize = 65_535;
/// What a value takes at most, beside text and bytes.
const FIXED: usize = 16;

/// Gathers rows of one table.
pub(super) struct Insert<'a> {
    columns: &'a [&'a Column],
    head: String,
    values: MySqlArguments,
    rows: usize,
    bytes: usize,
    most_rows: usize,
    packet: usize,
}

/// An `INSERT`, ready to run.
pub(super) struct Statement {
    sql: String,
    values: MySqlArguments,
    /// Of so many rows as all but the last have.
    full: bool,
}

impl<'a> Insert<'a> {
    /// `packet`: how many bytes the server takes at once.
    pub(super) fn new(table: &Table, columns: &'a [&'a Column], packet: usize) -> Self {
        let names: Vec<_> = columns.iter().map(|it| quoted(&it.name)).collect();
        let head = format!("INSERT INTO {} ({}) VALUES ", quoted(&table.name), names.join(", "));
        let most_rows = (MOST_VALUES / columns.len().max(1)).clamp(1, FULL_ROWS);
        Self { columns, head, values: MySqlArguments::default(), rows: 0, bytes: 0, most_rows, packet }
    }

    /// Adds a row; gives what is full.
    pub(super) fn add(&mut self, row: &[Value<'_>]) -> anyhow::Result<Option<Statement>> {
        let size = row.iter().map(size).sum::<usize>();
        if size > self.packet {
            let packet = self.packet;
            bail!("a row has {size} bytes, and the server takes {packet}: raise its `max_allowed_packet`");
        }
        let before = if self.bytes + size > self.packet { self.rest() } else { None };
        for (value, column) in row.iter().zip(self.columns) {
            let bound = bind(&mut self.values, value, column);
            bound.with_context(|| format!("column `{}` ({})", column.name, column.declared))?;
        }
        self.rows += 1;
        self.bytes += size;
        let is_full = before.is_none() && (self.rows >= self.most_rows || self.bytes >= FULL.min(self.packet / 2));
        Ok(if is_full { self.rest() } else { before })
    }

    /// What was not given yet.
    pub(super) fn rest(&mut self) -> Option<Statement> {
        if self.rows == 0 {
            return None;
        }
        let row = format!("({})", vec!["?"; self.columns.len()].join(","));
        let sql = format!("{}{}", self.head, vec![row; self.rows].join(","));
        let full = self.rows == self.most_rows;
        (self.rows, self.bytes) = (0, 0);
        Some(Statement { sql, values: std::mem::take(&mut self.values), full })
    }
}

impl Statement {
    pub(super) async fn run(self, connection: &mut MySqlConnection) -> anyhow::Result<()> {
        let insert = sqlx::query_with(AssertSqlSafe(self.sql), self.values);
        insert.persistent(self.full).execute(connection).await?;
        Ok(())
    }
}

fn size(value: &Value<'_>) -> usize {
    FIXED
        + match value {
            Value::Decimal(it) | Value::Text(it) | Value::Json(it) => it.len(),
            Value::Bytes(it) => it.len(),
            _ => FIXED,
        }
}

/// As sqlx writes the plugin's.
fn bind(values: &mut MySqlArguments, value: &Value<'_>, column: &Column) -> anyhow::Result<()> {
    let bound = match value {
        Value::Null => values.add(None::<&str>),
        Value::Bool(it) => values.add(*it),
        Value::Int(it) => values.add(*it),
        Value::Unsigned(it) => values.add(*it),
        Value::Real(it) if !it.is_finite() => bail!("MySQL has no {it}"),
        Value::Real(it) => values.add(*it),
        Value::Decimal(it) | Value::Text(it) | Value::Json(it) => values.add(it.as_ref()),
        Value::Bytes(it) => values.add(it.as_ref()),
        Value::Date(it) => values.add(written(|out| write_date(out, *it))),
        Value::Time(it) => values.add(written(|out| write_time(out, *it))),
        Value::Timestamp(it) => values.add(written(|out| write_timestamp(out, *it, b' '))),
        Value::Uuid(it) if column.declared == "uuid" => values.add(uuid::Uuid::from_bytes(*it).to_string()),
        Value::Uuid(it) if column.kind == Kind::Uuid => values.add(it.as_slice()),
        Value::Uuid(it) => values.add(uuid::Uuid::from_bytes(*it).to_string()),
    };
    bound.map_err(|error| anyhow::anyhow!(error))
}

/// As text, which the server reads in the session's time zone: UTC.
fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}
