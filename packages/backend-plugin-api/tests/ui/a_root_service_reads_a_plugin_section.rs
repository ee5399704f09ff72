//! A root service belongs to no plugin, so it names its section: `RootConfig<T>`.
use backend_plugin_api::{Config, Result, Root, Service, ServiceFactory};

#[derive(schemars::JsonSchema, serde::Deserialize)]
struct MetricsConfig {}

#[derive(Clone)]
struct Metrics;

impl Service for Metrics {
    type Scope = Root;
    const ID: &'static str = "metrics";
}

struct MetricsFactory;

impl ServiceFactory for MetricsFactory {
    type Service = Metrics;
    type Deps = (Config<MetricsConfig>,);

    async fn create(&self, _: Self::Deps) -> Result<Metrics> {
        Ok(Metrics)
    }
}

fn main() {}
