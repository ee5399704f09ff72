use backend_app_api::HistoryRow;
use backend_defaults::database::postgres::{ConnectError, Failure, quoted};
use backend_defaults::database::{As, PostgresPlan};
use serde::Deserialize;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row};

use super::exists::is_missing_postgres;
use super::{Counting, Facts, OtherSession, Stamp, TableFacts};
use crate::Site;

/// Of the schema `$1`, or of all schemas of the database. `$2` is what these tools call themselves, `$3` the plugin.
///
/// PostgreSQL: what a session does is hidden from other users, and with it what kind it is; helpers have no user.
const CATALOG: &str = "\
    WITH place AS (SELECT oid, nspname FROM pg_namespace WHERE CASE WHEN $1::text IS NULL \
        THEN nspname <> 'information_schema' AND nspname !~ '^pg_' ELSE nspname = $1 END), \
    relation AS (SELECT c.oid, nspname, relname, relkind, relispartition, reltuples, \
        has_schema_privilege(place.oid, 'USAGE') AS may_use FROM pg_class c \
        JOIN place ON place.oid = relnamespace WHERE NOT EXISTS (SELECT FROM pg_depend d \
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')), \
    tables AS (SELECT json_agg(json_build_object('schema', nspname, 'name', relname, \
        'estimate', greatest(reltuples, 0)::bigint, 'readable', may_use AND has_table_privilege(oid, 'SELECT')) ORDER BY nspname, relname) AS list \
        FROM relation WHERE relkind IN ('r', 'p') AND NOT relispartition), \
    sessions AS (SELECT json_agg(json_build_object('id', pid, 'application', application_name, 'user', usename, \
        'address', host(client_addr)) ORDER BY pid) AS list FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename IS NOT NULL \
        AND coalesce(backend_type, 'client backend') = 'client backend' AND application_name IS DISTINCT FROM $2 \
        AND ($1::text IS NULL OR application_name = $3 OR pid IN (SELECT l.pid FROM pg_locks l \
            JOIN relation ON l.relation = relation.oid \
            WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())))) \
    SELECT $1::text IS NULL OR EXISTS (SELECT FROM place), \
    coalesce($1, current_schema(), 'public')::text, \
    CASE WHEN $1::text IS NULL THEN pg_database_size(current_database()) ELSE \
        (SELECT sum(pg_total_relation_size(oid)) FROM relation WHERE relkind IN ('r', 'm', 'S'))::bigint END, \
    CASE WHEN $1::text IS NULL \
        THEN (SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()) \
        ELSE (SELECT obj_description(oid, 'pg_namespace') FROM place) END, \
    (SELECT list::text FROM tables), (SELECT list::text FROM sessions)";

#[derive(Deserialize)]
struct Found {
    schema: String,
    name: String,
    estimate: u64,
    /// Whether this user may read it. What others made may be theirs alone.
    readable: bool,
}

#[derive(Deserialize)]
struct FoundSession {
    id: i64,
    application: Option<String>,
    user: Option<String>,
    address: Option<String>,
}

