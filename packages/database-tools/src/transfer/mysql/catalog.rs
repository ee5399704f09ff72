//! What tables there are, from `information_schema`.

use std::collections::HashSet;

use anyhow::bail;
use backend_defaults::database::mysql::quoted;

use super::references::{Reference, references};
use super::session::Session;
use crate::transfer::{Catalog, Column, Counter, Kind, Table};

const COLUMNS: &str = "SELECT t.TABLE_NAME, t.ENGINE, c.COLUMN_NAME, c.DATA_TYPE, c.COLUMN_TYPE, c.EXTRA, \
                       c.GENERATION_EXPRESSION FROM information_schema.TABLES t JOIN information_schema.COLUMNS c \
                       ON c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME \
                       WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE = 'BASE TABLE' \
                       AND SUBSTR(t.TABLE_NAME, 1, 10) <> 'greenroom_' ORDER BY t.TABLE_NAME, c.ORDINAL_POSITION";
/// MariaDB: `json` is `longtext` with such a check.
const JSON_CHECKS: &str = "SELECT TABLE_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS \
                           WHERE CONSTRAINT_SCHEMA = DATABASE() AND CHECK_CLAUSE LIKE 'json_valid(%'";
const COUNTERS: &str = "SELECT t.TABLE_NAME, c.COLUMN_NAME, CAST(t.AUTO_INCREMENT AS CHAR) \
                        FROM information_schema.TABLES t JOIN information_schema.COLUMNS c \
                        ON c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME \
                        WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE = 'BASE TABLE' \
                        AND SUBSTR(t.TABLE_NAME, 1, 10) <> 'greenroom_' AND c.EXTRA LIKE '%auto_increment%' \
                        ORDER BY t.TABLE_NAME";

/// The tables, and the references between them.
///
/// # Errors
/// When a table's engine has no transactions: neither would what is read be of one moment, nor what is written.
pub(super) async fn catalog(session: &mut Session) -> anyhow::Result<(Catalog, Vec<Reference>)> {
    let references = references(session).await?;
    let json_checks = if session.is_mariadb { session.texts(JSON_CHECKS).await? } else { Vec::new() };
    let json_checks: HashSet<_> = json_checks.into_iter().map(texts).collect();
    let mut tables: Vec<Table> = Vec::new();
    for row in session.texts(COLUMNS).await? {
        let [table, engine, name, data_type, declared, extra, expression] = texts(row);
        if engine != "InnoDB" && engine != "ndbcluster" {
            bail!("table `{table}` is of the engine {engine}, which has no transactions: make it InnoDB's");
        }
        let is_json = json_checks.contains(&[table.clone(), format!("json_valid({})", quoted(&name))]);
        let column = Column {
            kind: if is_json { Kind::Json } else { kind(&data_type, &declared) },
            name,
            declared,
            generated: !expression.is_empty(),
            counts: extra.contains("auto_increment"),
        };
        match tables.last_mut().filter(|it| it.name == table) {
            Some(table) => table.columns.push(column),
            None => {
                let to = references.iter().filter(|it| it.table == table && it.to != table).map(|it| it.to.clone());
                let to: HashSet<String> = to.collect();
                let mut to: Vec<String> = to.into_iter().collect();
                to.sort();
                tables.push(Table { name: table, columns: vec![column], references: to });
            }
        }
    }
    Ok((Catalog::new(tables), references))
}

/// What `AUTO_INCREMENT` columns have given out.
pub(super) async fn counters(session: &mut Session) -> anyhow::Result<Vec<Counter>> {
    let mut counters = Vec::new();
    for row in session.texts(COUNTERS).await? {
        let [table, column, next] = texts(row);
        let highest = highest(session, &table, &column).await?;
        let given = next.parse::<u64>().unwrap_or_default().saturating_sub(1);
        let last = highest.max(i64::try_from(given).unwrap_or(i64::MAX));
        if last > 0 {
            counters.push(Counter { table, column, last });
        }
    }
    Ok(counters)
}

/// The highest number in a column; 0 if there is none.
pub(super) async fn highest(session: &mut Session, table: &str, column: &str) -> anyhow::Result<i64> {
    let sql = format!("SELECT CAST(MAX({}) AS CHAR) FROM {}", quoted(column), quoted(table));
    let rows = session.texts(&sql).await?;
    Ok(rows.into_iter().flatten().flatten().next().and_then(|it| it.parse().ok()).unwrap_or(0))
}

/// `NULL` as an empty text.
pub(super) fn texts<const N: usize>(row: Vec<Option<String>>) -> [String; N] {
    let mut row = row.into_iter();
    std::array::from_fn(|_| row.next().flatten().unwrap_or_default())
}

/// `declared` is the same with its length, as `decimal(20,6)`.
fn kind(data_type: &str, declared: &str) -> Kind {
    let digits = || declared.split_once('(').and_then(|(_, rest)| rest.split_once(')')?.0.parse().ok()).unwrap_or(0);
    match data_type {
        "tinyint" if declared == "tinyint(1)" => Kind::Bool,
        "bit" if declared == "bit(1)" => Kind::Bool,
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" | "bit" => Kind::Int,
        "float" => Kind::Real { single: true },
        "double" => Kind::Real { single: false },
        "decimal" => Kind::Decimal,
        "char" => Kind::Char,
        "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => Kind::Text,
        "binary" if declared == "binary(16)" => Kind::Uuid,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Kind::Bytes,
        "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
        | "geometrycollection" | "geomcollection" => Kind::Bytes,
        "date" => Kind::Date,
        "time" => Kind::Time { digits: digits() },
        "datetime" => Kind::Timestamp { digits: digits(), zoned: false },
        "timestamp" => Kind::Timestamp { digits: digits(), zoned: true },
        "json" => Kind::Json,
        "uuid" => Kind::Uuid,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let of = |declared: &str| {
            let end = declared.find(['(', ' ']).unwrap_or(declared.len());
            kind(&declared[..end], declared)
        };
        assert_eq!(of("tinyint(1)"), Kind::Bool);
        assert_eq!(of("tinyint(4)"), Kind::Int);
        assert_eq!(of("tinyint unsigned"), Kind::Int);
        assert_eq!(of("bit(1)"), Kind::Bool);
        assert_eq!(of("bit(8)"), Kind::Int);
        assert_eq!(of("bigint(20) unsigned"), Kind::Int);
        assert_eq!(of("binary(16)"), Kind::Uuid);
        assert_eq!(of("binary(20)"), Kind::Bytes);
        assert_eq!(of("datetime"), Kind::Timestamp { digits: 0, zoned: false });
        assert_eq!(of("timestamp(6)"), Kind::Timestamp { digits: 6, zoned: true });
        assert_eq!(of("time(3)"), Kind::Time { digits: 3 });
        assert_eq!(of("enum('a','b')"), Kind::Other);
    }
}
