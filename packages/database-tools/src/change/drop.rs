use anyhow::Context as _;
use backend_defaults::database::EnginePlan;

use super::{mysql, postgres, sqlite};
use crate::Site;
use crate::inspect::Facts;

/// What was dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// PostgreSQL: the plugin's own role, if it went too.
    pub role: Option<String>,
    /// What was left, and why, a sentence each.
    pub left: Vec<String>,
}

impl Site {
    /// Destroys the database, in schema mode the schema, and the role that is the plugin's alone, for what [`Facts`] say
    /// of it and if nothing is [against it](Site::refusals). With `force`, sessions of others are ended before.
    ///
    /// # Errors
    /// When it is still there: the engine refuses it, or somebody began to use it.
    pub async fn drop_database(&self, facts: &Facts, force: bool) -> anyhow::Result<Dropped> {
        if !facts.exists {
            return Ok(Dropped::default());
        }
        let dropped = match &self.plan.engine {
            EnginePlan::Sqlite(_) => sqlite::drop(self).await.map(|()| Dropped::default()),
            EnginePlan::Postgres(plan) => postgres::drop(self, plan, facts, force).await,
            EnginePlan::MySql(plan) => mysql::drop(self, plan, facts, force).await.map(|()| Dropped::default()),
        };
        dropped.with_context(|| format!("cannot drop {}", self.plan.info().location))
    }
}
