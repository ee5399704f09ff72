use backend_app_api::HistoryRow;
use backend_defaults::database::mysql::quoted;
use backend_defaults::database::{As, MySqlPlan};
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, Row};

use super::exists::is_missing_mysql;
use super::{Counting, Facts, OtherSession, Stamp, TableFacts};
use crate::Site;

const TABLES: &str = "SELECT CAST(table_name AS CHAR), CAST(coalesce(table_rows, 0) AS UNSIGNED), \
    CAST(coalesce(data_length + index_length, 0) AS UNSIGNED) FROM information_schema.tables \
    WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' ORDER BY 1";
/// Those that this user may see.
const SESSIONS: &str = "SELECT CAST(id AS SIGNED), CAST(user AS CHAR), CAST(host AS CHAR) \
    FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID() ORDER BY id";

type Table = (String, u64, u64);

pub(super) async fn facts(site: &Site, plan: &MySqlPlan, counting: Counting) -> anyhow::Result<Facts> {
    let Some(mut connection) = connect(site, plan).await? else { return Ok(Facts::missing(site).await) };
    let tables: Vec<Table> = sqlx::query_as(TABLES).persistent(false).fetch_all(&mut connection).await?;
    let sessions: Vec<(i64, Option<String>, Option<String>)> =
        sqlx::query_as(SESSIONS).persistent(false).fetch_all(&mut connection).await?;
    let mut facts = Facts { exists: true, bytes: tables.iter().map(|it| it.2).sum(), ..Facts::default() };
    facts.sessions =
        sessions.into_iter().map(|(id, user, address)| OtherSession { id, application: None, user, address }).collect();
    let (mut history, mut stamps) = (Vec::new(), Vec::new());
    if !tables.is_empty() {
        let mut counts = vec![0; tables.len()];
        let sql = counts_sql(&tables, counting);
        for row in sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch_all(&mut connection).await? {
            let (what, value): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            match what.as_str() {
                "stamp" => stamps.push(value),
                index => counts[index.parse::<usize>()?] = value.parse()?,
            }
        }
        if tables.iter().any(|it| it.0 == "greenroom_migrations") {
            history = read_history(&mut connection).await?;
        }
        for ((name, estimate, _), count) in tables.into_iter().zip(counts) {
            let (rows, exact) = counting.rows(count, estimate);
            facts.sort_in(TableFacts { schema: None, name, rows, exact });
        }
    }
    facts.stamp = Stamp::of(site.plugin(), None, &stamps);
    // Else the server may take it for another's who uses the database.
    let _ = connection.close().await;
    facts.migrations = site.migrator().compare(history).await;
    Ok(facts)
}

/// `None`: there is no database.
pub(crate) async fn connect(site: &Site, plan: &MySqlPlan) -> anyhow::Result<Option<MySqlConnection>> {
    match site.access.mysql(plan, As::Plugin, Some(&plan.database)).await {
        Err(error) if is_missing_mysql(&error) => Ok(None),
        // Who may not see a database is told the same of one that is there and of one that is not.
        Err(_) if plan.admin.is_some() => match site.access.mysql(plan, As::Admin, Some(&plan.database)).await {
            Err(error) if is_missing_mysql(&error) => Ok(None),
            connected => Ok(Some(connected?.connection)),
        },
        connected => Ok(Some(connected?.connection)),
    }
}

async fn read_history(connection: &mut MySqlConnection) -> anyhow::Result<Vec<HistoryRow>> {
    let sql = "SELECT CAST(list AS CHAR), CAST(version AS CHAR), ordinal, CAST(applied_by AS CHAR), \
               CAST(checksum AS CHAR) FROM greenroom_migrations";
    let rows: Vec<(String, String, i32, String, Option<String>)> =
        sqlx::query_as(sql).persistent(false).fetch_all(connection).await?;
    let row =
        |(list, version, ordinal, applied_by, checksum)| HistoryRow { list, version, ordinal, applied_by, checksum };
    Ok(rows.into_iter().map(row).collect())
}

/// All that is to be read of tables: rows of what, and its value.
fn counts_sql(tables: &[Table], counting: Counting) -> String {
    let limit = counting.limit().map(|it| format!(" LIMIT {it}")).unwrap_or_default();
    let counts = tables.iter().enumerate().map(|(index, (name, ..))| {
        format!("SELECT '{index}', CAST(count(*) AS CHAR) FROM (SELECT 1 FROM {}{limit}) t", quoted(name))
    });
    let stamp = tables.iter().any(|it| it.0 == "greenroom_stamp");
    let stamp = stamp.then(|| "SELECT 'stamp', CAST(plugin AS CHAR) FROM greenroom_stamp".to_owned());
    counts.chain(stamp).collect::<Vec<_>>().join(" UNION ALL ")
}
