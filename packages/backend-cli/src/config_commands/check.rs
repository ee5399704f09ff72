use std::process::ExitCode;

use backend_app_api::{Backend, CheckOptions};
use clap::Args;

use crate::args::ConfigArgs;
use crate::{load, report};

/// How to check.
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq)]
#[command(after_help = "Example:\n  backend config check --strict")]
pub struct CheckArgs {
    /// A key that nobody reads, and a value that is absent because a variable is not set, are mistakes.
    #[arg(long)]
    pub strict: bool,
    /// Only what the frontend may see.
    #[arg(long)]
    pub frontend: bool,
    /// A variable that is not set is no mistake.
    #[arg(long)]
    pub lax: bool,
}

pub(super) fn run(args: CheckArgs, sources: &ConfigArgs, add_plugins: impl FnOnce(Backend) -> Backend) -> ExitCode {
    let CheckArgs { strict, frontend, lax } = args;
    match load::check(sources, CheckOptions { strict, frontend, lax }, add_plugins) {
        Ok(checked) => {
            report::warnings(checked.wired.warnings());
            report::passed(checked.wired.warnings().len())
        }
        Err(code) => code,
    }
}
