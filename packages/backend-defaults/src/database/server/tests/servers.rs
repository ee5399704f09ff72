//! Engines on databases of their own.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::ConnectOptions;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use test_servers::{MariaDbAddress, PostgresAddress, Scratch};

use crate::database::server::{ConnectError, Engine, ServerLimit};

#[async_trait]
pub(super) trait TestEngine: Engine + Clone {
    async fn new() -> Self;
    /// What puts the server to sleep.
    const SLEEP: &'static str;
    /// The other connections to this database.
    const OTHERS: &'static str;
    /// What ends one of them.
    fn end(id: i64) -> String;
}

#[derive(Clone)]
pub(super) struct Postgres {
    options: PgConnectOptions,
    _scratch: Arc<Scratch<PostgresAddress>>,
}

#[derive(Clone)]
pub(super) struct MariaDb {
    options: MySqlConnectOptions,
    _scratch: Arc<Scratch<MariaDbAddress>>,
}

#[async_trait]
impl Engine for Postgres {
    type Connection = PgConnection;

    async fn connect(&self) -> Result<PgConnection, ConnectError> {
        self.options.connect().await.map_err(|error| Arc::new(error) as ConnectError)
    }

    fn place(&self) -> usize {
        0
    }

    async fn limit(&self, _: &mut Self::Connection) -> Option<ServerLimit> {
        None
    }

    fn is_passing(&self, _: &ConnectError) -> bool {
        false
    }
}

#[async_trait]
impl Engine for MariaDb {
    type Connection = MySqlConnection;

    async fn connect(&self) -> Result<MySqlConnection, ConnectError> {
        self.options.connect().await.map_err(|error| Arc::new(error) as ConnectError)
    }

    fn place(&self) -> usize {
        0
    }

    async fn limit(&self, _: &mut Self::Connection) -> Option<ServerLimit> {
        None
    }

    fn is_passing(&self, _: &ConnectError) -> bool {
        false
    }
}

#[async_trait]
impl TestEngine for Postgres {
    const SLEEP: &'static str = "SELECT pg_sleep(30)";
    const OTHERS: &'static str = "SELECT pid::bigint FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";

    fn end(id: i64) -> String {
        format!("SELECT pg_terminate_backend({id})")
    }

    async fn new() -> Self {
        let made = tokio::task::spawn_blocking(|| {
            let server = test_servers::Postgres::shared().unwrap();
            let scratch = server.scratch();
            let login = scratch.login().unwrap();
            let options = PgConnectOptions::new_without_pgpass().host(server.host()).port(server.port());
            let options = options.username(&login.user).password(&login.password).database(&login.database);
            Self { options: options.disable_statement_logging(), _scratch: Arc::new(scratch) }
        });
        made.await.unwrap()
    }
}

#[async_trait]
impl TestEngine for MariaDb {
    const SLEEP: &'static str = "SELECT SLEEP(30)";
    const OTHERS: &'static str = "SELECT id FROM information_schema.processlist \
        WHERE db = DATABASE() AND id <> CONNECTION_ID()";

    fn end(id: i64) -> String {
        format!("KILL {id}")
    }

    async fn new() -> Self {
        let made = tokio::task::spawn_blocking(|| {
            let server = test_servers::MariaDb::shared().unwrap();
            let scratch = server.scratch();
            let login = scratch.login().unwrap();
            let options = MySqlConnectOptions::new().socket(server.socket()).ssl_mode(MySqlSslMode::Disabled);
            let options = options.username(&login.user).password(&login.password).database(&login.database);
            Self { options: options.disable_statement_logging(), _scratch: Arc::new(scratch) }
        });
        made.await.unwrap()
    }
}
