//! Finds the plugin that a request is for, waits for it, calls it.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::anyhow;
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, OriginalUri};
use axum::response::{IntoResponse, Response};
use backend_app_api::{Phase, PluginState, Snapshot, Status};
use backend_plugin_api::services::{HttpRouter, Logger};
use backend_plugin_api::{ApiError, PluginId};
use futures::FutureExt;
use http::uri::PathAndQuery;
use http::{Request, StatusCode, Uri};
use tokio::time::timeout;
use tower::ServiceExt;
use tracing::Instrument;

use super::errors::Asked;
use super::received::Received;

const PREFIX: &str = "/api/";

/// The plugins, by id.
pub(crate) struct Dispatch {
    plugins: BTreeMap<&'static str, Mount>,
    status: Status,
    limits: Limits,
}

/// What requests are held to.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// How long a request waits for a plugin that is starting.
    pub(crate) startup: Duration,
    /// Until the answer begins; `None`: for ever.
    pub(crate) request: Option<Duration>,
    /// In bytes.
    pub(crate) body: usize,
}

struct Mount {
    id: PluginId,
    log: Logger,
    handle: HttpRouter,
    /// There when the plugin is ready.
    routes: OnceLock<Router>,
}

impl Dispatch {
    pub(crate) fn new(status: Status, limits: Limits) -> Self {
        let mount = |id| Mount { id, log: Logger::new(id), handle: HttpRouter::default(), routes: OnceLock::new() };
        let plugins = status.snapshot().plugins.into_keys().map(|id| (id.as_str(), mount(id))).collect();
        Self { plugins, status, limits }
    }

    /// Where `plugin` mounts its routes.
    pub(crate) fn router_for(&self, plugin: PluginId) -> HttpRouter {
        self.plugins.get(plugin.as_str()).map(|it| it.handle.clone()).unwrap_or_default()
    }

    /// Closes the routers of the plugins as they become ready, until all are.
    pub(crate) async fn close_routers(&self) {
        let mut status = self.status.subscribe();
        loop {
            let snapshot = status.borrow_and_update().clone();
            let ready = |it: &&Mount| snapshot.plugins.get(&it.id) == Some(&PluginState::Ready);
            self.plugins.values().filter(ready).for_each(|it| _ = it.close(self.limits.body));
            if snapshot.phase != Phase::Starting || status.changed().await.is_err() {
                return;
            }
        }
    }

    pub(crate) async fn answer(&self, request: Request<Body>) -> Response {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let (id, inner) = split(uri.path());
        let Some(mount) = id.and_then(|id| self.plugins.get(id)) else {
            let message = match id {
                Some(id) => format!("this backend has no plugin `{id}`"),
                None => format!("there is nothing at `{}`; plugins are at `{PREFIX}<plugin id>`", uri.path()),
            };
            return Asked { method: &method, uri: &uri, path: uri.path() }.answer(ApiError::not_found(message)).await;
        };
        let inner = with_path(&uri, inner);
        let asked = Asked { method: &method, uri: &inner, path: uri.path() };
        let answer = async {
            let response = self.call(mount, request, &inner).await.unwrap_or_else(IntoResponse::into_response);
            asked.render(response).await
        };
        let mut response = answer.instrument(mount.log.span().clone()).await;
        response.extensions_mut().insert(mount.id);
        response
    }

    /// Calls the plugin when it is ready; a panic is an error of its own.
    async fn call(&self, mount: &Mount, request: Request<Body>, inner: &Uri) -> Result<Response, ApiError> {
        let routes = self.ready(mount).await?.clone();
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(OriginalUri(std::mem::replace(&mut parts.uri, inner.clone())));
        let (body, received) = Received::watch(body);
        let called = AssertUnwindSafe(async { routes.oneshot(Request::from_parts(parts, body)).await }).catch_unwind();
        let called = match self.limits.request {
            Some(limit) => timeout(limit, called).await.map_err(|_| too_late(limit, &received))?,
            None => called.await,
        };
        match called {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(never)) => match never {},
            Err(panic) => {
                let text = panic.downcast_ref::<&str>().copied();
                let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
                Err(ApiError::internal(anyhow!("it panicked: {}", text.unwrap_or("with a value that is not text"))))
            }
        }
    }

    async fn ready<'a>(&self, mount: &'a Mount) -> Result<&'a Router, ApiError> {
        if let Some(routes) = mount.routes.get() {
            return Ok(routes);
        }
        let decided = |it: &Snapshot| {
            it.phase == Phase::Stopping || !matches!(it.plugins.get(&mount.id), Some(PluginState::Starting(_)))
        };
        let mut status = self.status.subscribe();
        // What it is when the time is up is as good an answer as what was waited for.
        drop(timeout(self.limits.startup, status.wait_for(decided)).await);
        let snapshot = status.borrow();
        let id = mount.id;
        let message = match snapshot.plugins.get(&id) {
            Some(PluginState::Ready) => return Ok(mount.close(self.limits.body)),
            Some(PluginState::Failed(reason)) => {
                format!("plugin `{id}` did not start: {}", reason.lines().next().unwrap_or_default())
            }
            _ if snapshot.phase == Phase::Stopping => "the backend is stopping".to_owned(),
            Some(PluginState::Starting(step)) => format!("plugin `{id}` is not ready: still starting ({step})"),
            None => format!("plugin `{id}` is not ready"),
        };
        Err(ApiError::service_unavailable(message))
    }
}

impl Mount {
    fn close(&self, body_limit: usize) -> &Router {
        self.routes.get_or_init(|| self.handle.close().layer(DefaultBodyLimit::max(body_limit)).with_state(()))
    }
}

/// The plugin's id, if the path is one of a plugin's, and the path inside the plugin.
fn split(path: &str) -> (Option<&str>, &str) {
    match path.strip_prefix(PREFIX) {
        Some(rest) => {
            let (id, inner) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            (Some(id).filter(|id| !id.is_empty()), inner)
        }
        None => (None, path),
    }
}

/// The same URI with another path; an empty one is `/`.
fn with_path(uri: &Uri, path: &str) -> Uri {
    let path = if path.is_empty() { "/" } else { path };
    let path_and_query = match uri.query() {
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
        None => PathAndQuery::try_from(path),
    };
    let mut parts = uri.clone().into_parts();
    // A part of what was a path is one too.
    parts.path_and_query = path_and_query.ok().or(parts.path_and_query);
    Uri::from_parts(parts).unwrap_or_default()
}

fn too_late(limit: Duration, received: &AtomicBool) -> ApiError {
    if received.load(Ordering::Relaxed) {
        ApiError::service_unavailable(format!("there was no answer within {limit:?}"))
    } else {
        let message = format!("the request did not arrive within {limit:?}");
        ApiError::from_status(StatusCode::REQUEST_TIMEOUT, message)
    }
}
