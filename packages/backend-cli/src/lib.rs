#![doc = include_str!("../README.md")]

mod args;
mod completions;
mod config_commands;
mod connections;
mod db_commands;
mod fetch;
mod load;
mod plugin_commands;
mod report;
mod signals;
mod start;
mod store;
mod summary;
mod watch;

use std::process::ExitCode;

use backend_app_api::Backend;
use clap::Parser;

pub use args::{Cli, Command, ConfigArgs, StartArgs};
pub use completions::CompletionsArgs;
pub use config_commands::{ConfigCommand, OutputFormat};
pub use db_commands::DbCommand;
pub use plugin_commands::PluginCommand;
pub use store::Store;

/// Runs what the command line asks for, on a backend to which `add_plugins` adds its plugins.
pub fn main(add_plugins: impl Fn(Backend) -> Backend) -> ExitCode {
    run(Cli::parse(), add_plugins)
}

/// As [`main`], for a command line that was read already.
pub fn run(cli: Cli, add_plugins: impl Fn(Backend) -> Backend) -> ExitCode {
    if let Some(mistake) = cli.config.mistake() {
        return report::usage(mistake);
    }
    match cli.command {
        None => start::start(&cli.config, cli.start, add_plugins),
        Some(Command::Start(args)) => {
            let strict = args.strict || cli.start.strict;
            start::start(&cli.config, StartArgs { strict }, add_plugins)
        }
        Some(Command::Config(command)) => config_commands::run(&command, &cli.config, add_plugins),
        Some(Command::Db(command)) => db_commands::run(&command, &cli.config, add_plugins),
        Some(Command::Plugin(command)) => plugin_commands::run(&command, &cli.config, add_plugins),
        Some(Command::Completions(args)) => completions::run(args),
    }
}
