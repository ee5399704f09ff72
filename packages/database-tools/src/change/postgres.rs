use std::time::{Duration, Instant};

use anyhow::bail;
use backend_defaults::database::postgres::{literal, quoted, stamp, stamped_for};
use backend_defaults::database::{As, PostgresPlan};
use backend_plugin_api::PluginId;
use sea_orm::sea_query::PostgresQueryBuilder;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::{Action, Dropped, Refusal};
use crate::Site;
use crate::inspect::postgres::{as_tools, connect};
use crate::inspect::{Facts, OtherSession, TableFacts};

/// PostgreSQL 13.
const FIRST_WITH_FORCE: u32 = 130_000;
/// How long a session that is ended may take for it.
const END: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// So that a session that holds a table is not waited for without end.
const PATIENCE: &str = "SET LOCAL lock_timeout = '10s'";

/// What `DROP SCHEMA $1 CASCADE` would take with it from elsewhere: what depends on something that is in the schema, and
/// is not itself in it.
///
/// In it is what has it as its namespace, and what belongs to that: columns' defaults, constraints, triggers, indexes,
/// types of rows, what an extension brought. Not what has another namespace, as a partition elsewhere.
const OUTSIDE: &str = "\
    WITH RECURSIVE place AS (SELECT oid FROM pg_namespace WHERE nspname = $1), \
    inside(classid, objid) AS ( \
        SELECT 'pg_namespace'::regclass::oid, oid FROM place \
        UNION SELECT d.classid, d.objid FROM pg_depend d JOIN inside i ON d.refclassid = i.classid AND d.refobjid = i.objid \
        WHERE (d.refclassid = 'pg_namespace'::regclass OR d.deptype IN ('a', 'i', 'e', 'P', 'S')) \
        AND NOT EXISTS (SELECT FROM pg_depend n WHERE n.classid = d.classid AND n.objid = d.objid \
            AND n.refclassid = 'pg_namespace'::regclass AND n.refobjid NOT IN (SELECT oid FROM place))) \
    SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid) \
    FROM pg_depend d JOIN inside i ON d.refclassid = i.classid AND d.refobjid = i.objid \
    WHERE (d.classid, d.objid) NOT IN (SELECT classid, objid FROM inside) ORDER BY 1";
/// Foreign keys of tables that are not among `$1`, which has names as SQL has them.
const REFERRERS: &str = "\
    SELECT DISTINCT format('constraint %s on table %s', conname, conrelid::regclass) FROM pg_constraint \
    WHERE contype = 'f' AND confrelid = ANY ($1::text[]::regclass[]) AND conrelid <> ALL ($1::text[]::regclass[]) \
    AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = conrelid) ORDER BY 1";

/// What is elsewhere and depends on what is here.
pub(super) async fn dependents(
    site: &Site,
    plan: &PostgresPlan,
    facts: &Facts,
    action: Action,
) -> anyhow::Result<Vec<String>> {
    // Of a database nothing goes beyond it.
    if action == Action::Drop && plan.schema.is_none() {
        return Ok(Vec::new());
    }
    let mut connection = there(site, plan).await?;
    let things = match (action, &plan.schema) {
        (Action::Drop, Some(schema)) => outside(&mut connection, schema).await?,
        _ => {
            let tables = named(&mut connection, plan, facts).await?;
            sqlx::query_scalar(REFERRERS).bind(tables).persistent(false).fetch_all(&mut connection).await?
        }
    };
    let _ = connection.close().await;
    Ok(things)
}

pub(super) async fn drop(site: &Site, plan: &PostgresPlan, facts: &Facts, force: bool) -> anyhow::Result<Dropped> {
    let mut admin = match &plan.schema {
        Some(schema) => {
            let mut connection = there(site, plan).await?;
            if force {
                end_sessions(&mut connection, &facts.sessions).await?;
            }
            drop_schema(&mut connection, site.plugin(), &plan.location(), schema).await?;
            let _ = connection.close().await;
            None
        }
        None => {
            let mut connection = maintenance(site, plan).await?;
            drop_database(&mut connection, plan.migrations_database(), force).await?;
            Some(connection)
        }
    };
    let mut dropped = Dropped::default();
    if let Some(role) = plan.role.as_deref().filter(|_| plan.isolated) {
        let connection = match &mut admin {
            Some(connection) => connection,
            None => admin.insert(site.access.postgres(&as_tools(plan), As::Admin, None).await?.connection),
        };
        drop_role(connection, role, site.plugin().as_str(), &mut dropped).await?;
    }
    Ok(dropped)
}

