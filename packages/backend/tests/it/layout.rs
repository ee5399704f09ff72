//! The invariants of `docs/architecture.md` that neither rustc nor clippy knows.
//!
//! Each rule is a function from what is to what is wrong with it, tested with a mistake of its own.

mod crates;
mod direction;
mod files;

use std::process::Command;

use cargo_metadata::{Metadata, MetadataCommand};

use crate::root;

/// The crates of the workspace, without what they depend on outside of it.
fn metadata() -> Metadata {
    let mut command = MetadataCommand::new();
    command.current_dir(root()).no_deps().other_options(["--offline".to_owned()]).exec().unwrap()
}

/// What git keeps or would keep, as `packages/config/src/lib.rs`, if it matches the pattern.
fn files(pattern: &str) -> Vec<String> {
    let mut git = Command::new("git");
    // The folder may belong to another user than the one who runs the tests.
    git.current_dir(root()).args(["-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard"]);
    let output = git.args(["--", pattern]).output().unwrap();
    assert!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let files = String::from_utf8(output.stdout).unwrap();
    files.lines().filter(|file| root().join(file).exists()).map(str::to_owned).collect()
}

/// What the file says.
fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap()
}

/// Fails with every mistake.
#[track_caller]
fn none_of(mistakes: impl IntoIterator<Item = String>) {
    let mistakes = mistakes.into_iter().collect::<Vec<_>>();
    assert!(mistakes.is_empty(), "\n{}\n", mistakes.join("\n"));
}
