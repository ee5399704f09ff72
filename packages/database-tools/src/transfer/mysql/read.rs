//! Rows of a table, as text.

use anyhow::Context as _;
use backend_defaults::database::mysql::quoted;
use futures::TryStreamExt as _;
use sqlx::mysql::{MySqlConnection, MySqlRow, MySqlValueRef};
use sqlx::{AssertSqlSafe, Decode, MySql, Row as _, ValueRef as _};
use tokio::sync::mpsc;

use crate::transfer::{Batch, Column, Kind, Raw, Table};

/// Sends the rows. Ends early when nobody receives.
pub(super) async fn read(
    connection: &mut MySqlConnection,
    table: &Table,
    columns: &[&Column],
    batches: mpsc::Sender<Batch>,
) -> anyhow::Result<()> {
    let selected: Vec<_> = columns.iter().map(|it| selected(it)).collect();
    let sql = format!("SELECT {} FROM {}", selected.join(", "), quoted(&table.name));
    let mut rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch(connection);
    let mut batch = Batch::new(columns.len());
    while let Some(row) = rows.try_next().await? {
        push(&mut batch, &row, columns)?;
        if batch.is_full() && batches.send(std::mem::replace(&mut batch, Batch::new(columns.len()))).await.is_err() {
            return Ok(());
        }
    }
    if !batch.is_empty() {
        // Whoever does not receive it has ended.
        let _ = batches.send(batch).await;
    }
    Ok(())
}

/// As the server is asked for it, so that its text says all: a `float` has six digits in text, and `bit` is bytes.
fn selected(column: &Column) -> String {
    let name = quoted(&column.name);
    match column.kind {
        Kind::Real { single: true } => format!("{name} + 0e0"),
        Kind::Bool | Kind::Int if column.declared.starts_with("bit") => format!("{name} + 0"),
        _ => name,
    }
}

fn push(batch: &mut Batch, row: &MySqlRow, columns: &[&Column]) -> anyhow::Result<()> {
    for (index, column) in columns.iter().enumerate() {
        let value = row.try_get_raw(index)?;
        if value.is_null() {
            batch.push(Raw::Null);
        } else {
            let pushed = push_value(batch, value, column);
            pushed
                .with_context(|| format!("column `{}` ({}) has what cannot be read", column.name, column.declared))?;
        }
    }
    Ok(())
}

fn push_value(batch: &mut Batch, value: MySqlValueRef<'_>, column: &Column) -> anyhow::Result<()> {
    let bytes = <&[u8] as Decode<MySql>>::decode(value).map_err(|error| anyhow::anyhow!(error))?;
    let is_bytes = column.kind == Kind::Bytes || (column.kind == Kind::Uuid && column.declared != "uuid");
    if is_bytes {
        batch.push(Raw::Bytes(bytes));
        return Ok(());
    }
    let text = std::str::from_utf8(bytes)?;
    batch.push(match column.kind {
        Kind::Bool | Kind::Int => match text.parse() {
            Ok(it) => Raw::Int(it),
            Err(_) => Raw::Unsigned(text.parse()?),
        },
        Kind::Real { .. } => Raw::Real(text.parse()?),
        _ => Raw::Text(text),
    });
    Ok(())
}
