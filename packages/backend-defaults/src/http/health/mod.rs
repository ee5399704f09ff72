//! Liveness and readiness. Backstage: `DefaultRootHealthService`; what `plugins` says is ours.

mod database;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use backend_app_api::{Phase, PluginState, Snapshot, Status};
use backend_plugin_api::PluginId;
use backend_plugin_api::services::Database;
use backend_plugin_api::services::database::DatabaseError;
use futures::future::join_all;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use self::database::{DatabaseHealth, ServerHealth, Servers};

/// How long a database has to answer.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// How long what the databases said is good for: however many ask, each is asked once in this time.
const PING_INTERVAL: Duration = Duration::from_secs(1);

/// Which databases answer.
type Pings = Arc<BTreeMap<PluginId, bool>>;

/// Tells whether the backend lives and whether it is ready.
pub(crate) struct Health {
    status: Status,
    pings: Mutex<Option<(Instant, Pings)>>,
}

#[derive(Serialize)]
struct Readiness {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    status: &'static str,
    plugins: BTreeMap<&'static str, PluginHealth>,
    #[serde(rename = "databaseServers", skip_serializing_if = "Vec::is_empty")]
    database_servers: Vec<ServerHealth>,
}

#[derive(Serialize)]
struct PluginHealth {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<DatabaseHealth>,
}

impl Health {
    pub(crate) fn new(status: Status) -> Self {
        Self { status, pings: Mutex::default() }
    }

    pub(crate) fn liveness() -> Response {
        let mut response = Response::new(Body::from(Bytes::from_static(br#"{"status":"ok"}"#)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        response
    }

    pub(crate) async fn readiness(&self) -> Response {
        let snapshot = self.status.snapshot();
        let databases = self.status.databases();
        let migrations = self.status.migrations();
        let pings = match snapshot.phase {
            Phase::Started => self.ping(&snapshot, &databases).await,
            Phase::Starting | Phase::Stopping => Pings::default(),
        };
        let message = match snapshot.phase {
            Phase::Starting => Some("Backend has not started yet".to_owned()),
            // Written so by Backstage.
            Phase::Stopping => Some("Backend is shuttting down".to_owned()),
            Phase::Started => silent(&pings),
        };
        let pools: BTreeMap<_, _> = databases.iter().map(|(id, it)| (*id, it.pool_status())).collect();
        let servers = Servers::of(pools.values());
        let plugins = snapshot.plugins.iter();
        let plugins = plugins.map(|(id, state)| {
            let database = databases.get(id).zip(pools.get(id));
            let database = database.map(|(database, pool)| {
                DatabaseHealth::new(database, pings.get(id), migrations.get(id), servers.pool(pool))
            });
            (id.as_str(), plugin(state, database, pings.get(id)))
        });
        let code = if message.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let status = if message.is_none() { "ok" } else { "error" };
        let plugins = plugins.collect();
        let body = Json(Readiness { message, status, plugins, database_servers: servers.into_health() });
        (code, [(CACHE_CONTROL, "no-store")], body).into_response()
    }

    /// Asks the databases of the plugins that run, all at once; those who ask at the same time
    /// wait for the same answer.
    async fn ping(&self, snapshot: &Snapshot, databases: &BTreeMap<PluginId, Database>) -> Pings {
        let mut last = self.pings.lock().await;
        if let Some((_, pings)) = last.as_ref().filter(|(at, _)| at.elapsed() < PING_INTERVAL) {
            return Arc::clone(pings);
        }
        let runs = |id: &PluginId| snapshot.plugins.get(id) == Some(&PluginState::Ready);
        let pings = databases.iter().filter(|(id, _)| runs(id)).map(async |(id, it)| (*id, answers(*id, it).await));
        let pings = Arc::new(join_all(pings).await.into_iter().collect());
        *last = Some((Instant::now(), Arc::clone(&pings)));
        pings
    }
}

async fn answers(plugin: PluginId, database: &Database) -> bool {
    let plugin = plugin.as_str();
    match timeout(PING_TIMEOUT, database.ping()).await {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => {
            let error = DatabaseError::of(&error).map_or_else(|| error.to_string(), ToString::to_string);
            tracing::warn!(plugin, "the database does not answer: {error}");
        }
        Err(_) => tracing::warn!(plugin, "the database does not answer within {PING_TIMEOUT:?}"),
    }
    false
}

fn silent(pings: &Pings) -> Option<String> {
    let silent = pings.iter().filter(|(_, answers)| !**answers).map(|(id, _)| format!("`{id}`"));
    let silent: Vec<_> = silent.collect();
    (!silent.is_empty()).then(|| format!("The database does not answer of plugin {}", silent.join(", ")))
}

fn plugin(state: &PluginState, database: Option<DatabaseHealth>, answers: Option<&bool>) -> PluginHealth {
    let (status, message) = match state {
        PluginState::Ready if answers == Some(&false) => ("error", None),
        PluginState::Ready => ("ok", None),
        PluginState::Starting(step) => ("starting", Some(step.to_string())),
        PluginState::Failed(reason) => ("failed", reason.lines().next().map(str::to_owned)),
    };
    PluginHealth { status, message, database }
}
