use anyhow::{Context as _, bail};
use backend_defaults::database::{As, EnginePlan};
use tokio::task::spawn_blocking;

use super::{Kind, Orphan, Standing};
use crate::change::{Dropped, mysql, postgres, sqlite};
use crate::inspect::postgres::connect;

impl Orphan {
    /// All that is against dropping it, a sentence each.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn refusals(&self, force: bool) -> anyhow::Result<Vec<String>> {
        let mut refusals = Vec::new();
        if self.standing == Standing::OtherPrefix {
            refusals.push(format!("{self} is of another prefix, and so perhaps of another installation"));
        }
        if !self.sessions.is_empty() && (self.kind == Kind::File || !force) {
            let sessions = self.sessions.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            let advice = match self.kind {
                Kind::File => "stop them first: a file cannot be taken from a process",
                _ => "stop them, or end their sessions by `--force`",
            };
            refusals.push(format!("{self} is in use: {sessions}; {advice}"));
        }
        if let (Kind::Schema, EnginePlan::Postgres(plan)) = (self.kind, &self.site.plan.engine)
            && let Some(mut connection) = connect(&self.site, plan).await?
        {
            let things = postgres::outside(&mut connection, &self.name).await?;
            if !things.is_empty() {
                let things = things.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
                refusals
                    .push(format!("what is outside of {self} depends on it: {things}; drop that first, if it may go"));
            }
        }
        Ok(refusals)
    }

    /// Drops it, if nothing is [against it](Self::refusals). A role that has other things is left.
    ///
    /// # Errors
    /// When it is still there.
    pub async fn drop(&self, force: bool) -> anyhow::Result<Dropped> {
        if !self.may_be_dropped() {
            bail!("{self} is of another prefix");
        }
        self.remove(force).await.with_context(|| format!("cannot drop {self}"))
    }

    async fn remove(&self, force: bool) -> anyhow::Result<Dropped> {
        let mut dropped = Dropped::default();
        match &self.site.plan.engine {
            EnginePlan::Sqlite(_) => {
                if let Some(file) = self.site.file().map(std::path::Path::to_owned) {
                    spawn_blocking(move || sqlite::remove(&file)).await??;
                }
            }
            EnginePlan::MySql(plan) => {
                let mut connection = self.site.access.mysql(plan, As::Admin, None).await?.connection;
                mysql::prepare(&mut connection, &self.sessions, force).await?;
                mysql::drop_database(&mut connection, &self.name).await?;
            }
            EnginePlan::Postgres(plan) => match self.kind {
                Kind::Schema => {
                    let Some(mut connection) = connect(&self.site, plan).await? else { return Ok(dropped) };
                    if force {
                        postgres::end_sessions(&mut connection, &self.sessions).await?;
                    }
                    postgres::drop_schema(&mut connection, self.site.plugin(), &self.to_string(), &self.name).await?;
                }
                Kind::Role => {
                    let mut connection = postgres::maintenance(&self.site, plan).await?;
                    postgres::drop_role(&mut connection, &self.name, &self.plugin, &mut dropped).await?;
                }
                Kind::Database | Kind::File => {
                    let mut connection = postgres::maintenance(&self.site, plan).await?;
                    postgres::drop_database(&mut connection, &self.name, force).await?;
                }
            },
        }
        Ok(dropped)
    }
}
