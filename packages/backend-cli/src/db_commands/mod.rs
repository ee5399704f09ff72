//! `backend db ...`: the databases of plugins, from the config and from a backend that runs.
//!
//! The result is all that is on standard output; everything else is on standard error.

mod live;
mod report;
mod status;

use std::process::ExitCode;

use backend_app_api::Backend;
use clap::Subcommand;

use crate::args::ConfigArgs;

/// What to do with the databases.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum DbCommand {
    /// Show each plugin's database and its connections.
    Status(status::StatusArgs),
}

/// Runs one of the commands.
pub(crate) fn run(command: &DbCommand, args: &ConfigArgs, add_plugins: impl FnOnce(Backend) -> Backend) -> ExitCode {
    match command {
        DbCommand::Status(status) => status::run(status, args, add_plugins),
    }
}