pub(super) async fn facts(site: &Site, plan: &PostgresPlan, counting: Counting) -> anyhow::Result<Facts> {
    let Some(mut connection) = connect(site, plan).await? else { return Ok(Facts::missing(site).await) };
    let row = sqlx::query(CATALOG)
        .bind(plan.schema.as_deref())
        .bind(name_of_tools())
        .bind(&plan.server.session.application_name)
        .persistent(false)
        .fetch_one(&mut connection)
        .await?;
    if !row.try_get(0)? {
        return Ok(Facts::missing(site).await);
    }
    let (home, bytes): (String, Option<i64>) = (row.try_get(1)?, row.try_get(2)?);
    let comment: Option<String> = row.try_get(3)?;
    let tables: Vec<Found> = parse(row.try_get(4)?)?;
    let sessions: Vec<FoundSession> = parse(row.try_get(5)?)?;

    let mut facts = Facts { exists: true, bytes: bytes.unwrap_or_default().unsigned_abs(), ..Facts::default() };
    facts.sessions = sessions
        .into_iter()
        .map(|FoundSession { id, application, user, address }| OtherSession { id, application, user, address })
        .collect();
    let (mut history, mut stamps) = (Vec::new(), Vec::new());
    let mut counts = vec![None; tables.len()];
    if tables.iter().any(|it| it.readable) {
        let sql = counts_sql(&tables, &home, counting);
        for row in sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut connection).await? {
            let (what, value): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            match what.as_str() {
                "history" => history.push(serde_json::from_str::<HistoryRow>(&value)?),
                "stamp" => stamps.push(value),
                index => counts[index.parse::<usize>()?] = Some(value.parse()?),
            }
        }
    }
    for (Found { schema, name, estimate, .. }, count) in tables.into_iter().zip(counts) {
        let (rows, exact) = count.map_or((estimate, false), |it| counting.rows(it, estimate));
        facts.sort_in(TableFacts { schema: Some(schema).filter(|it| *it != home), name, rows, exact });
    }
    facts.stamp = Stamp::of(site.plugin(), comment.as_deref(), &stamps);
    // Else the server may take it for another's who uses the database.
    let _ = connection.close().await;
    facts.migrations = site.migrator().compare(history).await;
    Ok(facts)
}

/// As the plugin, who may read its tables; where its role is not there, as who makes it. `None`: there is no database.
pub(crate) async fn connect(site: &Site, plan: &PostgresPlan) -> anyhow::Result<Option<PgConnection>> {
    if !is_set_up(plan) {
        return Ok(None);
    }
    let plan = as_tools(plan);
    let connected = match site.access.postgres(&plan, As::Plugin, None).await {
        Err(error) if has_no_role(&error) => site.access.postgres(&plan, As::Admin, None).await,
        connected => connected,
    };
    match connected {
        Err(error) if is_missing_postgres(&error) => Ok(None),
        connected => Ok(Some(connected?.connection)),
    }
}

/// Whether there is a server to ask. A private one would be made by connecting to it.
pub(crate) fn is_set_up(plan: &PostgresPlan) -> bool {
    plan.embedded.as_ref().is_none_or(|directory| directory.join("data/PG_VERSION").exists())
}

/// The same, with sessions that can be told from those of others.
pub(crate) fn as_tools(plan: &PostgresPlan) -> PostgresPlan {
    let mut plan = plan.clone();
    plan.server.session.application_name = name_of_tools();
    if let Some(direct) = &mut plan.direct {
        direct.server.session.application_name = name_of_tools();
    }
    plan
}

fn name_of_tools() -> String {
    format!("greenroom db {}", std::process::id())
}

/// PostgreSQL: `check_role`.
fn has_no_role(error: &anyhow::Error) -> bool {
    let failure = error.downcast_ref::<ConnectError>().map(ConnectError::failure);
    matches!(failure, Some(Failure::Refused { sqlstate, .. }) if ["22023", "42501"].contains(&sqlstate.as_str()))
}

/// All that is to be read of tables: rows of what, and its value.
fn counts_sql(tables: &[Found], home: &str, counting: Counting) -> String {
    let limit = counting.limit().map(|it| format!(" LIMIT {it}")).unwrap_or_default();
    let named = |it: &Found| format!("{}.{}", quoted(&it.schema), quoted(&it.name));
    let readable = || tables.iter().enumerate().filter(|(_, it)| it.readable);
    let mut parts: Vec<_> = readable()
        .map(|(index, it)| format!("SELECT '{index}', count(*)::text FROM (SELECT FROM {}{limit}) t", named(it)))
        .collect();
    for (_, it) in readable().filter(|(_, it)| it.schema == home) {
        match it.name.as_str() {
            "greenroom_migrations" => {
                parts.push(format!("SELECT 'history', row_to_json(h)::text FROM {} h", named(it)))
            }
            "greenroom_stamp" => parts.push(format!("SELECT 'stamp', plugin::text FROM {}", named(it))),
            _ => {}
        }
    }
    parts.join(" UNION ALL ")
}

fn parse<T: for<'a> Deserialize<'a>>(json: Option<String>) -> anyhow::Result<Vec<T>> {
    Ok(json.map_or(Ok(Vec::new()), |it| serde_json::from_str(&it))?)
}
