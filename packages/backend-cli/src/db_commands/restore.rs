use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;
use database_tools::Site;
use database_tools::backup::{self, Backup, PluginBackup, RestoreProgress, Restored};
use database_tools::transfer::Event;
use serde_json::json;

use super::each::{causes, tell_failures, tell_left_out};
use super::moved::{self, Moved};
use super::outcome::{Outcome, show};
use super::rows_bar::RowsBar;
use super::sites::{PluginArgs, Sites};
use super::until_stopped::until_stopped;
use crate::report;

const EXAMPLE: &str = "\
Databases that are not there are made, and get the migrations that they had. One that has rows is left alone, and is told.
All of a plugin is restored, or nothing. The config says where: the engine need not be the one of the backup.

Example:
  backend db restore /backups/2026-01-31 --plugin catalog";

/// Read plugins' data from a folder, into databases that are empty.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = EXAMPLE)]
pub struct RestoreArgs {
    /// What `db backup` wrote.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    #[command(flatten)]
    pub plugins: PluginArgs,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

pub(super) async fn run(args: &RestoreArgs, sites: &Sites) -> anyhow::Result<Outcome> {
    let backup = Backup::open(&args.folder)?;
    let sites = chosen(&backup, &args.plugins, sites)?;
    let (bar, progress) = progress(&backup, &sites);
    let done = until_stopped(async { Ok(backup::restore(&backup, &sites, &progress).await?) }).await;
    bar.finish();
    Ok(finish(args.json, &backup, &done?))
}

/// The databases that it is about: those of the backup, or those that were asked for.
pub(super) fn chosen(backup: &Backup, asked: &PluginArgs, sites: &Sites) -> anyhow::Result<Vec<Site>> {
    if !asked.plugins.is_empty() {
        return Ok(sites.sites.clone());
    }
    let has = |id: &str| sites.sites.iter().any(|it| it.plugin().as_str() == id);
    let unknown: Vec<_> = backup.manifest.plugins.keys().filter(|it| !has(it)).map(|it| format!("`{it}`")).collect();
    if !unknown.is_empty() {
        let known: Vec<_> =
            backup.manifest.plugins.keys().filter(|it| has(it)).map(|it| format!(" --plugin {it}")).collect();
        let hint = if known.is_empty() { String::new() } else { format!("; without them:{}", known.concat()) };
        bail!("the backup has plugins that this backend does not: {}{hint}", unknown.join(", "));
    }
    let (found, absent): (Vec<_>, Vec<_>) =
        sites.sites.iter().cloned().partition(|it| backup.manifest.plugins.contains_key(it.plugin().as_str()));
    for site in absent {
        report::note(&format!("the backup has nothing of `{}`, which stays as it is", site.plugin()));
    }
    Ok(found)
}

/// A bar of all rows of these.
pub(super) fn progress(backup: &Backup, sites: &[Site]) -> (Arc<RowsBar>, RestoreProgress) {
    let rows = backup.rows(sites.iter().map(|it| it.plugin().as_str()));
    let bar = Arc::new(RowsBar::new(Some(rows)));
    let told = Arc::clone(&bar);
    let progress: RestoreProgress = Arc::new(move |plugin, event| match event {
        Event::Begins { .. } => {}
        Event::Copied { table, rows } => told.at(plugin, table, rows),
        Event::Checked { table } => told.say(plugin, table, "checked"),
    });
    (bar, progress)
}

/// Shows what was done, and says what was not.
pub(super) fn finish(json: bool, backup: &Backup, done: &[Restored]) -> Outcome {
    let (mut moved, mut failures) = (Vec::new(), Vec::new());
    for (plugin, restored) in done {
        match restored {
            Ok(loaded) => {
                tell_left_out(*plugin, &loaded.left_out);
                if loaded.was_there {
                    report::note(&format!("plugin `{plugin}`: all of it was there already"));
                }
                let bytes = backup.manifest.plugins.get(plugin.as_str()).map(PluginBackup::bytes);
                let rows = loaded.tables.iter().map(|it| it.rows).sum();
                let (tables, bytes, took) = (loaded.tables.len(), bytes.unwrap_or_default(), loaded.took);
                moved.push(Moved { plugin: *plugin, tables, rows, bytes, took });
            }
            Err(error) => failures.push((*plugin, causes(error))),
        }
    }
    let text = moved::text(&moved);
    if json || !text.is_empty() {
        show(json, || json!({ "folder": backup.folder, "plugins": moved::json(&moved, &failures) }), || text);
    }
    tell_failures(done)
}
