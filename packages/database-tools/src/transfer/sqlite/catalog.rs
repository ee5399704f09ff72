use rusqlite::Connection;

use super::kind::kind;
use crate::transfer::{Catalog, Column, Counter, Table};

/// The plugin's tables. Virtual ones and what they keep their content in are left out, as are views.
pub(super) fn catalog(connection: &Connection) -> rusqlite::Result<Catalog> {
    let select = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' \
                  AND substr(name, 1, 7) <> 'sqlite_' AND substr(name, 1, 10) <> 'greenroom_'";
    let names = strings(connection, select, [])?;
    let tables = names.iter().map(|name| table(connection, name, &names)).collect::<rusqlite::Result<_>>()?;
    Ok(Catalog::new(tables))
}

/// The tables that a module of SQLite's makes, such as full-text indexes.
pub(super) fn virtual_tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    strings(connection, "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'virtual' ORDER BY 1", [])
}

fn table(connection: &Connection, name: &str, all: &[String]) -> rusqlite::Result<Table> {
    let mut select = connection.prepare(
        "SELECT name, type, hidden IN (2, 3), pk > 0 AND (SELECT count(*) FROM pragma_table_xinfo(?1) WHERE pk > 0) = 1 \
         FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid",
    )?;
    let columns = select.query_map([name], |row| {
        let declared: String = row.get(1)?;
        // An alias of the row's number.
        let counts = row.get::<_, bool>(3)? && declared.eq_ignore_ascii_case("integer");
        Ok(Column { name: row.get(0)?, kind: kind(&declared), declared, generated: row.get(2)?, counts })
    })?;
    let columns = columns.collect::<rusqlite::Result<_>>()?;
    let referred = strings(connection, "SELECT DISTINCT \"table\" FROM pragma_foreign_key_list(?1)", [name])?;
    // References need not have the case of the name.
    let is_it = |table: &str| referred.iter().any(|it| it.eq_ignore_ascii_case(table));
    let references = all.iter().filter(|it| *it != name && is_it(it)).cloned().collect();
    Ok(Table { name: name.to_owned(), columns, references })
}

/// What `AUTOINCREMENT` has given out.
pub(super) fn counters(connection: &Connection, catalog: &Catalog) -> rusqlite::Result<Vec<Counter>> {
    if !connection.table_exists(Some("main"), "sqlite_sequence")? {
        return Ok(Vec::new());
    }
    let mut select = connection.prepare("SELECT name, seq FROM sqlite_sequence WHERE typeof(seq) = 'integer'")?;
    let rows = select.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    let mut counters = Vec::new();
    for row in rows {
        let (table, last) = row?;
        let column = catalog.table(&table).and_then(|it| it.columns.iter().find(|it| it.counts));
        counters.extend(column.map(|it| Counter { table, column: it.name.clone(), last }));
    }
    Ok(counters)
}

pub(super) fn strings(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<Vec<String>> {
    connection.prepare(sql)?.query_map(parameters, |row| row.get(0))?.collect()
}
