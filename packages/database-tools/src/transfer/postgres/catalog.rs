use std::collections::BTreeMap;

use sqlx::PgConnection;

use crate::transfer::{Catalog, Column, Counter, Kind, Table};

/// Tables of the current schema: partitions are their parent's, and what extensions bring is nobody's.
const TABLES: &str = "\
c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = current_schema()::regnamespace \
AND substr(c.relname, 1, 10) <> 'greenroom_' \
AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass \
AND d.objid = c.oid AND d.deptype = 'e')";

/// The tables, and which of them have partitions.
pub(super) async fn catalog(connection: &mut PgConnection) -> anyhow::Result<(Catalog, Vec<String>)> {
    let mut tables = tables(connection).await?;
    let partitioned = tables.iter().filter(|(_, it)| it.is_partitioned).map(|(name, _)| name.clone()).collect();
    for (table, referred) in references(connection).await? {
        if let Some(found) = tables.get_mut(&table).filter(|_| table != referred) {
            found.table.references.push(referred);
        }
    }
    Ok((Catalog::new(tables.into_values().map(|it| it.table).collect()), partitioned))
}

struct Found {
    table: Table,
    is_partitioned: bool,
}

async fn tables(connection: &mut PgConnection) -> anyhow::Result<BTreeMap<String, Found>> {
    let sql = format!(
        "SELECT c.relname::text, c.relkind = 'p', a.attname::text, \
         pg_catalog.format_type(a.atttypid, a.atttypmod), \
         CASE WHEN t.typtype = 'd' THEN b.typname ELSE t.typname END::text, \
         CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END, \
         a.attgenerated <> '', \
         EXISTS (SELECT 1 FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S' \
         WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass \
         AND d.refobjid = c.oid AND d.refobjsubid = a.attnum AND d.deptype IN ('a', 'i')) \
         FROM pg_catalog.pg_class c \
         LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
         LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
         LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype \
         WHERE {TABLES} ORDER BY c.relname, a.attnum"
    );
    type Row = (String, bool, Option<String>, Option<String>, Option<String>, Option<i32>, Option<bool>, bool);
    let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).persistent(false);
    let rows: Vec<Row> = query.fetch_all(connection).await?;
    let mut tables = BTreeMap::new();
    for (table, is_partitioned, name, declared, base, modifier, generated, counts) in rows {
        let new = || Table { name: table.clone(), columns: Vec::new(), references: Vec::new() };
        let found = tables.entry(table.clone()).or_insert_with(|| Found { table: new(), is_partitioned });
        if let (Some(name), Some(declared), Some(base)) = (name, declared, base) {
            let kind = kind(&base, modifier.unwrap_or(-1));
            let generated = generated.unwrap_or_default();
            found.table.columns.push(Column { name, kind, declared, generated, counts });
        }
    }
    Ok(tables)
}

/// Which table refers to which.
async fn references(connection: &mut PgConnection) -> anyhow::Result<Vec<(String, String)>> {
    let sql = format!(
        "SELECT DISTINCT c.relname::text, r.relname::text FROM pg_catalog.pg_constraint f \
         JOIN pg_catalog.pg_class c ON c.oid = f.conrelid JOIN pg_catalog.pg_class r ON r.oid = f.confrelid \
         WHERE f.contype = 'f' AND f.conparentid = 0 AND {TABLES} ORDER BY 1, 2"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).persistent(false).fetch_all(connection).await?)
}

/// A foreign key, and how it is made again.
pub(super) struct Reference {
    pub(super) table: String,
    pub(super) name: String,
    pub(super) definition: String,
}

/// The foreign keys of the plugin's tables.
pub(super) async fn foreign_keys(connection: &mut PgConnection) -> anyhow::Result<Vec<Reference>> {
    let sql = format!(
        "SELECT c.relname::text, f.conname::text, pg_catalog.pg_get_constraintdef(f.oid) \
         FROM pg_catalog.pg_constraint f JOIN pg_catalog.pg_class c ON c.oid = f.conrelid \
         WHERE f.contype = 'f' AND f.conparentid = 0 AND {TABLES} ORDER BY 1, 2"
    );
    let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).persistent(false);
    let rows: Vec<(String, String, String)> = query.fetch_all(connection).await?;
    Ok(rows.into_iter().map(|(table, name, definition)| Reference { table, name, definition }).collect())
}

/// A trigger that runs.
pub(super) struct Trigger {
    pub(super) table: String,
    pub(super) name: String,
    /// How it is switched on again: as `ALTER TABLE` has it.
    pub(super) enable: String,
}

pub(super) async fn triggers(connection: &mut PgConnection) -> anyhow::Result<Vec<Trigger>> {
    let sql = format!(
        "SELECT c.relname::text, t.tgname::text, \
         CASE t.tgenabled WHEN 'A' THEN 'ENABLE ALWAYS' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE' END \
         FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid \
         WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND {TABLES} ORDER BY 1, 2"
    );
    let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).persistent(false);
    let rows: Vec<(String, String, String)> = query.fetch_all(connection).await?;
    Ok(rows.into_iter().map(|(table, name, enable)| Trigger { table, name, enable }).collect())
}

/// What gives out the numbers of a column.
pub(super) struct Sequence {
    pub(super) table: String,
    pub(super) column: String,
    /// Quoted, with its schema.
    pub(super) name: String,
    /// It counts up to this.
    pub(super) max: i64,
    /// None was given out yet without it.
    pub(super) last: Option<i64>,
}

/// Those that count up.
pub(super) async fn sequences(connection: &mut PgConnection) -> anyhow::Result<Vec<Sequence>> {
    let sql = format!(
        "SELECT c.relname::text, a.attname::text, s.oid::regclass::text, q.seqmax, \
         pg_catalog.pg_sequence_last_value(s.oid::regclass) \
         FROM pg_catalog.pg_depend d \
         JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S' \
         JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid AND q.seqincrement > 0 \
         JOIN pg_catalog.pg_class c ON c.oid = d.refobjid \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid \
         WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass \
         AND d.deptype IN ('a', 'i') AND {TABLES} ORDER BY 1, 2"
    );
    let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).persistent(false);
    let rows: Vec<(String, String, String, i64, Option<i64>)> = query.fetch_all(connection).await?;
    let sequence = |(table, column, name, max, last)| Sequence { table, column, name, max, last };
    Ok(rows.into_iter().map(sequence).collect())
}

pub(super) async fn counters(connection: &mut PgConnection) -> anyhow::Result<Vec<Counter>> {
    let counter = |it: Sequence| Some(Counter { last: it.last?, table: it.table, column: it.column });
    Ok(sequences(connection).await?.into_iter().filter_map(counter).collect())
}

/// By the name of the type, and its modifier: -1 if there is none.
fn kind(base: &str, modifier: i32) -> Kind {
    let digits = || u8::try_from(modifier).unwrap_or(6).min(6);
    match base {
        "bool" => Kind::Bool,
        "int2" | "int4" | "int8" | "oid" => Kind::Int,
        "float4" => Kind::Real { single: true },
        "float8" => Kind::Real { single: false },
        "numeric" => Kind::Decimal,
        "text" | "varchar" | "name" => Kind::Text,
        "bpchar" => Kind::Char,
        "bytea" => Kind::Bytes,
        "date" => Kind::Date,
        "time" => Kind::Time { digits: digits() },
        "timestamp" => Kind::Timestamp { digits: digits(), zoned: false },
        "timestamptz" => Kind::Timestamp { digits: digits(), zoned: true },
        "json" | "jsonb" => Kind::Json,
        "uuid" => Kind::Uuid,
        _ => Kind::Other,
    }
}
