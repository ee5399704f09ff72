use anyhow::Context as _;
use backend_defaults::database::EnginePlan;

use super::{mysql, postgres, sqlite};
use crate::Site;
use crate::inspect::Facts;

impl Site {
    /// Deletes all rows of the plugin's tables, for what [`Facts`] say of it and if nothing is
    /// [against it](Site::refusals), and counts identities from the start again. The host's tables, and so the history of
    /// migrations, stay as they are. All or nothing, but with MySQL, which commits table by table. With `force`, sessions
    /// of others are ended before.
    ///
    /// # Errors
    /// When rows are left.
    pub async fn truncate(&self, facts: &Facts, force: bool) -> anyhow::Result<()> {
        if !facts.exists || facts.tables.is_empty() {
            return Ok(());
        }
        let emptied = match &self.plan.engine {
            EnginePlan::Sqlite(_) => sqlite::truncate(self, facts).await,
            EnginePlan::Postgres(plan) => postgres::truncate(self, plan, facts, force).await,
            EnginePlan::MySql(plan) => mysql::truncate(self, plan, facts, force).await,
        };
        emptied.with_context(|| format!("cannot empty {}", self.plan.info().location))
    }
}
