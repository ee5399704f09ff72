//! The tables that are there against those that migrations make, in a scratch database beside them.
//!
//! Names of databases and schemas, owners, rights, collations and the order of columns do not count.

mod description;
mod difference;
mod mysql;
mod postgres;
mod script;
mod sqlite;
mod sqlite_text;

use anyhow::Context as _;
use backend_app_api::MigrationId;
use backend_defaults::database::EnginePlan;
use backend_plugin_api::services::Database;
use sea_orm::{ConnectionTrait, DbErr, Statement};

use self::description::Description;
use crate::{Scratch, Site};

pub use description::Kind;
pub use difference::{Difference, State};

/// What became of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drift {
    /// It is in memory, and so is made by migrations at each start.
    InMemory,
    /// There is no database.
    Missing,
    /// These are to be applied first.
    Pending(Vec<MigrationId>),
    /// What was found.
    Compared(Comparison),
}

/// A database beside what migrations make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// By kind and name. None: they are the same.
    pub differences: Vec<Difference>,
    /// What makes the database as it is to be, a statement a line or more. What would destroy something, and what only a
    /// person can decide, is in comments.
    pub sql: String,
    /// What another version applied, and this one does not know: it may be what made the difference.
    pub unknown: Vec<MigrationId>,
}

impl Site {
    /// Compares what is there with what migrations make. When `stop` is done, that is given up. The scratch database is
    /// dropped in any case.
    ///
    /// # Errors
    /// When there is no scratch database to be had, such as for want of rights; when a migration fails; when it was
    /// stopped.
    pub async fn drift(&self, stop: impl Future<Output = ()>) -> anyhow::Result<Drift> {
        if self.plan.info().ephemeral {
            return Ok(Drift::InMemory);
        }
        if !self.exists().await? {
            return Ok(Drift::Missing);
        }
        let report = self.migrator().look().await?;
        if !report.pending.is_empty() {
            return Ok(Drift::Pending(report.pending));
        }
        let actual = describe(self).await.context("cannot read what is there")?;
        let scratch = Scratch::make(self).await?;
        let expected = tokio::select! {
            expected = expected(scratch.site()) => expected,
            () = stop => Err(anyhow::anyhow!("interrupted")),
        };
        let expected = match (expected, scratch.drop().await) {
            (Err(error), Err(left)) => Err(anyhow::anyhow!("{error:#}; and {left:#}")),
            (Ok(_), Err(left)) => Err(left),
            (expected, Ok(())) => expected,
        }?;
        let (differences, sql) = difference::compare(&actual, &expected);
        let unknown = report.unknown.into_iter().map(|it| it.id).collect();
        Ok(Drift::Compared(Comparison { differences, sql, unknown }))
    }
}

async fn expected(scratch: &Site) -> anyhow::Result<Description> {
    scratch.migrator().run().await.context("cannot migrate a scratch database")?;
    describe(scratch).await.context("cannot read what migrations make")
}

async fn describe(site: &Site) -> Result<Description, DbErr> {
    match &site.plan.engine {
        EnginePlan::Sqlite(_) => sqlite::describe(&site.database).await,
        EnginePlan::Postgres(_) => postgres::describe(&site.database).await,
        EnginePlan::MySql(_) => mysql::describe(&site.database).await,
    }
}

/// The rows of a query whose columns are texts; null is an empty one.
async fn rows<const N: usize>(database: &Database, sql: impl Into<String>) -> Result<Vec<[String; N]>, DbErr> {
    let statement = Statement::from_string(ConnectionTrait::get_database_backend(database), sql.into());
    let found = database.query_all_raw(statement).await?;
    found
        .iter()
        .map(|row| {
            let mut texts = [const { String::new() }; N];
            for (index, text) in texts.iter_mut().enumerate() {
                *text = row.try_get_by_index::<Option<String>>(index)?.unwrap_or_default();
            }
            Ok(texts)
        })
        .collect()
}
