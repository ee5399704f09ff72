use backend_app_api::{Backend, Running};
use backend_defaults::database::Environment;
use backend_defaults::http::HttpServer;
use config::Config;
use serde_json::{Value, json};

/// A whole backend, with all core services, on a free port of this machine.
pub struct TestBackend {
    running: Running,
    url: String,
}

impl TestBackend {
    /// Starts one with `config` and what `add` adds, and waits until it has.
    ///
    /// # Panics
    /// When it does not start, with the reason.
    pub async fn start(config: Value, add: impl FnOnce(Backend) -> Backend) -> Self {
        let mut all = json!({ "backend": { "listen": "127.0.0.1:0" } });
        merge(&mut all, config);
        let backend = add(backend_defaults::backend(Config::from_json(all), Environment::Development));
        let mut running = backend.check().unwrap_or_else(|errors| panic!("{errors}")).start();
        running.started().await.unwrap_or_else(|error| panic!("{error}"));
        let server: HttpServer = running.get_root().await.unwrap();
        Self { url: format!("http://{}", server.local_addrs()[0]), running }
    }

    /// Where it serves `path`, e.g. `/api/todo/todos`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// What runs.
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// Stops it, in order.
    pub async fn stop(self) {
        self.running.shutdown().await;
    }
}

fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            over.into_iter().for_each(|(key, value)| merge(base.entry(key).or_insert(Value::Null), value));
        }
        (base, over) => *base = over,
    }
}
