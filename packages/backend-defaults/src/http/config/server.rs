use backend_plugin_api::{CheckContext, ConfigError, Duration, Section};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Size;

/// The limits of connections and requests.
///
/// Keys and meanings are Node's, as in Backstage; `bodyLimit` and `maxConnections` are ours.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ServerConfig {
    /// How long the head of a request, or a TLS handshake, may take to arrive.
    pub headers_timeout: Duration,
    /// How long it may take until a request has arrived whole and its answer begins.
    /// 0: for ever.
    pub request_timeout: Duration,
    /// How long a connection without a request stays open. The default is longer than common load
    /// balancers keep theirs (60 s); Node's 5 s make those answer 502 now and then.
    pub keep_alive_timeout: Duration,
    /// How long nothing may move in either direction while a request is answered, to within the
    /// same time again. 0: for ever.
    pub timeout: Duration,
    /// The most headers that a request may have (Node: 2000).
    #[schemars(extend("default" = 100))]
    pub max_headers_count: Option<usize>,
    /// A connection is closed after this many requests (HTTP/1.1). 0: never.
    pub max_requests_per_socket: usize,
    /// The most connections at a time; more wait to be accepted.
    pub max_connections: usize,
    /// The largest request body that a handler is given, unless the plugin set another limit for
    /// a route (`axum::extract::DefaultBodyLimit`).
    pub body_limit: Size,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            headers_timeout: Duration::from_secs(60),
            request_timeout: Duration::from_secs(300),
            keep_alive_timeout: Duration::from_secs(65),
            timeout: Duration::from_secs(0),
            max_headers_count: None,
            max_requests_per_socket: 0,
            max_connections: 10_000,
            body_limit: Size(2 << 20),
        }
    }
}

impl Section for ServerConfig {
    const KEY: &'static str = "backend.server";

    fn check(&self, cx: &CheckContext<'_>) -> Vec<ConfigError> {
        let positive = [
            ("headersTimeout", self.headers_timeout.get().is_zero()),
            ("keepAliveTimeout", self.keep_alive_timeout.get().is_zero()),
            ("maxHeadersCount", self.max_headers_count == Some(0)),
            ("maxConnections", self.max_connections == 0),
        ];
        let zero = positive.into_iter().filter(|(_, zero)| *zero);
        zero.map(|(key, _)| cx.config.error(&format!("{}.{key}", Self::KEY), "has to be more than 0")).collect()
    }
}
