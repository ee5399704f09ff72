//! What the operator sees when the backend has not started: one message, on standard error.
#![expect(clippy::print_stderr, reason = "this is where it is said")]

use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

use backend_app_api::{CheckErrors, ConfigWarning};
use config::ConfigErrors;

/// For one thing that is wrong.
pub(crate) fn failure(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::FAILURE
}

/// For a command line that asks for what there is not.
pub(crate) fn usage(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(2)
}

/// For what the operator is asked, who answers on the same line.
pub(crate) fn prompt(message: &str) {
    eprint!("{message}");
}

/// For what is to be known beside the result.
pub(crate) fn note(message: &str) {
    eprintln!("{message}");
}

/// For what is wrong with the config's files.
pub(crate) fn config_errors(errors: &ConfigErrors) -> ExitCode {
    let count = errors.len();
    let what = if count == 1 { "a mistake" } else { &format!("{count} mistakes") };
    eprintln!("error: the backend cannot start, because of {what} in its config\n\n{}", errors.report(color()));
    ExitCode::FAILURE
}

/// For a config that cannot even be printed.
pub(crate) fn unreadable(errors: &ConfigErrors) -> ExitCode {
    eprintln!("error: the config cannot be read\n\n{}", errors.report(color()));
    ExitCode::FAILURE
}

/// For what is wrong with how the backend is put together, and with the config.
pub(crate) fn check_errors(errors: &CheckErrors) -> ExitCode {
    if errors.wiring.is_empty() {
        config_errors(&errors.config);
    } else {
        eprintln!("error: the backend cannot start:");
        errors.wiring.iter().for_each(|error| eprintln!("  - {error}"));
        if !errors.config.is_empty() {
            eprintln!("\n{}", errors.config.report(color()));
        }
    }
    warnings(&errors.warnings);
    ExitCode::FAILURE
}

/// For a config that is as it should be.
pub(crate) fn passed(warnings: usize) -> ExitCode {
    match warnings {
        0 => eprintln!("the config is in order"),
        1 => eprintln!("the config is in order, with 1 warning"),
        n => eprintln!("the config is in order, with {n} warnings"),
    }
    ExitCode::SUCCESS
}

/// For what would not keep it from starting.
pub(crate) fn warnings(warnings: &[ConfigWarning]) {
    warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
}

fn color() -> bool {
    stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty())
}