/// A connection of who makes databases.
pub(crate) async fn maintenance(site: &Site, plan: &PostgresPlan) -> anyhow::Result<PgConnection> {
    let database = Some(plan.maintenance_database.as_str());
    Ok(site.access.postgres(&as_tools(plan), As::Admin, database).await?.connection)
}

/// The server refuses while others use it, unless they are to be ended.
pub(crate) async fn drop_database(connection: &mut PgConnection, name: &str, force: bool) -> anyhow::Result<()> {
    let has_force = connection.server_version_num().is_some_and(|it| it >= FIRST_WITH_FORCE);
    if force && !has_force {
        let end =
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()";
        sqlx::query(end).bind(name).persistent(false).fetch_all(&mut *connection).await?;
    }
    let force = if force && has_force { " WITH (FORCE)" } else { "" };
    connection.execute(AssertSqlSafe(format!("DROP DATABASE {}{force}", quoted(name)))).await?;
    Ok(())
}

/// Drops it with what is in it, and nothing else: no view can come to use its tables once they are locked. What others made
/// in it goes too, though it may not be locked.
pub(crate) async fn drop_schema(
    connection: &mut PgConnection,
    plugin: PluginId,
    location: &str,
    schema: &str,
) -> anyhow::Result<()> {
    let mut transaction = connection.begin().await?;
    transaction.execute(PATIENCE).await?;
    let tables = "SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace \
                  WHERE nspname = $1 AND relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE') \
                  ORDER BY c.oid";
    let tables: Vec<String> =
        sqlx::query_scalar(tables).bind(schema).persistent(false).fetch_all(&mut *transaction).await?;
    if !tables.is_empty() {
        let lock = format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", tables.join(", "));
        transaction.execute(AssertSqlSafe(lock)).await?;
    }
    let things = outside(&mut transaction, schema).await?;
    if !things.is_empty() {
        bail!(Refusal::Dependents { plugin, location: location.to_owned(), things });
    }
    transaction.execute(AssertSqlSafe(format!("DROP SCHEMA {} CASCADE", quoted(schema)))).await?;
    Ok(transaction.commit().await?)
}

/// Drops a role that was made for `plugin`, if nothing else is its. Else it is left, and said so.
pub(crate) async fn drop_role(
    connection: &mut PgConnection,
    role: &str,
    plugin: &str,
    dropped: &mut Dropped,
) -> anyhow::Result<()> {
    let comment = "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = $1";
    let comment: Option<Option<String>> =
        sqlx::query_scalar(comment).bind(role).persistent(false).fetch_optional(&mut *connection).await?;
    let Some(comment) = comment else { return Ok(()) };
    if comment.as_deref().and_then(stamped_for) != Some(Some(plugin)) {
        dropped.left.push(format!("the role {} is left, as it is not stamped as Greenroom's", quoted(role)));
        return Ok(());
    }
    match connection.execute(AssertSqlSafe(format!("DROP ROLE {}", quoted(role)))).await {
        Ok(_) => dropped.role = Some(role.to_owned()),
        // It owns something, or has rights on something, in whichever database.
        Err(error) if error.as_database_error().and_then(|it| it.code()).as_deref() == Some("2BP01") => {
            let said = error.as_database_error().map(|it| it.message().to_owned()).unwrap_or_default();
            dropped.left.push(format!("the role {} is left, as other things are its: {said}", quoted(role)));
        }
        Err(error) => dropped.left.push(format!("the role {} is left: {error}", quoted(role))),
    }
    Ok(())
}

pub(super) async fn truncate(site: &Site, plan: &PostgresPlan, facts: &Facts, force: bool) -> anyhow::Result<()> {
    let mut connection = there(site, plan).await?;
    if force {
        end_sessions(&mut connection, &facts.sessions).await?;
    }
    let tables = named(&mut connection, plan, facts).await?.join(", ");
    let mut transaction = connection.begin().await?;
    transaction.execute(PATIENCE).await?;
    // All at once, as they refer to each other; without CASCADE, so that it is refused where others do.
    transaction.execute(AssertSqlSafe(format!("TRUNCATE {tables} RESTART IDENTITY"))).await?;
    Ok(transaction.commit().await?)
}

