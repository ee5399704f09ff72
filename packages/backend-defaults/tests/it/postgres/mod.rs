//! Connections to PostgreSQL, compared with libpq's.

mod connect;
mod hosts;
mod pki;
mod psql;
mod server;
mod tls;

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend_defaults::database::credentials::PasswordSource;
use backend_defaults::database::postgres::{
    ConnectError, Connector, Host, Login, PasswordProvider, PostgresServer, SessionSettings, SslMode,
    TargetSessionAttrs, TlsPlan,
};
use backend_plugin_api::Secret;
use sqlx::PgConnection;

/// One password for good.
struct Fixed(Option<String>);

#[async_trait]
impl PasswordProvider for Fixed {
    async fn password(&self, _fresh: bool) -> Result<Option<Secret<String>>, Arc<dyn Error + Send + Sync>> {
        Ok(self.0.clone().map(Secret::new))
    }
}

fn tcp(name: &str, port: u16) -> Host {
    Host::Tcp { name: name.to_owned(), address: None, port }
}

/// The server at 127.0.0.1, called by a name.
fn named(name: &str, port: u16) -> Host {
    Host::Tcp { name: name.to_owned(), address: Some([127, 0, 0, 1].into()), port }
}

fn unix(directory: impl Into<PathBuf>, port: u16) -> Host {
    Host::Unix { directory: directory.into(), port }
}

/// Without TLS, as a user whose password is [`server::PASSWORD`].
fn plan(host: Host, user: &str) -> PostgresServer {
    PostgresServer {
        hosts: vec![host],
        target: TargetSessionAttrs::Any,
        login: Login { user: user.to_owned(), password: PasswordSource::None },
        tls: TlsPlan { mode: SslMode::Disable, ..TlsPlan::default() },
        session: SessionSettings { application_name: "greenroom".to_owned(), parameters: Vec::new() },
        connect_timeout: Some(Duration::from_secs(20)),
        query_timeout: None,
        keepalive: None,
    }
}

fn connector(plan: PostgresServer) -> Connector {
    with_password(plan, server::PASSWORD)
}

fn with_password(plan: PostgresServer, password: &str) -> Connector {
    Connector::new(plan, Arc::new(Fixed(Some(password.to_owned()))))
}

async fn connect(plan: PostgresServer) -> Result<PgConnection, ConnectError> {
    connector(plan).connect("postgres", &[]).await
}

/// What one statement says.
async fn ask(connection: &mut PgConnection, sql: &'static str) -> String {
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}
