use std::path::PathBuf;

use clap::Args;
use database_tools::backup::{self, Backup};
use tokio::sync::watch;

use super::outcome::Outcome;
use super::restore::{chosen, finish, progress};
use super::sites::{PluginArgs, Sites};
use crate::signals::Signals;

const EXAMPLE: &str = "\
All is restored into scratch databases, on the servers and in the folders of the config, which are dropped again: rows,
checksums and references are those of the backup, or the exit code is 1. Plugins' own databases are not touched.

Example:
  backend db verify /backups/2026-01-31 --json";

/// Check that a backup can be restored.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = EXAMPLE)]
pub struct VerifyArgs {
    /// What `db backup` wrote.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    #[command(flatten)]
    pub plugins: PluginArgs,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

pub(super) async fn run(args: &VerifyArgs, sites: &Sites) -> anyhow::Result<Outcome> {
    let backup = Backup::open(&args.folder)?;
    let sites = chosen(&backup, &args.plugins, sites)?;
    let (bar, progress) = progress(&backup, &sites);
    let (stop, stopped) = watch::channel(false);
    let mut signals = Signals::catch()?;
    // Scratch databases are dropped in any case.
    let waiting = tokio::spawn(async move {
        signals.next().await;
        stop.send_replace(true);
        std::future::pending::<()>().await;
    });
    let done = backup::verify(&backup, &sites, &progress, &stopped).await;
    waiting.abort();
    bar.finish();
    Ok(finish(args.json, &backup, &done?))
}
