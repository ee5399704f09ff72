use backend_defaults::database::postgres::quoted;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::transfer::{Batch, Column, Raw, Table};

/// `SELECT` of all rows. Names are quoted as PostgreSQL's are.
pub(super) fn select(table: &Table, columns: &[&Column]) -> String {
    let columns: Vec<_> = columns.iter().map(|it| quoted(&it.name)).collect();
    // Rows without columns are rows.
    let columns = if columns.is_empty() { "NULL".to_owned() } else { columns.join(", ") };
    format!("SELECT {columns} FROM {}", quoted(&table.name))
}

/// Hands over all rows, in batches, until `take` wants no more.
pub(super) fn read(
    connection: &Connection,
    select: &str,
    mut take: impl FnMut(Batch) -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let mut statement = connection.prepare(select)?;
    let width = statement.column_count();
    let mut rows = statement.raw_query();
    let mut batch = Batch::new(width);
    while let Some(row) = rows.next()? {
        for at in 0..width {
            batch.push(raw(row.get_ref(at)?));
        }
        if batch.is_full() && !take(std::mem::replace(&mut batch, Batch::new(width)))? {
            return Ok(());
        }
    }
    if !batch.is_empty() {
        take(batch)?;
    }
    Ok(())
}

fn raw(value: ValueRef<'_>) -> Raw<'_> {
    match value {
        ValueRef::Null => Raw::Null,
        ValueRef::Integer(it) => Raw::Int(it),
        ValueRef::Real(it) => Raw::Real(it),
        // SQLite does not see to it that text is some.
        ValueRef::Text(it) => str::from_utf8(it).map_or(Raw::Bytes(it), Raw::Text),
        ValueRef::Blob(it) => Raw::Bytes(it),
    }
}
