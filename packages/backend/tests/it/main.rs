//! The whole backend, from outside, and the rules that hold for all crates.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bad_input;
mod config_commands;
mod databases_document;
mod db_commands;
mod demo;
mod layout;
mod operating_document;
mod plugin_commands;
mod process;
mod reload;
mod remote_config;
mod secrets;
mod shutdown;
mod stores;

use std::path::Path;

/// The workspace's folder.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
