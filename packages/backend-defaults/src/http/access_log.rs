//! A line in the log for each request, written when its answer has been sent.

use std::time::Instant;

use backend_plugin_api::PluginId;
use http::{HeaderValue, Method, StatusCode, Uri};

/// What the lines can be filtered by.
const TARGET: &str = "http";

/// The line of a request; dropping it writes it. It has the path without the query, which may
/// hold secrets.
pub(crate) struct Entry {
    began: Instant,
    method: Method,
    uri: Uri,
    request_id: HeaderValue,
    plugin: Option<PluginId>,
    /// `None`: the client went away before there was an answer.
    status: Option<StatusCode>,
    bytes: u64,
    end: End,
}

/// How the body ended.
enum End {
    NotYet,
    Whole,
    Broken(String),
}

impl Entry {
    pub(crate) fn new(method: Method, uri: Uri, request_id: HeaderValue) -> Self {
        let (plugin, status) = (None, None);
        Self { began: Instant::now(), method, uri, request_id, plugin, status, bytes: 0, end: End::NotYet }
    }

    /// The answer begins. `ended`: and has no body.
    pub(crate) fn answered(&mut self, status: StatusCode, plugin: Option<PluginId>, ended: bool) {
        (self.status, self.plugin) = (Some(status), plugin);
        if ended || self.method == Method::HEAD {
            self.end = End::Whole;
        }
    }

    pub(crate) fn sent(&mut self, bytes: usize, ended: bool) {
        self.bytes += bytes as u64;
        if ended {
            self.end = End::Whole;
        }
    }

    pub(crate) fn broken(&mut self, error: &axum::Error) {
        self.end = End::Broken(error.to_string());
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let Self { method, uri, bytes, plugin, status, .. } = &*self;
        let (path, status, plugin) = (uri.path(), status.map(|it| it.as_u16()), plugin.map(PluginId::as_str));
        let duration_ms = (self.began.elapsed().as_secs_f64() * 1e4).round() / 10.0;
        let request_id = self.request_id.to_str().unwrap_or_default();
        let (outcome, error) = match &self.end {
            End::Whole => ("request", None),
            End::NotYet => ("request, the client did not wait for the whole answer", None),
            End::Broken(error) => ("request, the answer broke off", Some(error.as_str())),
        };
        tracing::info!(
            target: TARGET, plugin, %method, path, status, duration_ms, bytes, request_id, error, "{outcome}"
        );
    }
}

/// The same for health checks, which come all the time: at debug level.
pub(crate) fn health_check(method: &Method, path: &str, status: StatusCode) {
    tracing::debug!(target: TARGET, %method, path, status = status.as_u16(), "request");
}
