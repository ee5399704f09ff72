use std::sync::Arc;

use anyhow::{Context as _, ensure};
use backend_app_api::{HistoryRow, MigrationId, MigrationList};
use backend_plugin_api::PluginId;
use futures::future::FutureExt as _;
use futures::{StreamExt as _, stream};

use super::error::BackupError;
use super::manifest::{Backup, PluginBackup};
use super::source::BackupSource;
use crate::Site;
use crate::transfer::{Event, Loaded, Progress, Source, load_at};

/// How many plugins are written at a time.
const AT_ONCE: usize = 4;

/// Is told how far each plugin is.
pub type RestoreProgress = Arc<dyn Fn(PluginId, Event<'_>) + Send + Sync>;

/// What became of a plugin: whether it is all there, or nothing.
pub type Restored = (PluginId, anyhow::Result<Loaded>);

/// Makes the databases of `sites` where they are not there, brings them to the migrations of `backup`, and writes its rows
/// into them. What fails for one plugin leaves no rows in its database, and does not stop another.
///
/// # Errors
/// When the backup has nothing of a plugin: then nothing is done at all.
pub async fn restore(
    backup: &Backup,
    sites: &[Site],
    progress: &RestoreProgress,
) -> Result<Vec<Restored>, BackupError> {
    let found = sites.iter().map(|site| Ok((site, plugin(backup, site.plugin())?)));
    let found: Vec<_> = found.collect::<Result<_, BackupError>>()?;
    let work = found
        .into_iter()
        .map(|(site, plugin)| async move { (site.plugin(), restore_one(backup, plugin, site, progress).await) });
    Ok(stream::iter(work).buffered(AT_ONCE).collect().await)
}

/// What the backup has of it.
pub(super) fn plugin(backup: &Backup, plugin: PluginId) -> Result<&PluginBackup, BackupError> {
    backup.manifest.plugins.get(plugin.as_str()).ok_or_else(|| {
        let has: Vec<_> = backup.manifest.plugins.keys().map(|it| format!("`{it}`")).collect();
        BackupError::NoPlugin { plugin: plugin.to_string(), has: has.join(", ") }
    })
}

pub(super) async fn restore_one(
    backup: &Backup,
    plugin: &PluginBackup,
    target: &Site,
    progress: &RestoreProgress,
) -> anyhow::Result<Loaded> {
    target.provision().await?;
    let last = last_migration(plugin, target).await?;
    let source = || Box::new(BackupSource::new(backup, plugin)) as Box<dyn Source>;
    let again = source();
    let (told, id) = (Arc::clone(progress), target.plugin());
    let told: Progress = Arc::new(move |event: Event<'_>| told(id, event));
    let again = Box::new(move || async move { Ok(again) }.boxed());
    let loaded = load_at(source(), again, target, last.as_deref(), &told).await?;
    for table in &plugin.tables {
        let rows = loaded.tables.iter().find(|it| it.name == table.table.name).map(|it| it.rows);
        ensure!(rows == Some(table.checksum.rows), "table `{}` was not written whole", table.table.name);
    }
    if last.is_some() {
        let upgraded = target.migrator().run().await;
        upgraded.context("all rows are there, but the migrations that came after the backup failed (`db migrate`)")?;
    }
    Ok(loaded)
}

/// The plugin's migration that the backup is of; `None` if it is of all that this backend has.
///
/// # Errors
/// When the tables cannot be as they were.
async fn last_migration(plugin: &PluginBackup, target: &Site) -> anyhow::Result<Option<String>> {
    let migrator = target.migrator();
    let known = migrator.known();
    let is = |it: &HistoryRow, id: &MigrationId| it.list == id.list.as_str() && it.version == id.version;
    let unknown = plugin.migrations.iter().filter(|it| !known.iter().any(|id| is(it, id)));
    let unknown: Vec<_> = unknown.map(|it| format!("`{}`", it.version)).collect();
    ensure!(
        unknown.is_empty(),
        "the backup has migrations that this backend does not: {}; restore it by the version that made it",
        unknown.join(", ")
    );
    let own = || known.iter().filter(|it| it.list == MigrationList::Plugin);
    let (had, later): (Vec<_>, Vec<_>) = own().partition(|id| plugin.migrations.iter().any(|it| is(it, id)));
    if later.is_empty() || had.is_empty() {
        return Ok(None);
    }
    ensure!(
        own().zip(&had).all(|(id, had)| id == *had),
        "the backup lacks migrations that this backend has before others: {}",
        later.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    );
    let applied = migrator.applied().await?;
    let beyond: Vec<_> = later.iter().filter(|id| applied.iter().any(|it| it.id().as_ref() == Some(**id))).collect();
    ensure!(
        beyond.is_empty(),
        "{} has migrations that came after the backup: {}; drop it first (`db drop`)",
        target.plan.info().location,
        beyond.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    );
    Ok(had.last().map(|it| it.version.clone()))
}
