use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use backend_app_api::{LifecycleConfig, Status};
use backend_plugin_api::services::{HttpRouter, RootLifecycle};
use backend_plugin_api::{
    Context, Deps, Initialization, Needs, PluginId, Result, Root, RootConfig, Section, ServiceFactory,
};
use config::Config;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::app::App;
use super::bind::bind;
use super::config::{BaseUrlConfig, CorsConfig, CspConfig, HttpsConfig, ListenConfig, ReferrerConfig, ServerConfig};
use super::connection::{Connections, Signals, http};
use super::dispatch::{Dispatch, Limits};
use super::headers::SecurityHeaders;
use super::health::Health;
use super::server::Server;
use super::{HttpServer, Inner, tls};

/// Starts the [`HttpServer`], before any plugin starts.
#[derive(Clone, Debug, Default)]
pub struct HttpServerFactory {
    certificates: Option<PathBuf>,
}

impl HttpServerFactory {
    /// Keeps the certificate of `backend.https: true` in `directory` rather than in the user's
    /// cache.
    #[must_use]
    pub fn certificate_directory(self, directory: impl Into<PathBuf>) -> Self {
        Self { certificates: Some(directory.into()) }
    }
}

/// Gives each plugin the [`HttpRouter`] whose routes the server serves.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpRouterFactory;

impl ServiceFactory for HttpRouterFactory {
    type Service = HttpRouter;
    type Deps = (PluginId, HttpServer);

    async fn create(&self, (plugin, server): Self::Deps) -> Result<HttpRouter> {
        Ok(server.router_for(plugin))
    }
}

/// What the server needs: its config sections, and what tells it how far the backend is.
pub struct HttpServerDeps {
    sections: Sections,
    status: Status,
    lifecycle: RootLifecycle,
    config: Config,
}

type SectionDeps = (
    RootConfig<ListenConfig>,
    RootConfig<BaseUrlConfig>,
    RootConfig<HttpsConfig>,
    RootConfig<CorsConfig>,
    RootConfig<CspConfig>,
    RootConfig<ReferrerConfig>,
    RootConfig<ServerConfig>,
    RootConfig<LifecycleConfig>,
);

struct Sections {
    listen: ListenConfig,
    base_url: BaseUrlConfig,
    https: HttpsConfig,
    cors: CorsConfig,
    csp: CspConfig,
    referrer: ReferrerConfig,
    server: ServerConfig,
    lifecycle: LifecycleConfig,
}

impl Deps<Root> for HttpServerDeps {
    fn declare(needs: &mut Needs) {
        <SectionDeps as Deps<Root>>::declare(needs);
        <(Status, RootLifecycle) as Deps<Root>>::declare(needs);
    }

    async fn inject(cx: &Context<Root>) -> Result<Self> {
        let (listen, base_url, https, cors, csp, referrer, server, lifecycle) = SectionDeps::inject(cx).await?;
        let sections = Sections {
            listen: listen.0,
            base_url: base_url.0,
            https: https.0,
            cors: cors.0,
            csp: csp.0,
            referrer: referrer.0,
            server: server.0,
            lifecycle: lifecycle.0,
        };
        let (status, lifecycle) = <(Status, RootLifecycle)>::inject(cx).await?;
        Ok(Self { sections, status, lifecycle, config: cx.config().clone() })
    }
}

impl ServiceFactory for HttpServerFactory {
    type Service = HttpServer;
    type Deps = HttpServerDeps;

    const INITIALIZATION: Initialization = Initialization::Always;

    async fn create(&self, deps: HttpServerDeps) -> Result<HttpServer> {
        let HttpServerDeps { sections, status, lifecycle, config } = deps;
        let tls = self.tls(&sections, &config).await?;
        let listeners = bind(&sections.listen).await;
        let listeners = listeners.map_err(|error| config.error(ListenConfig::KEY, error.to_string()))?;
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;

        let limits = sections.server.clone();
        let dispatch = Arc::new(Dispatch::new(
            status.clone(),
            Limits {
                startup: sections.lifecycle.startup_request_pause_timeout.get(),
                request: Some(limits.request_timeout.get()).filter(|it| !it.is_zero()),
                body: limits.body_limit.0,
            },
        ));
        let security = SecurityHeaders::new(&sections.csp, &sections.referrer)?;
        let app = App::new(Health::new(status.clone()), security, &sections.cors, Arc::clone(&dispatch))?;
        let url = url(&sections.base_url, tls.is_some(), &addresses);
        let http = http(&limits);
        let connections = Connections { app: Arc::new(app), tls, limits, signals: Signals::default(), http };
        let server = Server::start(listeners, Arc::new(connections));
        tracing::info!("listening on {}", addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "));

        let closing = Arc::clone(&dispatch);
        tokio::spawn(async move { closing.close_routers().await });
        let delay = sections.lifecycle.server_shutdown_delay.get();
        lifecycle.add_before_shutdown_hook("answer the last requests", async move {
            // Nobody was told to send requests to a backend that never was ready.
            server.drain(if status.has_started() { delay } else { Duration::ZERO }).await;
            Ok(())
        });
        Ok(HttpServer(Arc::new(Inner { addresses, url, dispatch })))
    }
}

impl HttpServerFactory {
    async fn tls(&self, sections: &Sections, config: &Config) -> Result<Option<TlsAcceptor>> {
        let https = sections.https.0.clone();
        let host = sections.base_url.0.as_ref().map_or("localhost", |it| it.host()).to_owned();
        let (directory, config) = (self.certificates.clone(), config.clone());
        tokio::task::spawn_blocking(move || tls::acceptor(https.as_ref(), &host, directory, &config)).await?
    }
}

fn url(base: &BaseUrlConfig, tls: bool, addresses: &[SocketAddr]) -> String {
    match &base.0 {
        Some(base) => base.as_str().to_owned(),
        None => {
            let port = addresses.first().map_or(0, SocketAddr::port);
            format!("{}://localhost:{port}", if tls { "https" } else { "http" })
        }
    }
}
