use anyhow::{Context as _, bail};
use backend_defaults::database::EnginePlan;

use super::{mysql, postgres, sqlite};
use crate::Site;
use crate::inspect::{Facts, Stamp};

impl Site {
    /// Stamps what is there as the plugin's, so that it may be destroyed: PostgreSQL's by a comment, which keeps what was
    /// said before; else, and where there is the table already, by a row of `greenroom_stamp`. What is stamped is left.
    ///
    /// # Errors
    /// When there is nothing, when it is another's, or may not be done.
    pub async fn adopt(&self, facts: &Facts) -> anyhow::Result<()> {
        let location = self.plan.info().location;
        match &facts.stamp {
            _ if !facts.exists => bail!("`{}`: there is nothing to adopt at {location}", self.plugin()),
            Stamp::Other(owner) => bail!("`{}`: {location} is stamped as that of plugin `{owner}`", self.plugin()),
            Stamp::Comment => return Ok(()),
            // Of a whole database it says less than a comment.
            Stamp::Row if facts.tables.iter().all(|it| it.schema.is_none()) => return Ok(()),
            Stamp::Row | Stamp::None => {}
        }
        let stamped = match &self.plan.engine {
            EnginePlan::Sqlite(_) => sqlite::adopt(self).await,
            EnginePlan::Postgres(plan) => postgres::adopt(self, plan, facts).await,
            EnginePlan::MySql(plan) => mysql::adopt(self, plan).await,
        };
        stamped.with_context(|| format!("cannot stamp {location}"))
    }
}
