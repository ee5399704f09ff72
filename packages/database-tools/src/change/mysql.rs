use anyhow::bail;
use backend_defaults::database::mysql::quoted;
use backend_defaults::database::{As, MySqlPlan};
use sea_orm::DbBackend;
use sea_orm::sea_query::MysqlQueryBuilder;
use sqlx::{AssertSqlSafe, Executor as _, MySqlConnection};

use crate::Site;
use crate::inspect::mysql::connect;
use crate::inspect::{Facts, OtherSession};

/// So that a session that holds a table is not waited for without end.
const PATIENCE: &str = "SET lock_wait_timeout = 10";
/// Foreign keys of other databases.
const DEPENDENTS: &str = "SELECT DISTINCT CONCAT('foreign key ', constraint_name, ' of ', table_schema, '.', table_name) \
    FROM information_schema.key_column_usage WHERE referenced_table_schema = DATABASE() AND table_schema <> DATABASE() \
    ORDER BY 1";

/// What is elsewhere and refers to what is here, as far as this user may see.
pub(super) async fn dependents(site: &Site, plan: &MySqlPlan) -> anyhow::Result<Vec<String>> {
    let mut connection = there(site, plan).await?;
    Ok(sqlx::query_scalar(DEPENDENTS).persistent(false).fetch_all(&mut connection).await?)
}

pub(super) async fn drop(site: &Site, plan: &MySqlPlan, facts: &Facts, force: bool) -> anyhow::Result<()> {
    let mut connection = site.access.mysql(plan, As::Admin, None).await?.connection;
    prepare(&mut connection, &facts.sessions, force).await?;
    drop_database(&mut connection, &plan.database).await
}

pub(crate) async fn drop_database(connection: &mut MySqlConnection, name: &str) -> anyhow::Result<()> {
    connection.execute(AssertSqlSafe(format!("DROP DATABASE {}", quoted(name)))).await?;
    Ok(())
}

pub(super) async fn truncate(site: &Site, plan: &MySqlPlan, facts: &Facts, force: bool) -> anyhow::Result<()> {
    let mut connection = there(site, plan).await?;
    prepare(&mut connection, &facts.sessions, force).await?;
    // Tables refer to each other.
    connection.execute("SET foreign_key_checks = 0").await?;
    for table in &facts.tables {
        connection.execute(AssertSqlSafe(format!("TRUNCATE TABLE {}", quoted(&table.name)))).await?;
    }
    Ok(())
}

pub(super) async fn adopt(site: &Site, plan: &MySqlPlan) -> anyhow::Result<()> {
    let mut connection = there(site, plan).await?;
    let table = DbBackend::MySql.build(&migrations::stamp_table()).sql;
    let row = migrations::stamp_row(site.plugin().as_str()).to_string(MysqlQueryBuilder);
    for sql in [table, row] {
        connection.execute(AssertSqlSafe(sql)).await?;
    }
    Ok(())
}

async fn there(site: &Site, plan: &MySqlPlan) -> anyhow::Result<MySqlConnection> {
    match connect(site, plan).await? {
        Some(connection) => Ok(connection),
        None => bail!("the database {} is not there any longer", quoted(&plan.database)),
    }
}

/// Ends sessions of others, if there are any that may be.
pub(crate) async fn prepare(
    connection: &mut MySqlConnection,
    sessions: &[OtherSession],
    force: bool,
) -> anyhow::Result<()> {
    connection.execute(PATIENCE).await?;
    for session in sessions.iter().filter(|_| force) {
        let killed = connection.execute(AssertSqlSafe(format!("KILL {}", session.id))).await;
        match killed {
            // It has ended by itself.
            Err(error) if error.as_database_error().is_some_and(|it| it.message().starts_with("Unknown thread")) => {}
            killed => {
                killed?;
            }
        }
    }
    Ok(())
}