pub(super) async fn adopt(site: &Site, plan: &PostgresPlan, facts: &Facts) -> anyhow::Result<()> {
    let mut connection = there(site, plan).await?;
    let (what, comment) = match &plan.schema {
        Some(schema) => {
            (format!("SCHEMA {}", quoted(schema)), "SELECT obj_description(to_regnamespace($1), 'pg_namespace')")
        }
        None => (
            format!("DATABASE {}", quoted(plan.migrations_database())),
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database() AND $1::text IS NOT NULL",
        ),
    };
    let quoted_schema = plan.schema.as_deref().map(quoted).unwrap_or_default();
    let before: Option<String> =
        sqlx::query_scalar(comment).bind(quoted_schema).persistent(false).fetch_one(&mut connection).await?;
    if before.as_deref().and_then(stamped_for) == Some(None) {
        bail!("it is the database of `pluginDivisionMode: schema`, and so of several plugins");
    }
    let before = before.filter(|it| !it.is_empty()).map(|it| format!("; before: {it}")).unwrap_or_default();
    let comment = literal(&format!("{}{before}", stamp(Some(site.plugin().as_str()))));
    let mut sql = format!("COMMENT ON {what} IS {comment}");
    if facts.host_tables.iter().any(|it| it.name == "greenroom_stamp") {
        let row = migrations::stamp_row(site.plugin().as_str()).to_string(PostgresQueryBuilder);
        let search_path = plan.schema.as_deref().map(|it| format!("SET LOCAL search_path TO {}; ", quoted(it)));
        sql = format!("{}{sql}; {row}", search_path.unwrap_or_default());
    }
    // Several statements in one text are one transaction.
    match connection.execute(AssertSqlSafe(sql.clone())).await {
        // Its owner may be who makes databases.
        Err(error) if plan.admin.is_some() && is_denied(&error) => {
            let mut admin = site.access.postgres(&as_tools(plan), As::Admin, None).await?.connection;
            admin.execute(AssertSqlSafe(sql)).await?;
        }
        done => {
            done?;
        }
    }
    Ok(())
}

fn is_denied(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|it| it.code()).as_deref() == Some("42501")
}

pub(crate) async fn outside(connection: &mut PgConnection, schema: &str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(OUTSIDE).bind(schema).persistent(false).fetch_all(connection).await
}

/// The plugin's tables, as SQL has them.
async fn named(connection: &mut PgConnection, plan: &PostgresPlan, facts: &Facts) -> anyhow::Result<Vec<String>> {
    let home = match &plan.schema {
        Some(schema) => schema.clone(),
        None => {
            sqlx::query_scalar("SELECT coalesce(current_schema(), 'public')::text")
                .persistent(false)
                .fetch_one(connection)
                .await?
        }
    };
    let name = |it: &TableFacts| format!("{}.{}", quoted(it.schema.as_deref().unwrap_or(&home)), quoted(&it.name));
    Ok(facts.tables.iter().map(name).collect())
}

async fn there(site: &Site, plan: &PostgresPlan) -> anyhow::Result<PgConnection> {
    match connect(site, plan).await? {
        Some(connection) => Ok(connection),
        None => bail!("the database {} is not there any longer", quoted(plan.migrations_database())),
    }
}

/// Ends those that were found, and waits until they have.
pub(crate) async fn end_sessions(connection: &mut PgConnection, sessions: &[OtherSession]) -> anyhow::Result<()> {
    let ids: Vec<i32> = sessions.iter().filter_map(|it| i32::try_from(it.id).ok()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let begun = Instant::now();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE pid = ANY ($1) AND datname = current_database() AND pid <> pg_backend_pid()";
    sqlx::query(end).bind(&ids).persistent(false).fetch_all(&mut *connection).await?;
    let left = "SELECT pid FROM pg_stat_activity WHERE pid = ANY ($1) AND datname = current_database()";
    while sqlx::query(left).bind(&ids).persistent(false).fetch_optional(&mut *connection).await?.is_some() {
        if begun.elapsed() > END {
            bail!("sessions that were told to end have not ended within {} s", END.as_secs());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(())
}
