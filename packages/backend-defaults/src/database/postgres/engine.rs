use std::sync::Arc;

use async_trait::async_trait;
use backend_plugin_api::PluginId;
use sea_orm::DatabaseConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::PostgresServer;
use super::connect::{ConnectError, Connector};
use super::names::{literal, quoted};
use super::prologue::prologue;
use crate::database::plan::PostgresPlan;
use crate::database::server::{self, Engine, ServerLimit};

/// How many prepared statements a connection keeps that serves many plugins.
const SHARED_STATEMENTS: usize = 256;
/// PostgreSQL 14.
const FIRST_WITH_CHECKS: u32 = 140_000;
/// A statement ends though its client is gone: else it goes on, and counts as a connection.
const CHECKS: &str = "SET client_connection_check_interval = '1s'";
/// What the server takes, what of it is for others, and what it takes of the one who connects.
const LIMIT: &str = "SELECT current_setting('max_connections')::int, \
    current_setting('superuser_reserved_connections')::int + coalesce(current_setting('reserved_connections', true)::int, 0), \
    (SELECT rolconnlimit FROM pg_catalog.pg_roles WHERE rolname = session_user)";

/// Opens the connections of a plugin.
pub(super) struct PostgresEngine {
    connector: Connector,
    database: String,
    place: usize,
    tag: String,
    settings: Settings,
}

/// What makes a session the plugin's.
enum Settings {
    /// It begins with `parameters`, and one that was another plugin's runs `dress`.
    Session { parameters: Vec<(&'static str, String)>, dress: String },
    /// Behind a pooler, where there is no session: each transaction begins with this.
    Transaction(String),
}

impl PostgresEngine {
    /// `place` is the same for plugins whose connections can change hands.
    pub(super) fn new(plugin: PluginId, plan: &PostgresPlan, connector: Connector, place: usize) -> Self {
        let mut parameters = Vec::new();
        parameters.extend(plan.schema.as_ref().map(|it| ("search_path", quoted(it))));
        parameters.extend(plan.role.as_ref().map(|it| ("role", it.clone())));
        let tag = plan.schema.as_ref().map(|_| format!(" /*{plugin}*/")).unwrap_or_default();
        let (connector, settings) = match plan.pooler {
            Some(_) => {
                let configured =
                    plan.server.session.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                let own = parameters.iter().map(|(name, value)| (*name, value.as_str()));
                (connector.behind_pooler(), Settings::Transaction(prologue(configured.chain(own))))
            }
            None if plan.schema.is_some() => {
                let settings = Settings::Session { dress: dress(plan), parameters };
                (connector.statement_cache(SHARED_STATEMENTS), settings)
            }
            None => (connector, Settings::Session { dress: dress(plan), parameters }),
        };
        Self { connector, database: plan.database.clone(), place, tag, settings }
    }

    /// Where it connects to.
    pub(super) fn server(&self) -> &PostgresServer {
        self.connector.server()
    }

    /// What each transaction begins with, where a session keeps nothing.
    pub(super) fn prologue(&self) -> Option<String> {
        match &self.settings {
            Settings::Session { .. } => None,
            Settings::Transaction(prologue) => Some(prologue.clone()),
        }
    }

    /// A connection for what works on pools.
    pub(super) async fn connect_alone(&self) -> Result<DatabaseConnection, ConnectError> {
        self.connector.connect_alone(&self.database, &self.parameters()).await
    }

    fn parameters(&self) -> Vec<(&str, &str)> {
        match &self.settings {
            Settings::Session { parameters, .. } => {
                parameters.iter().map(|(name, value)| (*name, value.as_str())).collect()
            }
            Settings::Transaction(_) => Vec::new(),
        }
    }
}

/// Sets what differs between the plugins of a place.
fn dress(plan: &PostgresPlan) -> String {
    let schema = plan.schema.as_ref().map(|it| format!("SET search_path TO {}; ", quoted(it)));
    // Not `RESET ROLE`, which is back to the role that the session was opened with.
    let role = plan.role.as_deref().map_or("NONE".to_owned(), quoted);
    let name = literal(&plan.server.session.application_name);
    format!("{}SET ROLE {role}; SET application_name TO {name}", schema.unwrap_or_default())
}

#[async_trait]
impl Engine for PostgresEngine {
    type Connection = PgConnection;

    async fn connect(&self) -> Result<PgConnection, server::ConnectError> {
        let connected = self.connector.connect(&self.database, &self.parameters()).await;
        let mut connection = connected.map_err(|error| Arc::new(error) as server::ConnectError)?;
        let has_checks = connection.server_version_num().is_some_and(|it| it >= FIRST_WITH_CHECKS);
        if has_checks && self.has_sessions() {
            // Not all systems that servers run on can do it.
            if let Err(error) = connection.execute(CHECKS).await {
                tracing::debug!("{CHECKS}: {error}");
            }
        }
        Ok(connection)
    }

    fn place(&self) -> usize {
        self.place
    }

    async fn dress(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        match &self.settings {
            Settings::Session { dress, .. } => connection.execute(AssertSqlSafe(dress.as_str())).await.map(drop),
            Settings::Transaction(_) => connection.ping().await,
        }
    }

    fn tag(&self) -> &str {
        &self.tag
    }

    async fn limit(&self, connection: &mut PgConnection) -> Option<ServerLimit> {
        if !self.has_sessions() {
            // It would be that of the server behind.
            return None;
        }
        let (all, reserved, own): (i32, i32, i32) =
            sqlx::query_as(LIMIT).persistent(false).fetch_one(connection).await.ok()?;
        let reserved = usize::try_from(reserved).unwrap_or_default();
        // -1: there is none.
        Some(ServerLimit { max_connections: usize::try_from(all).ok()?, reserved, own: usize::try_from(own).ok() })
    }

    fn has_sessions(&self) -> bool {
        matches!(self.settings, Settings::Session { .. })
    }

    fn is_passing(&self, error: &server::ConnectError) -> bool {
        error.downcast_ref::<ConnectError>().is_none_or(ConnectError::is_worth_waiting)
    }
}
