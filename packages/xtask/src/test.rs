//! `cargo xtask test`.

use anyhow::Result;

use crate::requirements::{self, CC, GIT};
use crate::sh;

/// What to test.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Handed to the test runner in place of `--workspace`, e.g. `-p catalog relations`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Runs the tests with cargo-nextest where it is installed, else with `cargo test`.
pub(crate) fn run(options: &Options) -> Result<()> {
    requirements::ensure(&[CC, GIT])?;
    let nextest = sh::succeeds(sh::cargo().args(["nextest", "--version"]));
    let runner: &[&str] = if nextest { &["nextest", "run"] } else { &["test", "--no-fail-fast"] };
    if !options.arguments.is_empty() {
        return sh::run(sh::cargo().args(runner).args(&options.arguments));
    }
    let tests = sh::run(sh::cargo().args(runner).arg("--workspace"));
    if nextest {
        // nextest does not run the examples in the documentation.
        let examples = sh::run(sh::cargo().args(["test", "--workspace", "--doc"]));
        return tests.and(examples);
    }
    tests
}
