//! What every request goes through.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use backend_plugin_api::{PluginId, Result};
use http::{Method, Request, StatusCode};
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_http::compression::{CompressionLayer, Predicate, predicate::DefaultPredicate, predicate::SizeAbove};

use super::access_log::{self, Entry};
use super::config::CorsConfig;
use super::cors;
use super::dispatch::Dispatch;
use super::headers::SecurityHeaders;
use super::health::Health;
use super::request_id::{self, X_REQUEST_ID};
use super::response::ResponseBody;

const LIVENESS: &str = "/.backstage/health/v1/liveness";
const READINESS: &str = "/.backstage/health/v1/readiness";

/// The smallest body that is worth compressing. npm's `compression`, as Backstage has it: 1 kB and
/// gzip too. Brotli and Zstandard would hold megabytes for each response.
const MIN_COMPRESSED: u64 = 1024;

/// Answers requests: health checks itself, the others by [`Dispatch`] with all that is around it.
///
/// From the outside in: request id, access log, security headers, CORS, compression; the rest is
/// done by [`Dispatch`].
pub(crate) struct App {
    health: Health,
    security: SecurityHeaders,
    /// The status of every answer to `OPTIONS`, when CORS is configured.
    preflight: Option<StatusCode>,
    plugins: BoxCloneSyncService<Request<Body>, Response, Infallible>,
}

impl App {
    pub(crate) fn new(
        health: Health,
        security: SecurityHeaders,
        cors: &CorsConfig,
        dispatch: Arc<Dispatch>,
    ) -> Result<Self> {
        let compressed = DefaultPredicate::new().and(SizeAbove::new(MIN_COMPRESSED));
        let plugins = ServiceBuilder::new()
            .option_layer(cors::layer(cors)?)
            .layer(CompressionLayer::new().compress_when(compressed))
            .service(service_fn(move |request| {
                let dispatch = Arc::clone(&dispatch);
                async move { Ok::<_, Infallible>(dispatch.answer(request).await) }
            }))
            .map_response(|response: Response<_>| response.map(Body::new));
        let preflight = cors::preflight_status(cors)?;
        Ok(Self { health, security, preflight, plugins: BoxCloneSyncService::new(plugins) })
    }

    pub(crate) async fn answer(&self, request: Request<Body>, peer: SocketAddr) -> Response<ResponseBody> {
        match request.uri().path() {
            LIVENESS | READINESS if matches!(*request.method(), Method::GET | Method::HEAD) => {
                self.check_health(request.method(), request.uri().path()).await
            }
            _ => self.answer_plugin(request, peer).await,
        }
    }

    async fn check_health(&self, method: &Method, path: &str) -> Response<ResponseBody> {
        let mut response = if path == LIVENESS { Health::liveness() } else { self.health.readiness().await };
        access_log::health_check(method, path, response.status());
        self.security.add_to(response.headers_mut());
        response.map(|body| ResponseBody::new(body, None))
    }

    async fn answer_plugin(&self, mut request: Request<Body>, peer: SocketAddr) -> Response<ResponseBody> {
        let id = request_id::of(request.headers());
        let preflight = self.preflight.filter(|_| *request.method() == Method::OPTIONS);
        let mut entry = Entry::new(request.method().clone(), request.uri().clone(), id.clone());
        request.headers_mut().insert(X_REQUEST_ID, id.clone());
        request.extensions_mut().insert(ConnectInfo(peer));
        let mut response = match self.plugins.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        if let Some(status) = preflight {
            *response.status_mut() = status;
        }
        self.security.add_to(response.headers_mut());
        response.headers_mut().insert(X_REQUEST_ID, id);
        let plugin = response.extensions().get::<PluginId>().copied();
        let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        entry.answered(response.status(), plugin, switched || hyper::body::Body::is_end_stream(response.body()));
        response.map(|body| ResponseBody::new(body, Some(entry)))
    }
}
