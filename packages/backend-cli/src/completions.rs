use std::process::ExitCode;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::args::Cli;
use crate::config_commands::put;
use crate::report;

const EXAMPLE: &str = "\
Example:
  backend completions bash > ~/.local/share/bash-completion/completions/backend
  backend completions zsh > \"${fpath[1]}/_backend\"
  backend completions fish > ~/.config/fish/completions/backend.fish";

/// Which shell.
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq)]
#[command(after_help = EXAMPLE)]
pub struct CompletionsArgs {
    /// Whose language.
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Writes the script.
pub(crate) fn run(args: CompletionsArgs) -> ExitCode {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    match String::from_utf8(script) {
        Ok(script) => put(&script),
        Err(error) => report::failure(&format!("cannot write the script: {error}")),
    }
}
