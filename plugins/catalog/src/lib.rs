#![doc = include_str!("../README.md")]

mod config;
mod filter;
mod ingest;
mod locations;
mod migrations;
mod plugin;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod plugin_tests;
mod problem;
mod processing;
mod routes;
mod search;
mod stitching;
mod store;

pub use config::{AllowConfig, CatalogConfig, LocationConfig, LocationMatcherConfig, RuleConfig, TargetPattern};
pub use plugin::CatalogPlugin;
