//! One state of a plugin's database, to be read for as long as it takes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use backend_app_api::HistoryRow;
use backend_defaults::database::{DatabasePlan, EnginePlan, SqlitePlace, SqlitePlan};
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use tokio::task::spawn_blocking;

use super::folder::create;
use crate::Site;
use crate::transfer::{self, Source, open_to_read};

/// How long to wait for one who writes while nobody else may read.
const PATIENCE: Duration = Duration::from_secs(60);

/// A source, and what is to stay as long as it is read.
pub(super) struct Snapshot {
    pub(super) source: Box<dyn Source>,
    /// What had made its tables.
    pub(super) migrations: Vec<HistoryRow>,
    _copy: Option<Copy>,
}

/// Removed when dropped.
struct Copy(PathBuf);

impl Snapshot {
    /// Of a server in one transaction. A SQLite file is copied into `folder` first (SQLite: "Online Backup API"), so that
    /// it is not kept from being checkpointed while the copy is read.
    pub(super) async fn open(site: &Site, folder: &Path) -> anyhow::Result<Self> {
        match &site.plan.engine {
            EnginePlan::Sqlite(_) => Self::of_file(site, folder).await,
            EnginePlan::Postgres(_) | EnginePlan::MySql(_) => Self::of_server(site).await,
        }
    }

    async fn of_server(site: &Site) -> anyhow::Result<Self> {
        let migrations = history(site).await?;
        let source = transfer::source(site).await?;
        // Read beside the transaction: both times the same, it was so when that began.
        ensure!(history(site).await? == migrations, "migrations were applied at the same time: try again");
        Ok(Self { source, migrations, _copy: None })
    }

    async fn of_file(site: &Site, folder: &Path) -> anyhow::Result<Self> {
        let file = site.file().context("it is in memory: another process cannot read it")?.to_owned();
        let copy = folder.join("copy.sqlite");
        let guard = Copy(copy.clone());
        let copied = spawn_blocking({
            let (file, copy) = (file.clone(), copy.clone());
            move || copy_file(&file, &copy)
        });
        copied.await?.with_context(|| format!("cannot copy `{}` to `{}`", file.display(), copy.display()))?;
        let engine = EnginePlan::Sqlite(SqlitePlan { place: SqlitePlace::File(copy) });
        let copied = Site::new(DatabasePlan { engine, ..site.plan.clone() }, site.migrations, &site.manager);
        let migrations = history(&copied).await;
        copied.close().await;
        let (migrations, source) = (migrations?, transfer::source(&copied).await?);
        Ok(Self { source, migrations, _copy: Some(guard) })
    }
}

/// What was applied, in that order.
///
/// # Errors
/// When nothing was: no backend has been here.
async fn history(site: &Site) -> anyhow::Result<Vec<HistoryRow>> {
    let applied = site.migrator().applied().await?;
    ensure!(!applied.is_empty(), "no migration was applied there yet (a backend that starts applies them)");
    Ok(applied)
}

fn copy_file(from: &Path, to: &Path) -> anyhow::Result<()> {
    drop(create(to)?);
    let source = open_to_read(from)?;
    source.busy_timeout(PATIENCE)?;
    let mut target = Connection::open(to)?;
    target.pragma_update(None, "synchronous", "OFF")?;
    // All pages in one go: with pauses, who writes without a pause would have it begin again and again.
    let step = Backup::new(&source, &mut target)?.step(-1)?;
    ensure!(step == StepResult::Done, "the file is locked");
    Ok(())
}

impl Drop for Copy {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let mut path = self.0.clone().into_os_string();
            path.push(suffix);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    tracing::warn!("cannot remove `{}`: {error}", PathBuf::from(path).display());
                }
                _ => {}
            }
        }
    }
}
