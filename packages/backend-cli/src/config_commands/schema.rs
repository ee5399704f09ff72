use std::process::ExitCode;

use backend_app_api::Backend;
use clap::Args;

use super::{OutputFormat, put, without_config};

/// How to print it.
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq)]
#[command(after_help = "Example:\n  backend config schema > config.schema.json")]
pub struct SchemaArgs {
    /// How to write it.
    #[arg(long, value_enum, default_value_t = OutputFormat::Json)]
    pub format: OutputFormat,
}

pub(super) fn run(args: SchemaArgs, add_plugins: impl FnOnce(Backend) -> Backend) -> ExitCode {
    put(&args.format.write(without_config(add_plugins).schema().as_json()))
}
