use std::process::ExitCode;

use serde_json::Value;

use crate::config_commands::put;

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Exit code 0.
    Done,
    /// A check that found something: exit code 3.
    ToDo,
    /// Exit code 1: what failed has been told.
    Failed,
    /// Exit code 2: the command line lacks something, which has been told.
    Misused,

    /// With the exit code of a program that was run.
    Exit(u8),
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::ToDo => Self::from(3),
            Outcome::Failed => Self::FAILURE,
            Outcome::Misused => Self::from(2),

            Outcome::Exit(code) => Self::from(code),
        }
    }
}

/// Writes the result of a command: for machines if they asked.
pub(super) fn show(json: bool, machine: impl FnOnce() -> Value, people: impl FnOnce() -> String) {
    let text = if json { format!("{:#}", machine()) } else { people() };
    if !text.is_empty() {
        // What cannot be written has been told.
        let _ = put(&text);
    }
}
