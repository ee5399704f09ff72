//! A MySQL server, and the databases of plugins on it.

use std::time::SystemTime;

use backend_defaults::database::mysql::{pattern, quoted};
use backend_defaults::database::{As, EnginePlan, MySqlPlan};
use chrono::Utc;
use sqlx::{MySqlConnection, Row as _};

use super::finding::{About, Finding};
use super::limits::{self, Limits};
use super::{clock, encryption, reach, version};
use crate::Site;
use crate::planning::MYSQL_PRIVILEGES;

const SERVER: &str = "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) AS DOUBLE), VERSION(), CAST(@@max_connections AS SIGNED), \
                      CAST(@@max_user_connections AS SIGNED)";
const CIPHER: &str = "SHOW SESSION STATUS LIKE 'Ssl_version'";
const WHY: &str = "the plugin does not start, or fails when it works";

/// All plugins of one server.
pub(super) async fn examine(server: &str, sites: &[&Site]) -> Vec<Finding> {
    let about = About(server.to_owned());
    let (mut findings, mut of_plugins) = (Vec::new(), Vec::new());
    let mut is_seen = false;
    for site in sites {
        let EnginePlan::MySql(plan) = &site.plan.engine else { continue };
        let own = MySqlPlan { admin: None, ..(**plan).clone() };
        let mut connection = match site.access.mysql(&own, As::Admin, None).await {
            Ok(connected) => connected.connection,
            Err(error) => {
                findings.push(reach::cannot(&about, &error));
                continue;
            }
        };
        if !is_seen {
            is_seen = true;
            match of_server(&about, &mut connection, sites, plan).await {
                Ok(found) => findings.extend(found),
                Err(error) => findings.push(about.unknown("server", &error)),
            }
        }
        let about = About(site.plan.info().location);
        match of_plugin(&about, &mut connection, plan).await {
            Ok(found) => of_plugins.extend(found),
            Err(error) => of_plugins.push(about.unknown("rights", &error)),
        }
    }
    findings.extend(of_plugins);
    findings
}

async fn of_server(
    about: &About,
    connection: &mut MySqlConnection,
    sites: &[&Site],
    plan: &MySqlPlan,
) -> sqlx::Result<Vec<Finding>> {
    let before = SystemTime::now();
    let row = sqlx::query(SERVER).persistent(false).fetch_one(&mut *connection).await?;
    let after = SystemTime::now();
    let (now, name, all, own): (f64, String, i64, i64) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    let tls: Option<String> = match sqlx::raw_sql(CIPHER).fetch_optional(connection).await? {
        Some(row) => Some(row.try_get(1)?),
        None => None,
    };
    let mut findings =
        vec![version::mysql(about, &name, Utc::now().date_naive()), clock::check(about, before, now, after)];
    findings.push(encryption::check(about, tls.as_deref(), encryption::is_near_mysql(&plan.server.address)));
    if let Some(budget) = sites.first().map(|it| it.plan.budget) {
        let (server, own) = (usize::try_from(all).unwrap_or_default(), usize::try_from(own).ok().filter(|it| *it > 0));
        let pools = sites.iter().map(|it| it.plan.pool.max).sum();
        findings.extend(limits::check(about, Limits { server, own, budget, databases: sites.len(), pools }));
    }
    Ok(findings)
}

async fn of_plugin(about: &About, connection: &mut MySqlConnection, plan: &MySqlPlan) -> sqlx::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let name = quoted(&plan.database);
    let sql = "SELECT default_character_set_name FROM information_schema.schemata WHERE schema_name = ?";
    let charset: Option<String> =
        sqlx::query_scalar(sql).bind(&plan.database).persistent(false).fetch_optional(&mut *connection).await?;
    match charset.as_deref() {
        None if !plan.ensure_exists => findings.push(about.error(
            "rights",
            format!("there is no database {name} that may be used, and `ensureExists` is off"),
            WHY,
            format!("let an administrator run: CREATE DATABASE {name} CHARACTER SET utf8mb4"),
        )),
        None => {}
        Some("utf8mb4") => findings.push(about.ok("encoding", "utf8mb4")),
        Some(charset) => findings.push(about.error(
            "encoding",
            format!("{charset}, and not utf8mb4"),
            "what it has no letters for cannot be stored, such as emoji",
            format!("run: ALTER DATABASE {name} CHARACTER SET utf8mb4; and for each table: ALTER TABLE ... CONVERT TO CHARACTER SET utf8mb4"),
        )),
    }
    findings.push(rights(about, connection, plan).await?);
    Ok(findings)
}

/// What roles give is not listed by the server: then it is not known.
async fn rights(about: &About, connection: &mut MySqlConnection, plan: &MySqlPlan) -> sqlx::Result<Finding> {
    let sql = "SELECT CAST(privilege_type AS CHAR) FROM information_schema.user_privileges WHERE grantee = ? \
               UNION SELECT CAST(privilege_type AS CHAR) FROM information_schema.schema_privileges \
               WHERE grantee = ? AND ? LIKE table_schema";
    let account: String =
        sqlx::query_scalar("SELECT CURRENT_USER()").persistent(false).fetch_one(&mut *connection).await?;
    let role: Option<String> =
        sqlx::query_scalar("SELECT CURRENT_ROLE()").persistent(false).fetch_one(&mut *connection).await?;
    let (user, host) = account.rsplit_once('@').unwrap_or((&account, "%"));
    let grantee = format!("'{user}'@'{host}'");
    let query = sqlx::query_scalar::<_, String>(sql).bind(&grantee).bind(&grantee).bind(&plan.database);
    let has = query.persistent(false).fetch_all(connection).await?;
    let lacks: Vec<_> = MYSQL_PRIVILEGES.into_iter().filter(|it| !has.iter().any(|has| has == it)).collect();
    if lacks.is_empty() {
        return Ok(about.ok("rights", "all that the plan needs"));
    }
    if role.is_some_and(|it| it != "NONE") {
        return Ok(about.ok("rights", "not known, as a role gives them"));
    }
    let lacks = lacks.join(", ");
    Ok(about.error(
        "rights",
        format!("{grantee} lacks {lacks}"),
        WHY,
        format!("let an administrator run: GRANT {lacks} ON {}.* TO {grantee}", quoted(&pattern(&plan.database))),
    ))
}
