use anyhow::Context as _;
use backend_defaults::database::postgres::quoted;
use backend_defaults::database::{Access, As, PostgresPlan};
use sqlx::postgres::PgDatabaseError;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};

/// So that text means the same value on every server: ISO dates, UTC, all digits of inexact numbers, bytes in hex. Nothing
/// ends it but its work.
const SETTINGS: &str = "\
SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL TimeZone = 'UTC'; SET LOCAL IntervalStyle = 'postgres'; \
SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; SET LOCAL client_encoding = 'UTF8'; \
SET LOCAL lc_monetary = 'C'; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
SET LOCAL row_security = off";

/// A connection of its own, in the plugin's schema, in a transaction that `begin` begins.
pub(super) async fn open(access: &Access, plan: &PostgresPlan, begin: &str) -> anyhow::Result<PgConnection> {
    let mut connection = access.postgres(plan, As::Plugin, None).await?.connection;
    let mut sql = format!("{begin}; {SETTINGS}");
    // A pooler may have dropped them.
    if let Some(role) = &plan.role {
        sql.push_str(&format!("; SET LOCAL ROLE {}", quoted(role)));
    }
    if let Some(schema) = &plan.schema {
        sql.push_str(&format!("; SET LOCAL search_path = {}", quoted(schema)));
    }
    connection.execute(AssertSqlSafe(sql)).await?;
    let schema: Option<String> =
        sqlx::query_scalar("SELECT current_schema()::text").persistent(false).fetch_one(&mut connection).await?;
    let wanted = plan.schema.as_deref().unwrap_or("public");
    schema.with_context(|| format!("there is no schema `{wanted}` in database `{}`", plan.database))?;
    Ok(connection)
}

/// What the server says, with what it says of where: which row, which value.
pub(super) fn told(error: sqlx::Error) -> anyhow::Error {
    let said = match &error {
        sqlx::Error::Database(it) => it.try_downcast_ref::<PgDatabaseError>(),
        _ => None,
    };
    let Some(said) = said else { return error.into() };
    let place = said.r#where().and_then(|it| it.lines().next());
    let parts = [Some(said.message()), said.detail(), place].into_iter().flatten();
    anyhow::anyhow!("{}", parts.collect::<Vec<_>>().join("; "))
}
