use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::sh;

/// Builds the binary as it is released, and returns where it is.
pub(crate) fn backend() -> Result<PathBuf> {
    build(&["build", "--release", "--package=backend"])
}

/// The same of an example.
pub(crate) fn example(package: &str, example: &str) -> Result<PathBuf> {
    build(&["build", "--release", &format!("--package={package}"), &format!("--example={example}")])
}

/// An example as tests are built, which costs nothing if all of the workspace's tests were built before.
#[cfg(test)]
pub(crate) fn example_for_tests(example: &str) -> Result<PathBuf> {
    build(&["build", "--workspace", &format!("--example={example}")])
}

/// The same of a program that measures.
pub(crate) fn bench(package: &str, bench: &str) -> Result<PathBuf> {
    build(&["bench", "--no-run", &format!("--package={package}"), &format!("--bench={bench}")])
}

fn build(arguments: &[&str]) -> Result<PathBuf> {
    let messages = sh::output(sh::cargo().args(arguments).arg("--message-format=json-render-diagnostics"))?;
    let mut executables = messages.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message.get("executable")?.as_str()?))
    });
    executables.next_back().context("cargo built no executable")
}
