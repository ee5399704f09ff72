//! A PostgreSQL server, and the databases of plugins on it.

use std::time::SystemTime;

use backend_defaults::database::{As, PostgresPlan};
use chrono::Utc;
use sqlx::{PgConnection, Row as _};

use super::finding::{About, Finding};
use super::limits::{self, Limits};
use super::{clock, encoding, encryption, pooler, privileges, reach, version};
use crate::Site;
use crate::inspect::is_missing_postgres;

const SERVER: &str = "\
    SELECT extract(epoch FROM clock_timestamp())::float8, current_setting('server_version_num')::int4, \
    current_setting('max_connections')::int4 - current_setting('superuser_reserved_connections')::int4 \
        - coalesce(current_setting('reserved_connections', true)::int4, 0), \
    (SELECT rolconnlimit FROM pg_roles WHERE rolname = session_user), \
    (SELECT CASE WHEN ssl THEN version || ', ' || cipher END::text FROM pg_stat_ssl WHERE pid = pg_backend_pid())";

/// All plugins of one server.
pub(super) async fn examine(server: &str, sites: &[&Site]) -> Vec<Finding> {
    let about = About(server.to_owned());
    let (mut findings, mut of_plugins) = (Vec::new(), Vec::new());
    let (mut seen, mut is_way_known) = (None, false);
    for site in sites {
        let Some(plan) = site.postgres_plan() else { continue };
        let (mut connection, there) = match open(site, plan).await {
            Ok(Some(opened)) => opened,
            Ok(None) => {
                of_plugins.push(About(site.plan.info().location).ok("server", "made by the first start"));
                continue;
            }
            Err(error) => {
                findings.push(reach::cannot(&about, &error));
                continue;
            }
        };
        let version = match seen {
            Some(version) => version,
            None => match of_server(&about, &mut connection, sites, plan).await {
                Ok((version, found)) => {
                    findings.extend(found);
                    seen = Some(version);
                    version
                }
                Err(error) => {
                    findings.push(about.unknown("server", &error));
                    continue;
                }
            },
        };
        if there {
            let looked = if is_way_known { way_of_work(site, plan).await } else { ways(&about, site, plan).await };
            match looked {
                Ok(found) => {
                    findings.extend(found);
                    is_way_known = true;
                }
                Err(error) => findings.push(reach::cannot(&about, &error)),
            }
        }
        let about = About(site.plan.info().location);
        match privileges::check(&about, &mut connection, there, site, plan).await {
            Ok(found) => of_plugins.extend(found),
            Err(error) => of_plugins.push(about.unknown("rights", &error)),
        }
        if there {
            match encoding::check(&about, &mut connection, plan.migrations_database(), version).await {
                Ok(found) => of_plugins.extend(found),
                Err(error) => of_plugins.push(about.unknown("encoding", &error)),
            }
        }
    }
    findings.extend(of_plugins);
    findings
}

/// A connection to the plugin's database, or if that is missing to another of the server; `None` for a private server that
/// has no data yet.
async fn open(site: &Site, plan: &PostgresPlan) -> anyhow::Result<Option<(PgConnection, bool)>> {
    if plan.embedded.as_ref().is_some_and(|it| !it.join("PG_VERSION").exists()) {
        return Ok(None);
    }
    let own = PostgresPlan { admin: None, ..plan.clone() };
    match site.access.postgres(&own, As::Admin, Some(plan.migrations_database())).await {
        Err(error) if is_missing_postgres(&error) => {
            let maintenance = Some(plan.maintenance_database.as_str());
            Ok(Some((site.access.postgres(plan, As::Admin, maintenance).await?.connection, false)))
        }
        connected => Ok(Some((connected?.connection, true))),
    }
}

async fn of_server(
    about: &About,
    connection: &mut PgConnection,
    sites: &[&Site],
    plan: &PostgresPlan,
) -> sqlx::Result<(u32, Vec<Finding>)> {
    let before = SystemTime::now();
    let row = sqlx::raw_sql(SERVER).fetch_one(connection).await?;
    let after = SystemTime::now();
    let (now, number, all, own): (f64, i32, i32, i32) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    let tls: Option<String> = row.try_get(4)?;
    let number = u32::try_from(number).unwrap_or_default();
    let mut findings =
        vec![version::postgres(about, number, Utc::now().date_naive()), clock::check(about, before, now, after)];
    let asked = plan.direct.as_ref().map_or(&plan.server, |it| &it.server);
    if plan.pooler.is_none() || plan.direct.is_some() {
        findings.push(encryption::check(about, tls.as_deref(), encryption::is_near(&asked.hosts)));
    }
    if plan.pooler.is_none() {
        let plans = || sites.iter().filter_map(|it| Some((&it.plan, it.postgres_plan()?)));
        let budget = sites.first().map(|it| it.plan.budget);
        let (server, own) = (usize::try_from(all).unwrap_or_default(), usize::try_from(own).ok());
        let databases = plans().filter(|(_, plan)| plan.schema.is_none()).count();
        let pools = plans().map(|(plan, _)| plan.pool.max).sum();
        if let Some(budget) = budget {
            findings.extend(limits::check(about, Limits { server, own, budget, databases, pools }));
        }
    }
    Ok((number, findings))
}

/// That the plugin can go it, where it is not that of its migrations.
async fn way_of_work(site: &Site, plan: &PostgresPlan) -> anyhow::Result<Vec<Finding>> {
    if plan.direct.is_some() {
        let work = PostgresPlan { admin: None, direct: None, ..plan.clone() };
        site.access.postgres(&work, As::Admin, None).await?;
    }
    Ok(Vec::new())
}

/// The way that plugins go, and that of their migrations if it is another.
async fn ways(about: &About, site: &Site, plan: &PostgresPlan) -> anyhow::Result<Vec<Finding>> {
    let work = PostgresPlan { admin: None, direct: None, ..plan.clone() };
    let mut findings = vec![pooler::of_work(about, is_shared(site, &work).await?, plan.pooler.is_some())];
    if plan.direct.is_some() {
        let migrations = PostgresPlan { admin: None, ..plan.clone() };
        findings.extend(pooler::of_migrations(about, is_shared(site, &migrations).await?));
    }
    Ok(findings)
}

async fn is_shared(site: &Site, plan: &PostgresPlan) -> anyhow::Result<bool> {
    let database = Some(plan.migrations_database());
    let mut first = site.access.postgres(plan, As::Admin, database).await?.connection;
    let mut second = site.access.postgres(plan, As::Admin, database).await?.connection;
    Ok(pooler::shares(&mut first, &mut second).await?)
}
