use backend_plugin_api::services::Database;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};
use test_servers::{Postgres, PostgresAddress, Scratch, SqlServer};
use tokio::task::spawn_blocking;

use super::fixture::{PLUGIN, manager};

/// A place on the server that tests share.
pub(super) struct Place {
    pub(super) server: &'static PostgresAddress,
    scratch: Scratch<PostgresAddress>,
}

impl Place {
    pub(super) async fn new() -> Self {
        let server = spawn_blocking(|| Postgres::shared().unwrap()).await.unwrap();
        Self { server, scratch: server.scratch() }
    }

    pub(super) fn prefix(&self) -> &str {
        self.scratch.prefix()
    }

    pub(super) fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix())
    }

    /// As the superuser; `{p}` is the prefix.
    pub(super) fn sql(&self, sql: &str) -> String {
        self.server.sql(&sql.replace("{p}", self.prefix())).unwrap()
    }

    pub(super) fn sql_in(&self, database: &str, sql: &str) -> String {
        self.server.sql_in(&self.name(database), &sql.replace("{p}", self.prefix())).unwrap()
    }

    /// A role that may log in.
    pub(super) fn role(&self, name: &str) -> Value {
        self.sql(&format!("CREATE ROLE {{p}}{name} LOGIN PASSWORD 'secret'"));
        json!({ "host": self.server.host(), "port": self.server.port(), "user": self.name(name), "password": "secret" })
    }

    pub(super) fn superuser(&self) -> Value {
        let (user, password) = (self.server.user(), self.server.password());
        json!({ "host": self.server.host(), "port": self.server.port(), "user": user, "password": password })
    }

    /// A plugin's database, by `backend.database` with the prefix laid into it.
    pub(super) fn database(&self, config: Value) -> Database {
        let mut config = config;
        config["client"] = "pg".into();
        config["prefix"] = self.prefix().into();
        manager(config).database_for(PLUGIN).unwrap()
    }

    /// Why it is not provisioned, without what differs from run to run.
    pub(super) async fn refusal(&self, config: Value) -> String {
        let error = self.database(config).provision(&[]).await.unwrap_err();
        let port = self.server.port().to_string();
        format!("{error:#}").replace(self.prefix(), "P_").replace(&port, "PORT")
    }
}

pub(super) async fn ask(database: &Database, sql: &str) -> String {
    let row = database.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}
