//! From the database of a plugin into another of the same plugin.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use backend_app_api::MigrationId;
use futures::FutureExt as _;

use super::{LoadError, Loaded, Progress, load, source, sqlite};
use crate::Site;

/// Writes all that is in `from` into `to`, which is made and migrated first. `from` is not written.
///
/// # Errors
/// As [`load`]; when there is no `from`, or it has not exactly the plugin's migrations.
pub async fn copy(from: &Site, to: &Site, progress: &Progress) -> Result<Loaded, LoadError> {
    let source_now = open(from).await?;
    load(source_now, Box::new(|| source(from).boxed()), to, progress).await
}

/// Whether both are the same database: by their files, or by how their servers are called.
pub fn is_same_place(a: &Site, b: &Site) -> bool {
    match (a.file(), b.file()) {
        (Some(a), Some(b)) => canonical(a) == canonical(b),
        _ => a.plan.client == b.plan.client && a.plan.info().location == b.plan.info().location,
    }
}

/// Where it is, or would be.
fn canonical(file: &Path) -> PathBuf {
    let folder = file.parent().and_then(|it| it.canonicalize().ok()).zip(file.file_name());
    let there = file.canonicalize().ok().or_else(|| folder.map(|(folder, name)| folder.join(name)));
    there.or_else(|| std::path::absolute(file).ok()).unwrap_or_else(|| file.to_owned())
}

/// The source of a copy, once it is known that it can be one.
///
/// # Errors
/// When there is none, or it has not exactly the plugin's migrations.
pub(super) async fn open(from: &Site) -> anyhow::Result<Box<dyn super::Source>> {
    let location = from.plan.info().location;
    ensure!(!from.plan.info().ephemeral, "the source is in memory: nobody else can read it");
    ensure!(from.exists().await?, "there is no source: {location} does not exist");
    // From here on it is known what to read.
    let source = source(from).await.with_context(|| format!("cannot read the source {location}"))?;
    let Migrations { pending, unknown } = migrations(from).await?;
    ensure!(
        pending.is_empty(),
        "the source {location} lacks migrations that this backend has: {}; apply them there first (`backend db migrate`)",
        names(&pending)
    );
    ensure!(
        unknown.is_empty(),
        "the source {location} has migrations that this backend has not: {}; copy it by the version that made it",
        names(&unknown)
    );
    Ok(source)
}

struct Migrations {
    /// What this backend has and the source has not.
    pending: Vec<String>,
    /// The other way round.
    unknown: Vec<String>,
}

async fn migrations(from: &Site) -> anyhow::Result<Migrations> {
    let migrator = from.migrator();
    let Some(file) = from.file() else {
        let report = migrator.look().await.context("cannot read which migrations were applied to the source")?;
        let name = |it: &MigrationId| it.version.clone();
        return Ok(Migrations {
            pending: report.pending.iter().map(name).collect(),
            unknown: report.unknown.iter().map(|it| name(&it.id)).collect(),
        });
    };
    let applied = sqlite::applied(file).await.context("cannot read which migrations were applied to the source")?;
    let own = migrator.known();
    let is = |id: &MigrationId, (list, version): &(String, String)| id.list.as_str() == list && id.version == *version;
    let pending = own.iter().filter(|id| !applied.iter().any(|it| is(id, it)));
    let unknown = applied.iter().filter(|it| !own.iter().any(|id| is(id, it)));
    Ok(Migrations {
        pending: pending.map(|it| it.version.clone()).collect(),
        unknown: unknown.map(|(_, version)| version.clone()).collect(),
    })
}

fn names(names: &[String]) -> String {
    names.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}
