//! Sources and sinks of plugins' databases.

use std::path::Path;

use anyhow::Context as _;
use backend_defaults::database::EnginePlan;

use super::mysql::{MySqlSink, MySqlSource};
use super::postgres::{PostgresSink, PostgresSource};
use super::sqlite::{SqliteSink, SqliteSource};
use super::{Sink, Source};
use crate::Site;

/// What is in the database of a plugin, as it is now.
///
/// # Errors
/// When it cannot be opened, such as when it is not there: it is not made.
pub async fn source(site: &Site) -> anyhow::Result<Box<dyn Source>> {
    match &site.plan.engine {
        EnginePlan::Sqlite(_) => Ok(Box::new(SqliteSource::open(file(site)?).await?)),
        EnginePlan::Postgres(plan) => Ok(Box::new(PostgresSource::open(&site.access, plan).await?)),
        EnginePlan::MySql(plan) => Ok(Box::new(MySqlSource::open(&site.access, plan).await?)),
    }
}

/// The database of a plugin, to be written: its tables have to be there.
///
/// # Errors
/// When it cannot be opened, such as when it is not there: it is not made.
pub async fn sink(site: &Site) -> anyhow::Result<Box<dyn Sink>> {
    match &site.plan.engine {
        EnginePlan::Sqlite(_) => Ok(Box::new(SqliteSink::open(file(site)?).await?)),
        EnginePlan::Postgres(plan) => Ok(Box::new(PostgresSink::open(&site.access, plan).await?)),
        EnginePlan::MySql(plan) => Ok(Box::new(MySqlSink::open(&site.access, plan).await?)),
    }
}

fn file(site: &Site) -> anyhow::Result<&Path> {
    site.file().with_context(|| format!("the database of `{}` is in memory: nobody else can open it", site.plugin()))
}
