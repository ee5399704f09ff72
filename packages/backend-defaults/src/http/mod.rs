//! The HTTP server: one for all plugins, each under `/api/<plugin id>`.
//!
//! ```text
//! listener ─> connection ─> app ─────────────────────────────> dispatch ─> plugin's router
//!             TLS, HTTP/1    health checks; request id,         waits until the plugin is ready;
//!             and 2, limits  access log, headers, CORS,         time and body limits, panics,
//!             of time        compression                        errors as JSON
//! ```
//!
//! It listens before the plugins start: health checks are answered, and a request to a plugin
//! waits for it. When the backend stops, it drains: no request that it was sent is lost.

mod access_log;
mod activity;
mod app;
mod bind;
/// What `backend.listen`, `backend.https`, `backend.cors` and so on are read as.
pub mod config;
mod connection;
mod cors;
mod dev_certificate;
mod dispatch;
mod errors;
mod factory;
mod headers;
mod health;
mod received;
mod request_id;
mod response;
mod server;
mod tls;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use backend_plugin_api::services::HttpRouter;
use backend_plugin_api::{PluginId, Root, Service};

pub use factory::{HttpRouterFactory, HttpServerFactory};

use dispatch::Dispatch;

/// The server that runs.
#[derive(Clone)]
pub struct HttpServer(Arc<Inner>);

struct Inner {
    addresses: Vec<SocketAddr>,
    url: String,
    dispatch: Arc<Dispatch>,
}

impl HttpServer {
    /// The addresses that it listens on, with the port that it got; at least one.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.0.addresses
    }

    /// What clients reach it by, without a slash at the end: `backend.baseUrl`, or
    /// `http://localhost:<port>`.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Where `plugin` mounts its routes. It is open until the plugin has started.
    pub fn router_for(&self, plugin: PluginId) -> HttpRouter {
        self.0.dispatch.router_for(plugin)
    }
}

impl Service for HttpServer {
    type Scope = Root;
    const ID: &'static str = "core.root-http-router";
}

impl fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpServer").field("addresses", &self.0.addresses).field("url", &self.0.url).finish()
    }
}
