use backend_defaults::database::postgres::stamped_for;
use backend_defaults::database::{DatabasePlan, EnginePlan, PostgresPlan};
use sqlx::PgConnection;

use super::{Candidate, Kind, Search, is_scratch, like};
use crate::Site;
use crate::change::postgres::maintenance;
use crate::inspect::postgres::{connect, is_set_up};

const DATABASES: &str = "SELECT datname::text, shobj_description(oid, 'pg_database') FROM pg_database \
    WHERE NOT datistemplate AND datallowconn ORDER BY 1";
const ROLES: &str = "SELECT rolname::text, shobj_description(oid, 'pg_authid') FROM pg_roles ORDER BY 1";
const SCHEMAS: &str = "SELECT nspname::text, obj_description(oid, 'pg_namespace') FROM pg_namespace ORDER BY 1";

/// Of the server, and of the one database that plugins share there.
pub(super) async fn candidates(
    search: &Search<'_>,
    site: &Site,
    plan: &PostgresPlan,
    of_server: bool,
    of_database: bool,
) -> anyhow::Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    if !is_set_up(plan) || (!of_server && !of_database) {
        return Ok(candidates);
    }
    let (mut connection, is_there) = match connect(site, plan).await? {
        Some(connection) => (connection, true),
        None => (maintenance(site, plan).await?, false),
    };
    let mut kinds = Vec::new();
    if of_server {
        kinds.extend([(Kind::Database, DATABASES), (Kind::Role, ROLES)]);
    }
    if of_database && is_there {
        kinds.push((Kind::Schema, SCHEMAS));
    }
    for (kind, sql) in kinds {
        for (name, plugin) in stamped(&mut connection, sql).await? {
            let Some(standing) = search.standing(kind, &name, &plugin) else { continue };
            let own_role = format!("{}{plugin}", search.names.prefix);
            let site = like(site, |plan| call(plan, kind, &name, &plugin, own_role));
            candidates.push(Candidate { kind, name, plugin, standing, site });
        }
    }
    Ok(candidates)
}

/// What is stamped as one plugin's, and whose it is.
async fn stamped(connection: &mut PgConnection, sql: &'static str) -> anyhow::Result<Vec<(String, String)>> {
    let rows: Vec<(String, Option<String>)> = sqlx::query_as(sql).persistent(false).fetch_all(connection).await?;
    let stamped = rows.into_iter().filter_map(|(name, comment)| {
        let plugin = stamped_for(comment.as_deref()?)??.to_owned();
        Some((name, plugin))
    });
    Ok(stamped.collect())
}

/// Makes of a plan that of what has this name, past a pooler, which need not know it.
fn call(plan: &mut DatabasePlan, kind: Kind, name: &str, plugin: &str, own_role: String) {
    let EnginePlan::Postgres(plan) = &mut plan.engine else { return };
    if let Some(direct) = plan.direct.take() {
        (plan.server, plan.database, plan.pooler) = (direct.server, direct.database, None);
    }
    plan.server.session.application_name = match is_scratch(name) {
        true => name.to_owned(),
        false => format!("backstage_plugin_{plugin}"),
    };
    if plan.isolated {
        plan.role = Some(own_role);
    }
    match kind {
        Kind::Schema => plan.schema = Some(name.to_owned()),
        Kind::Database => (plan.database, plan.schema) = (name.to_owned(), None),
        Kind::Role | Kind::File => {}
    }
}
