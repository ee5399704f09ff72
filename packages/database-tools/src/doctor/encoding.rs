//! Whether texts are kept as they are, and found again.

use backend_defaults::database::postgres::{literal, quoted};
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::finding::{About, Finding};

/// The first that keeps the version of a database's collation.
const FIRST_WITH_VERSIONS: u32 = 150_000;

/// Of a database that one is connected to.
pub(super) async fn check(
    about: &About,
    connection: &mut PgConnection,
    database: &str,
    version: u32,
) -> sqlx::Result<Vec<Finding>> {
    let versions = match version >= FIRST_WITH_VERSIONS {
        true => "datcollversion::text, pg_database_collation_actual_version(oid)::text",
        false => "NULL::text, NULL::text",
    };
    let sql = format!(
        "SELECT pg_encoding_to_char(encoding)::text, \
         coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', datcollate), {versions} \
         FROM pg_database d WHERE datname = {}",
        literal(database)
    );
    let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(connection).await?;
    let (encoding, collation): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let (made, now): (Option<String>, Option<String>) = (row.try_get(2)?, row.try_get(3)?);
    let name = quoted(database);
    let mut findings = Vec::new();
    if encoding != "UTF8" {
        findings.push(about.error(
            "encoding",
            format!("{encoding}, and not UTF8"),
            "what it has no letters for cannot be stored, or comes back as something else",
            "make another by `CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0`, and move the data there by \
             `backend db copy`",
        ));
    }
    if let Some((made, now)) = made.zip(now).filter(|(made, now)| made != now) {
        findings.push(about.warning(
            "collation",
            format!("indexes were made with version {made} of `{collation}`, and the server has {now}"),
            "texts are sorted otherwise now, so that rows are not found by their indexes, and unique ones have doubles",
            format!(
                "let its owner run there `REINDEX DATABASE {name}`, then `ALTER DATABASE {name} REFRESH COLLATION VERSION`"
            ),
        ));
    }
    if findings.is_empty() {
        findings.push(about.ok("encoding", format!("{encoding}, sorted by `{collation}`")));
    }
    Ok(findings)
}
