use anyhow::{anyhow, ensure};
use futures::{StreamExt as _, stream};

use tokio::sync::watch;

use super::error::BackupError;
use super::manifest::{Backup, PluginBackup};
use super::restore::{RestoreProgress, Restored, plugin, restore_one};
use crate::transfer::Loaded;
use crate::{Scratch, Site};

/// How many plugins are tried at a time.
const AT_ONCE: usize = 4;

/// Restores what `backup` has of the plugins of `sites` into scratch databases beside theirs, and drops these, also when
/// `stop` becomes true meanwhile.
///
/// # Errors
/// When the backup has nothing of a plugin: then nothing is done at all.
pub async fn verify(
    backup: &Backup,
    sites: &[Site],
    progress: &RestoreProgress,
    stop: &watch::Receiver<bool>,
) -> Result<Vec<Restored>, BackupError> {
    let found = sites.iter().map(|site| Ok((site, plugin(backup, site.plugin())?)));
    let found: Vec<(&Site, &PluginBackup)> = found.collect::<Result<_, BackupError>>()?;
    let work = found.into_iter().map(|(site, plugin)| async move {
        (site.plugin(), verify_one(backup, plugin, site, progress, stop.clone()).await)
    });
    Ok(stream::iter(work).buffered(AT_ONCE).collect().await)
}

async fn verify_one(
    backup: &Backup,
    plugin: &PluginBackup,
    site: &Site,
    progress: &RestoreProgress,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<Loaded> {
    ensure!(!*stop.borrow_and_update(), "stopped");
    let scratch = Scratch::for_rows(site).await?;
    let restored = tokio::select! {
        restored = restore_one(backup, plugin, scratch.site(), progress) => restored,
        true = async { stop.wait_for(|it| *it).await.is_ok() } => Err(anyhow!("stopped")),
    };
    match (restored, scratch.drop().await) {
        (Err(error), Err(left)) => Err(anyhow!("{error:#}; {left:#}")),
        (restored, dropped) => restored.and_then(|it| dropped.map(|()| it)),
    }
}
