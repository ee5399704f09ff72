//! Backups: written, read, damaged.

mod damaged;
mod folder;
mod matrix;
mod migrations;
mod moment;
mod scratch;

use std::path::Path;
use std::sync::Arc;

use database_tools::Site;
use database_tools::backup::{self, Backup, BackupError};
use tokio::sync::watch;

async fn back_up(sites: &[Site], folder: &Path) -> Result<Backup, BackupError> {
    let progress: backup::BackUpProgress = Arc::new(|_, _, _| ());
    backup::back_up(sites, folder, &progress).await.map(|it| it.backup)
}

/// Of one plugin.
async fn restore(backup: &Backup, site: &Site) -> anyhow::Result<()> {
    let progress: backup::RestoreProgress = Arc::new(|_, _| ());
    let done = backup::restore(backup, std::slice::from_ref(site), &progress).await?;
    done.into_iter().try_for_each(|(_, it)| it.map(drop))
}

/// Of one plugin.
async fn verify(backup: &Backup, site: &Site) -> anyhow::Result<()> {
    let progress: backup::RestoreProgress = Arc::new(|_, _| ());
    let (_stop, stopped) = watch::channel(false);
    let done = backup::verify(backup, std::slice::from_ref(site), &progress, &stopped).await?;
    done.into_iter().try_for_each(|(_, it)| it.map(drop))
}
