//! `.service(..)` takes what makes a service, not the service.
use backend_app_api::Backend;
use backend_plugin_api::{Root, Service};
use config::Config;

#[derive(Clone)]
struct Metrics;

impl Service for Metrics {
    type Scope = Root;
    const ID: &'static str = "metrics";
}

fn backend(config: Config) -> Backend {
    Backend::new(config).service(Metrics)
}

fn main() {}
