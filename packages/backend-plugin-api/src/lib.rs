#![doc = include_str!("../README.md")]

mod config;
mod error;
mod extension;
mod id;
mod inject;
mod plugin;
mod scope;
mod service;

pub mod host;
pub mod services;

pub use crate::config::{CheckContext, Config, RootConfig, Section, unused_keys};
pub use error::ApiError;
pub use extension::{Added, Additions, ExtensionPoint, Extensions};
pub use id::PluginId;
pub use inject::{Context, Deps, Inject, Needs};
pub use plugin::{Migrations, Module, Plugin};
pub use scope::{PerPlugin, Root, Scope, Sees};
pub use service::{Initialization, Service, ServiceFactory};

pub use ::config::{ConfigError, Duration, Located, Secret};
pub use anyhow::Result;
