use backend_defaults::database::{EnginePlan, Ensure};

use super::Missing;
use crate::Site;

impl Site {
    /// Makes the database, the schema and the role that are not there, though a start may not (`ensureExists`). Migrates
    /// nothing. Returns what was made; nothing for what is in memory.
    ///
    /// # Errors
    /// When the server cannot be asked, or something is still missing: what SQL is to be run.
    pub async fn create(&self) -> anyhow::Result<Vec<Missing>> {
        let outlook = self.outlook().await?;
        if outlook.gaps.is_empty() {
            return Ok(Vec::new());
        }
        let maker = self.that_makes_all();
        let made = maker.provision().await;
        maker.close().await;
        made.map(|()| outlook.gaps.into_iter().map(|it| it.what).collect())
    }

    fn that_makes_all(&self) -> Self {
        let mut plan = self.plan.clone();
        match &mut plan.engine {
            EnginePlan::Sqlite(_) => {}
            EnginePlan::Postgres(postgres) => {
                postgres.ensure = Ensure { database: true, schema: true, role: postgres.isolated };
            }
            EnginePlan::MySql(mysql) => mysql.ensure_exists = true,
        }
        Self::new(plan, self.migrations, &self.manager)
    }
}
