//! What is wanted before anything is destroyed.

use std::io::{BufRead, IsTerminal, stdin};

use backend_defaults::database::Environment;
use clap::Args;

use super::outcome::Outcome;
use crate::report;

/// What the operator says of it beforehand.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    /// Without asking.
    #[arg(long)]
    pub yes: bool,
    /// Also in a production environment (`BACKSTAGE_ENV`).
    #[arg(long)]
    pub production: bool,
}

impl Consent {
    /// Whether it may be done in `environment` at all; if not, that was told.
    pub(super) fn suits(self, environment: Environment) -> Result<(), Outcome> {
        if environment == Environment::Production && !self.production {
            report::failure(
                "`BACKSTAGE_ENV` says that this is production: nothing is destroyed here without `--production`",
            );
            return Err(Outcome::Failed);
        }
        Ok(())
    }

    /// Waits for `word` to be typed, unless it was consented to beforehand; if it was not, that was told.
    pub(super) fn ask(self, word: &str) -> Result<(), Outcome> {
        if self.yes {
            return Ok(());
        }
        if !stdin().is_terminal() {
            report::usage("nobody is there to be asked: `--yes` says that it is meant");
            return Err(Outcome::Misused);
        }
        report::prompt(&format!("type `{word}` to go on: "));
        if is_typed(&mut stdin().lock(), word) {
            return Ok(());
        }
        report::failure("that is something else: nothing was done");
        Err(Outcome::Failed)
    }
}

fn is_typed(input: &mut impl BufRead, word: &str) -> bool {
    let mut line = String::new();
    input.read_line(&mut line).is_ok() && line.trim() == word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_has_to_be_typed() {
        assert!(is_typed(&mut "catalog\n".as_bytes(), "catalog"));
        assert!(is_typed(&mut " catalog \r\n".as_bytes(), "catalog"));
        assert!(!is_typed(&mut "y\n".as_bytes(), "catalog"));
        assert!(!is_typed(&mut "".as_bytes(), "catalog"));
    }
}
