//! A root service is made once: there is no plugin whose database it could get.
use backend_plugin_api::services::Database;
use backend_plugin_api::{Result, Root, Service, ServiceFactory};

#[derive(Clone)]
struct Metrics;

impl Service for Metrics {
    type Scope = Root;
    const ID: &'static str = "metrics";
}

struct MetricsFactory;

impl ServiceFactory for MetricsFactory {
    type Service = Metrics;
    type Deps = (Database,);

    async fn create(&self, _: Self::Deps) -> Result<Metrics> {
        Ok(Metrics)
    }
}

fn main() {}
