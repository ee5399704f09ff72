//! From the config to the database: read, process, stitch, store.

use std::path::PathBuf;
use std::sync::Arc;

use backend_plugin_api::Result;
use sea_orm::SqlErr;
use tokio::task::spawn_blocking;

use crate::config::CatalogConfig;
use crate::locations::generated_name;
use crate::problem::Problem;
use crate::processing::{self, rules};
use crate::routes::Registered;
use crate::stitching::stitch;
use crate::store::{Changes, Store};

/// How many problems the log gets one by one.
const MAX_REPORTED: usize = 100;
/// Another backend on the same database may write the same entities at the same time.
const ATTEMPTS: usize = 3;

/// Brings the database to what the configured locations say, and returns these locations.
pub(crate) async fn ingest(
    config: CatalogConfig,
    working_directory: PathBuf,
    store: &Store,
) -> Result<Vec<Registered>> {
    let (config, working_directory) = (Arc::new(config), Arc::new(working_directory));
    let read = {
        let (config, working_directory) = (Arc::clone(&config), Arc::clone(&working_directory));
        spawn_blocking(move || processing::collect(&config, &working_directory)).await?
    };
    report(&read.problems);
    tracing::info!(entities = read.entities.len(), files = read.files, problems = read.problems.len(), "catalog read");
    let (found, references) = (read.entities.into_values().collect(), Arc::new(read.references));
    let stitched = Arc::new(spawn_blocking(move || stitch(found)).await?);
    let mut attempt = 1;
    let ids = loop {
        let known = store.known().await?;
        let (stitched, references) = (Arc::clone(&stitched), Arc::clone(&references));
        let changes = spawn_blocking(move || Changes::between(known, &stitched, &references)).await?;
        match store.apply(&changes).await {
            Ok(()) => break changes.ids,
            Err(error) if attempt < ATTEMPTS && is_conflict(&error) => attempt += 1,
            Err(error) => return Err(error.into()),
        }
    };
    let registered = config.locations.iter().filter_map(|it| {
        let location = rules::configured(&it.r#type, &it.target, &working_directory);
        let id = ids.get(&format!("location:default/{}", generated_name(&location)))?.clone();
        Some(Registered { id, target: location.target, r#type: location.kind })
    });
    Ok(registered.collect())
}

fn is_conflict(error: &sea_orm::DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

fn report(problems: &[Problem]) {
    for problem in problems.iter().take(MAX_REPORTED) {
        tracing::warn!("{problem}");
    }
    if problems.len() > MAX_REPORTED {
        tracing::warn!("{} more problems in the catalog's files", problems.len() - MAX_REPORTED);
    }
}
