#![doc = include_str!("../README.md")]

pub mod database;
pub mod http;
pub mod logger;

mod foreign;

use backend_app_api::Backend;
use config::Config;

use database::{DatabaseFactory, DatabaseManagerFactory, Environment};
use http::{HttpRouterFactory, HttpServerFactory};
use logger::{LoggerConfig, LoggerFactory};

/// A backend with the core services and no plugins.
pub fn backend(config: Config, environment: Environment) -> Backend {
    let backend = Backend::new(config)
        .host_migrations(|plugin| migrations::migrations(plugin.as_str()))
        .section::<LoggerConfig>()
        .config_check(move |cx| environment.check(cx))
        .service(LoggerFactory)
        .service(DatabaseManagerFactory)
        .service(DatabaseFactory)
        .service(HttpServerFactory::default())
        .service(HttpRouterFactory);
    foreign::describe(backend)
}
