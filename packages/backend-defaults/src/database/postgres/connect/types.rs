//! sqlx asks the server for types that it does not know, between preparing a statement that has one and running it.
//! That question removes a statement without a name, which is the only kind there can be behind a pooler. So there
//! it learns all types before.

use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};

/// A list for `SELECT` with a value of each type, without those of tables' rows and of kinds that sqlx does not
/// read; the newest first, as it has an end (PostgreSQL: `MaxTupleAttributeNumber`).
const LIST: &str = "BEGIN; \
    SELECT string_agg(format('NULL::%I.%I', schema, name), ', ') FROM (\
        SELECT n.nspname AS schema, t.typname AS name \
        FROM pg_catalog.pg_type t \
        JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
        LEFT JOIN pg_catalog.pg_type element ON element.oid = t.typelem \
        LEFT JOIN pg_catalog.pg_class c ON c.oid IN (t.typrelid, element.typrelid) \
        WHERE t.typisdefined AND (c.oid IS NULL OR c.relkind = 'c') \
        AND t.typtype ~ '[bcder]' AND t.typcategory ~ '[A-EGINPR-VX]' \
        AND coalesce(element.typtype, 'b') ~ '[bcder]' AND coalesce(element.typcategory, 'A') ~ '[A-EGINPR-VX]' \
        AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
        ORDER BY t.oid DESC LIMIT 1600\
    ) types";
/// `invalid_sql_statement_name`: what happens to a statement without a name.
const GONE: &str = "26000";

pub(super) async fn learn(connection: &mut PgConnection) -> sqlx::Result<()> {
    let list: String = sqlx::raw_sql(LIST).fetch_one(&mut *connection).await?.try_get(0)?;
    let select = sqlx::query(AssertSqlSafe(format!("SELECT {list}"))).persistent(false);
    if let Err(error) = select.execute(&mut *connection).await
        && error.as_database_error().and_then(|it| it.code()).as_deref() != Some(GONE)
    {
        // Statements without such types work all the same.
        tracing::debug!("asking for the types of a database: {error}");
    }
    connection.execute("ROLLBACK").await.map(drop)
}
