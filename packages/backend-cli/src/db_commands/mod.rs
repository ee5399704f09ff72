//! `backend db ...`: the databases of plugins, from the config and from a backend that runs.
//!
//! The result is all that is on standard output; everything else is on standard error. Exit codes: 0 done, 1 failed,
//! 2 wrong usage, 3 a check that found something to do.

mod adopt;
mod backup;
mod confirm;
mod copy;
mod copy_report;
mod create;
mod destroy;
mod doctor;
mod drift;
mod drop;
mod each;
mod facts;
mod live;
mod migrate;
mod moved;
mod orphans;
mod outcome;
mod plan;
mod plan_report;
mod progress;
mod report;
mod reset;
mod restore;
mod rollback;
mod rows_bar;
mod shell;
mod sites;
mod status;
mod table;
mod truncate;
mod until_stopped;
mod verify;

use std::process::ExitCode;

use backend_app_api::Backend;
use clap::Subcommand;

use self::outcome::Outcome;
use self::sites::{PluginArgs, Sites};
use crate::args::ConfigArgs;

/// What to do with the databases.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum DbCommand {
    /// Show what a start would make and run, or print it as SQL for an administrator.
    Plan(plan::PlanArgs),
    /// Show each plugin's database and its connections.
    Status(status::StatusArgs),
    /// Make databases, schemas and roles that are not there.
    Create(create::CreateArgs),
    /// Apply migrations.
    Migrate(migrate::MigrateArgs),
    /// Undo migrations.
    Rollback(rollback::RollbackArgs),
    /// Delete all rows, and keep the tables.
    Truncate(truncate::TruncateArgs),
    /// Destroy databases and schemas that Greenroom made.
    Drop(drop::DropArgs),
    /// Drop, make again, and migrate.
    Reset(reset::ResetArgs),
    /// Take databases that others made for Greenroom's own.
    Adopt(adopt::AdoptArgs),
    /// Move plugins' data to another place: another engine, server, prefix or division mode.
    Copy(copy::CopyArgs),
    /// Write plugins' data to a folder.
    Backup(backup::BackupArgs),
    /// Read plugins' data from a folder, into databases that are empty.
    Restore(restore::RestoreArgs),
    /// Check that a backup can be restored.
    Verify(verify::VerifyArgs),
    /// Find what is wrong, or will be, with servers, rights and files.
    Doctor(doctor::DoctorArgs),
    /// Compare the tables that are there with those that migrations make.
    Drift(drift::DriftArgs),
    /// Find databases, schemas and files of plugins that are not there any longer.
    Orphans(orphans::OrphansArgs),
    /// Open a plugin's database in `psql`, `sqlite3` or `mysql`.
    Shell(shell::ShellArgs),
}

/// Runs one of the commands.
pub(crate) fn run(command: &DbCommand, sources: &ConfigArgs, add_plugins: impl Fn(Backend) -> Backend) -> ExitCode {
    match command {
        DbCommand::Status(args) => {
            with_sites(sources, &args.plugins, add_plugins, async |sites| status::run(args, sites).await)
        }
        DbCommand::Plan(args) => {
            with_sites(sources, &args.plugins, add_plugins, async |sites| plan::run(args, sites).await)
        }
        DbCommand::Create(args) => {
            with_sites(sources, &args.plugins, add_plugins, async |sites| create::run(args, sites).await)
        }
        DbCommand::Migrate(args) => {
            with_sites(sources, &args.plugins, add_plugins, async |sites| migrate::run(args, sites).await)
        }
        DbCommand::Rollback(args) => {
            with_sites(sources, &args.plugins, add_plugins, async |sites| rollback::run(args, sites).await)
        }
        DbCommand::Truncate(args) => {
            with_sites(sources, &args.destroy.plugins, add_plugins, async |sites| truncate::run(args, sites).await)
        }
        DbCommand::Drop(args) => {
            with_sites(sources, &args.destroy.plugins, add_plugins, async |sites| drop::run(args, sites).await)
        }
        DbCommand::Reset(args) => {
            with_sites(sources, &args.destroy.plugins, add_plugins, async |sites| reset::run(args, sites).await)
        }
        DbCommand::Adopt(args) => {
            with_sites(sources, &args.plugins, add_plugins, async |sites| adopt::run(args, sites).await)
        }
        DbCommand::Copy(args) => copy_between(args, sources, add_plugins),
        DbCommand::Backup(args) => {
            with_sites(sources, &args.plugins, add_plugins, async |sites| backup::run(args, sites).await)
        }
        DbCommand::Restore(args) => {
            with_sites(sources, &args.plugins, add_plugins, async |sites| restore::run(args, sites).await)
        }
        DbCommand::Verify(args) => {
            with_sites(sources, &args.plugins, add_plugins, async |sites| verify::run(args, sites).await)
        }
        DbCommand::Doctor(args) => {
            with_sites(sources, &args.plugins, add_plugins, async |sites| doctor::run(args, sites).await)
        }
        DbCommand::Drift(args) => {
            with_sites(sources, &args.plugins, add_plugins, async |sites| drift::run(args, sites).await)
        }
        DbCommand::Orphans(args) => {
            with_sites(sources, &PluginArgs::default(), add_plugins, async |sites| orphans::run(args, sites).await)
        }
        DbCommand::Shell(args) => {
            with_sites(sources, &args.plugins(), add_plugins, async |sites| shell::run(args, sites).await)
        }
    }
}

/// Two configs, each laid over the default files.
fn copy_between(args: &copy::CopyArgs, sources: &ConfigArgs, add_plugins: impl Fn(Backend) -> Backend) -> ExitCode {
    let over = |files: &[String]| ConfigArgs { over: files.to_vec(), ..sources.clone() };
    match Sites::load(&over(&args.from), &args.plugins, &add_plugins) {
        Ok(from) => {
            with_sites(&over(&args.to), &args.plugins, add_plugins, async |to| copy::run(args, &from, to).await)
        }
        Err(code) => code,
    }
}

/// Loads the config, does it, and closes what was opened.
fn with_sites(
    sources: &ConfigArgs,
    only: &PluginArgs,
    add_plugins: impl Fn(Backend) -> Backend,
    run: impl AsyncFnOnce(&Sites) -> anyhow::Result<Outcome>,
) -> ExitCode {
    let sites = match Sites::load(sources, only, add_plugins) {
        Ok(sites) => sites,
        Err(code) => return code,
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return crate::report::failure(&format!("cannot start the runtime: {error}")),
    };
    let done = runtime.block_on(async {
        let done = run(&sites).await;
        sites.close().await;
        done
    });
    match done {
        Ok(outcome) => outcome.into(),
        Err(error) => crate::report::failure(&format!("{error:#}")),
    }
}
