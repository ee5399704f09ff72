//! `backend config ...`: what the config is, whether it is right, and what it may be.
//!
//! The result is all that is on standard output; everything else is on standard error.

mod check;
mod docs;
mod explain;
mod print;
mod schema;
mod yaml;

use std::process::ExitCode;

use backend_app_api::Backend;
use backend_defaults::database::Environment;
use clap::{Subcommand, ValueEnum};
use config::Config;

use crate::args::ConfigArgs;

/// What to do with the config.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Print the config as all its sources make it. Checks nothing.
    Print(print::PrintArgs),
    /// Find all that would keep the backend from starting, and what may be a mistake.
    Check(check::CheckArgs),
    /// Say all there is to know about one key: its value, where it is from, what it may be.
    Explain(explain::ExplainArgs),
    /// Print what the config may have, as a JSON schema.
    Schema(schema::SchemaArgs),
    /// Print the reference of all keys, as Markdown.
    #[command(after_help = "Example:\n  backend config docs > config.md")]
    Docs,
}

/// How to write a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    Yaml,
    /// For machines.
    Json,
}

/// Runs one of the commands.
pub(crate) fn run(
    command: &ConfigCommand,
    args: &ConfigArgs,
    add_plugins: impl FnOnce(Backend) -> Backend,
) -> ExitCode {
    match command {
        ConfigCommand::Print(print) => print::run(print, args, add_plugins),
        ConfigCommand::Check(check) => check::run(*check, args, add_plugins),
        ConfigCommand::Explain(explain) => explain::run(explain, args, add_plugins),
        ConfigCommand::Schema(schema) => schema::run(*schema, add_plugins),
        ConfigCommand::Docs => docs::run(add_plugins),
    }
}

/// The backend as it is compiled, whatever its config.
fn without_config(add_plugins: impl FnOnce(Backend) -> Backend) -> Backend {
    add_plugins(backend_defaults::backend(Config::empty(), Environment::Development))
}

/// Writes the result.
pub(crate) fn put(result: &str) -> ExitCode {
    use std::io::{ErrorKind, Write, stdout};

    match writeln!(stdout(), "{}", result.trim_end_matches('\n')) {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads it has seen enough, such as `head`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => crate::report::failure(&format!("cannot write to standard output: {error}")),
    }
}

impl OutputFormat {
    fn write(self, value: &serde_json::Value) -> String {
        match self {
            Self::Yaml => yaml::write(value, &|_| None),
            Self::Json => format!("{value:#}"),
        }
    }
}
