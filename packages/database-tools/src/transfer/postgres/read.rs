//! `COPY ... TO STDOUT`, in text.

use anyhow::Context as _;
use backend_defaults::database::postgres::quoted;
use futures::TryStreamExt as _;
use sqlx::PgConnection;
use tokio::sync::mpsc;

use crate::transfer::{Batch, Column, Kind, Raw, Table};

/// Sends all rows, until nobody receives any longer.
pub(super) async fn read(
    connection: &mut PgConnection,
    table: &Table,
    is_partitioned: bool,
    columns: &[&Column],
    batches: mpsc::Sender<Batch>,
) -> anyhow::Result<()> {
    let statement = format!("COPY (SELECT {}) TO STDOUT", from(table, is_partitioned, columns));
    let mut messages = connection.copy_out_raw(&statement).await?;
    let mut batch = Batch::new(columns.len());
    let mut plain = Vec::new();
    // PostgreSQL, "COPY Operations": always one row a message.
    while let Some(row) = messages.try_next().await? {
        push(&mut batch, &row, columns, &mut plain).context("PostgreSQL sent a row of another form")?;
        if batch.is_full() {
            let full = std::mem::replace(&mut batch, Batch::new(columns.len()));
            if batches.send(full).await.is_err() {
                return Ok(());
            }
        }
    }
    if !batch.is_empty() {
        // Nobody need want it.
        let _ = batches.send(batch).await;
    }
    Ok(())
}

fn from(table: &Table, is_partitioned: bool, columns: &[&Column]) -> String {
    let names: Vec<_> = columns.iter().map(|it| quoted(&it.name)).collect();
    // Rows without columns are rows.
    let names = if names.is_empty() { "NULL".to_owned() } else { names.join(", ") };
    // Without those of tables that inherit from it, which are in them.
    let only = if is_partitioned { "" } else { "ONLY " };
    format!("{names} FROM {only}{}", quoted(&table.name))
}

/// `plain` is room for what was escaped.
fn push(batch: &mut Batch, row: &[u8], columns: &[&Column], plain: &mut Vec<u8>) -> Option<()> {
    let row = row.strip_suffix(b"\n")?;
    if columns.is_empty() {
        batch.push(Raw::Null);
        return Some(());
    }
    let mut columns = columns.iter();
    for field in row.split(|it| *it == b'\t') {
        let kind = &columns.next()?.kind;
        if field == b"\\N" {
            batch.push(Raw::Null);
        } else if field.contains(&b'\\') {
            plain.clear();
            unescape(field, plain)?;
            push_value(batch, plain, kind)?;
        } else {
            push_value(batch, field, kind)?;
        }
    }
    columns.next().is_none().then_some(())
}

fn push_value(batch: &mut Batch, value: &[u8], kind: &Kind) -> Option<()> {
    // A database of encoding `SQL_ASCII` may have what is none.
    let Ok(text) = str::from_utf8(value) else {
        batch.push(Raw::Bytes(value));
        return Some(());
    };
    match kind {
        Kind::Bool => batch.push(Raw::Int(i64::from(text == "t"))),
        Kind::Int => batch.push(Raw::Int(text.parse().ok()?)),
        Kind::Real { single: false } => batch.push(Raw::Real(text.parse().ok()?)),
        Kind::Char => batch.push(Raw::Text(text.trim_end_matches(' '))),
        Kind::Bytes => batch.push(Raw::Bytes(&hex(text.strip_prefix("\\x")?.as_bytes())?)),
        _ => batch.push(Raw::Text(text)),
    }
    Some(())
}

fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |it: u8| match it {
        b'0'..=b'9' => Some(it - b'0'),
        b'a'..=b'f' => Some(it - b'a' + 10),
        _ => None,
    };
    digits.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

/// What PostgreSQL escapes when it writes.
fn unescape(field: &[u8], plain: &mut Vec<u8>) -> Option<()> {
    let mut rest = field;
    while let Some(at) = rest.iter().position(|it| *it == b'\\') {
        plain.extend_from_slice(&rest[..at]);
        plain.push(match rest.get(at + 1)? {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            other => *other,
        });
        rest = &rest[at + 2..];
    }
    plain.extend_from_slice(rest);
    Some(())
}
