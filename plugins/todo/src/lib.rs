#![doc = include_str!("../README.md")]

mod config;
mod migrations;
mod plugin;
mod routes;
mod store;

pub use config::TodoConfig;
pub use plugin::TodoPlugin;
