use std::cell::RefCell;
use std::sync::{Arc, Mutex, Once};

use axum::Router;
use backend_app_api::{Backend, PluginState, Running};
use backend_defaults::http::{HttpRouterFactory, HttpServer, HttpServerFactory};
use backend_plugin_api::services::HttpRouter;
use backend_plugin_api::{Plugin, PluginId, Result};
use config::Config;
use futures::FutureExt;
use futures::future::BoxFuture;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// A plugin, `alpha`, `beta` or `gamma`, that mounts routes when it may.
pub(crate) struct Serves<const N: usize> {
    routes: Router,
    may: BoxFuture<'static, Result<()>>,
}

/// What a plugin waits for.
pub(crate) type Gate = oneshot::Sender<Result<()>>;

impl<const N: usize> Serves<N> {
    pub(crate) fn new(routes: Router) -> Self {
        Self { routes, may: async { Ok(()) }.boxed() }
    }

    /// One whose start ends when, and as, it is told.
    pub(crate) fn gated(routes: Router) -> (Gate, Self) {
        let (gate, may) = oneshot::channel();
        (gate, Self { routes, may: async { may.await? }.boxed() })
    }
}

impl<const N: usize> Plugin for Serves<N> {
    const ID: PluginId = PluginId::new(["alpha", "beta", "gamma"][N]);
    type Deps = (HttpRouter,);

    async fn init(self, (http,): Self::Deps) -> Result<()> {
        self.may.await?;
        Ok(http.mount(self.routes)?)
    }
}

/// A backend that runs, with a client.
pub(crate) struct Runs {
    pub(crate) running: Running,
    pub(crate) server: HttpServer,
    pub(crate) client: Client,
}

/// Its config, with a free port.
pub(crate) fn config(backend: Value) -> Config {
    let mut backend = backend;
    backend["listen"] = json!("127.0.0.1:0");
    Config::from_json(json!({ "backend": backend }))
}

pub(crate) fn backend(config: Config) -> Backend {
    Backend::new(config).service(HttpServerFactory::default()).service(HttpRouterFactory)
}

impl Runs {
    /// Starts, and waits until the plugins have.
    pub(crate) async fn new(config: Value, with: impl FnOnce(Backend) -> Backend) -> Self {
        let mut runs = Self::starting(config, with).await;
        runs.running.started().await.unwrap();
        runs
    }

    /// Starts, and waits for the server alone.
    pub(crate) async fn starting(backend_config: Value, with: impl FnOnce(Backend) -> Backend) -> Self {
        Self::of(with(backend(config(backend_config)))).await
    }

    pub(crate) async fn of(backend: Backend) -> Self {
        let running = backend.check().unwrap().start();
        let server = running.get_root::<HttpServer>().await.unwrap();
        Self { running, server, client: Client::builder().no_proxy().build().unwrap() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.local_addrs()[0])
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str) -> Response {
        self.client.request(method, self.url(path)).send().await.unwrap()
    }

    /// Status and JSON.
    pub(crate) async fn get_json(&self, path: &str) -> (u16, Value) {
        json_of(self.get(path).await).await
    }

    /// Waits until a plugin is as it should be.
    pub(crate) async fn until(&self, plugin: &'static str, is: impl Fn(&PluginState) -> bool) {
        let mut status = self.running.status().subscribe();
        status.wait_for(|it| is(&it.plugins[&PluginId::new(plugin)])).await.unwrap();
    }
}

pub(crate) async fn json_of(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, response.json().await.unwrap())
}

/// Lines that are logged on this thread, for as long as the guard lives.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

/// Ends the capture.
pub(crate) struct Guard;

thread_local! {
    static CAPTURED: RefCell<Option<Lines>> = const { RefCell::new(None) };
}

impl Lines {
    pub(crate) fn capture() -> (Self, Guard) {
        // One subscriber for all threads: where some have none, tracing may forget that others do.
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            let format =
                tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_ansi(false).without_time();
            format.with_writer(|| CAPTURED.with_borrow(|it| it.clone().unwrap_or_default())).init();
        });
        let lines = Self::default();
        CAPTURED.set(Some(lines.clone()));
        (lines, Guard)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub(crate) fn with(&self, text: &str) -> Vec<String> {
        self.text().lines().filter(|it| it.contains(text)).map(str::to_owned).collect()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        CAPTURED.set(None);
    }
}

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
