use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use database_tools::backup::{BackUpProgress, BackedUp, BackupError, Failures, back_up};
use serde_json::json;

use super::each::{tell_failures, tell_left_out};
use super::moved::{self, Moved};
use super::outcome::{Outcome, show};
use super::rows_bar::RowsBar;
use super::sites::{PluginArgs, Sites};
use super::until_stopped::until_stopped;
use crate::report;

const EXAMPLE: &str = "\
Each plugin's rows are of one moment, also while the backend runs. What is interrupted leaves no `manifest.json`, and is no
backup. The files are compressed JSON, the same for all engines: what SQLite had is restored into PostgreSQL too. They hold
all that the databases do, secrets as well, and are readable by their owner alone.

Example:
  backend db backup /backups/$(date +%F) && backend db verify /backups/$(date +%F)";

/// Write plugins' data to a folder.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = EXAMPLE)]
pub struct BackupArgs {
    /// A folder that is empty or not there.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    #[command(flatten)]
    pub plugins: PluginArgs,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

pub(super) async fn run(args: &BackupArgs, sites: &Sites) -> anyhow::Result<Outcome> {
    let bar = Arc::new(RowsBar::new(None));
    let told = Arc::clone(&bar);
    let progress: BackUpProgress = Arc::new(move |plugin, table, rows| told.at(plugin, table, rows));
    let done = until_stopped(async { Ok(back_up(&sites.sites, &args.folder, &progress).await) }).await;
    bar.finish();
    let BackedUp { backup, took } = match done? {
        Ok(done) => done,
        Err(BackupError::Plugins(Failures(failures))) => {
            let done: Vec<_> = failures.into_iter().map(|(plugin, error)| (plugin, Err::<(), _>(error))).collect();
            report::note("nothing was backed up");
            return Ok(tell_failures(&done));
        }
        Err(error) => return Err(error.into()),
    };
    let moved = sites.sites.iter().filter_map(|site| {
        let plugin = site.plugin();
        let backup = backup.manifest.plugins.get(plugin.as_str())?;
        tell_left_out(plugin, &backup.left_out);
        let took = took.get(&plugin).copied().unwrap_or_default();
        Some(Moved { plugin, tables: backup.tables.len(), rows: backup.rows(), bytes: backup.bytes(), took })
    });
    let moved: Vec<_> = moved.collect();
    let machine = || json!({ "folder": backup.folder, "plugins": moved::json(&moved, &[]) });
    show(args.json, machine, || moved::text(&moved));
    Ok(Outcome::Done)
}
