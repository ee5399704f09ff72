use backend_defaults::database::mysql::quoted;
use backend_defaults::database::{As, EnginePlan, MySqlPlan};
use sqlx::AssertSqlSafe;
use sqlx::mysql::MySqlDatabaseError;

use super::{Candidate, Kind, Search, is_scratch, like};
use crate::Site;

/// With whether it has a stamp.
const DATABASES: &str = "SELECT CAST(schema_name AS CHAR), EXISTS (SELECT 1 FROM information_schema.tables t \
    WHERE t.table_schema = s.schema_name AND t.table_name = 'greenroom_stamp') \
    FROM information_schema.schemata s ORDER BY 1";

/// Of all databases that this user may see.
pub(super) async fn candidates(search: &Search<'_>, site: &Site, plan: &MySqlPlan) -> anyhow::Result<Vec<Candidate>> {
    let mut connection = site.access.mysql(plan, As::Admin, None).await?.connection;
    let databases: Vec<(String, bool)> = sqlx::query_as(DATABASES).persistent(false).fetch_all(&mut connection).await?;
    let mut candidates = Vec::new();
    for (name, has_stamp) in databases {
        let sql = format!("SELECT CAST(plugin AS CHAR) FROM {}.greenroom_stamp ORDER BY 1", quoted(&name));
        let plugins: Vec<String> = match has_stamp {
            true => match sqlx::query_scalar(AssertSqlSafe(sql)).persistent(false).fetch_all(&mut connection).await {
                // Somebody has dropped it meanwhile.
                Err(error) if is_gone(&error) => continue,
                plugins => plugins?,
            },
            false if is_scratch(&name) => vec![String::new()],
            false => Vec::new(),
        };
        // One that is installed has it.
        let standings: Option<Vec<_>> =
            plugins.iter().map(|plugin| search.standing(Kind::Database, &name, plugin)).collect();
        let Some((standing, plugin)) = standings.and_then(|it| it.into_iter().zip(plugins).next()) else { continue };
        let site = like(site, |plan| {
            if let EnginePlan::MySql(plan) = &mut plan.engine {
                plan.database.clone_from(&name);
            }
        });
        candidates.push(Candidate { kind: Kind::Database, name, plugin, standing, site });
    }
    Ok(candidates)
}

/// MySQL: `ER_BAD_DB_ERROR`, `ER_NO_SUCH_TABLE`.
fn is_gone(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().and_then(|it| it.try_downcast_ref::<MySqlDatabaseError>());
    error.is_some_and(|it| [1049, 1146].contains(&it.number()))
}
