//! The databases of two plugins, in every layout there is.

use backend_app_api::Wired;
use backend_defaults::database::{DatabaseConfig, DatabaseManager, EnginePlan, Environment, LibpqEnvironment};
use backend_plugin_api::PluginId;
use config::Config;
use database_tools::Site;
use serde_json::{Value, json};
use tempfile::TempDir;
use test_servers::{Login, MariaDb, MariaDbAddress, Postgres, PostgresAddress, Scratch};
use tokio::task::spawn_blocking;

use crate::sample::{OtherPlugin, SamplePlugin};

pub(crate) const SAMPLE: PluginId = PluginId::new("sample");
pub(crate) const OTHER: PluginId = PluginId::new("other");

/// Where the data is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// SQLite files.
    Files,
    /// A database for each plugin.
    Postgres,
    /// A schema for each plugin.
    PostgresSchema,
    MySql,
}

pub(crate) const LAYOUTS: [Layout; 4] = [Layout::Files, Layout::Postgres, Layout::PostgresSchema, Layout::MySql];

/// A place for two plugins' data: nothing is there yet.
pub(crate) struct Place {
    /// `backend.database`.
    pub(crate) config: Value,
    _names: Names,
    pub(crate) folder: TempDir,
}

/// Dropped on the server with this.
enum Names {
    None,
    Postgres(#[expect(dead_code, reason = "dropped with it")] Scratch<PostgresAddress>),
    MySql(#[expect(dead_code, reason = "dropped with it")] Scratch<MariaDbAddress>),
}

impl Place {
    pub(crate) async fn new(layout: Layout) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (config, names) = match layout {
            Layout::Files => (json!({ "connection": { "directory": folder.path().join("data") } }), Names::None),
            Layout::Postgres => spawn_blocking(on_postgres).await.unwrap(),
            Layout::PostgresSchema => spawn_blocking(on_postgres_schema).await.unwrap(),
            Layout::MySql => spawn_blocking(on_mysql).await.unwrap(),
        };
        Self { config, _names: names, folder }
    }

    /// Another manager of it.
    pub(crate) fn manager(&self) -> DatabaseManager {
        manager(&self.config)
    }

    /// Takes the stamp off what was provisioned for the plugin.
    pub(crate) fn forget_comments(&self, plugin: PluginId) {
        if let EnginePlan::Postgres(plan) = &self.site(plugin).plan.engine {
            let what = match &plan.schema {
                Some(schema) => format!("SCHEMA \"{schema}\""),
                None => format!("DATABASE \"{}\"", plan.database),
            };
            let sql = format!("COMMENT ON {what} IS NULL");
            Postgres::shared().unwrap().sql_in(&plan.database, &sql).unwrap();
        }
    }

    /// The database of one plugin, by a manager of its own.
    pub(crate) fn site(&self, plugin: PluginId) -> Site {
        site(&self.config, plugin)
    }
}

/// The database of one plugin, by `backend.database`.
pub(crate) fn site(config: &Value, plugin: PluginId) -> Site {
    let manager = manager(config);
    let root = Config::from_json(json!({ "backend": { "database": config } }));
    Site::new(manager.plan(plugin).unwrap(), wired(root).migrations(plugin).unwrap(), &manager)
}

fn manager(config: &Value) -> DatabaseManager {
    let root = Config::from_json(json!({ "backend": { "database": config } }));
    let databases: DatabaseConfig = root.read("backend.database").unwrap();
    DatabaseManager::new(databases, LibpqEnvironment::default())
}

fn wired(config: Config) -> Wired {
    let backend = backend_defaults::backend(config, Environment::Development);
    backend.plugin(SamplePlugin).plugin(OtherPlugin).check().unwrap()
}

fn on_postgres() -> (Value, Names) {
    let server = Postgres::shared().unwrap();
    let scratch = server.scratch();
    let (host, port, user, password) = (server.host(), server.port(), server.user(), server.password());
    let connection = json!({ "host": host, "port": port, "user": user, "password": password });
    (json!({ "client": "pg", "prefix": scratch.prefix(), "connection": connection }), Names::Postgres(scratch))
}

fn on_postgres_schema() -> (Value, Names) {
    let server = Postgres::shared().unwrap();
    let scratch = server.scratch();
    let Login { database, user, password } = scratch.login().unwrap();
    let (host, port) = (server.host(), server.port());
    let connection = json!({ "host": host, "port": port, "user": user, "password": password, "database": database });
    (json!({ "client": "pg", "pluginDivisionMode": "schema", "connection": connection }), Names::Postgres(scratch))
}

fn on_mysql() -> (Value, Names) {
    let server = MariaDb::shared().unwrap();
    let scratch = server.scratch();
    let (host, port, user, password) = (server.host(), server.port(), server.user(), server.password());
    let connection = json!({ "host": host, "port": port, "user": user, "password": password });
    (json!({ "client": "mysql2", "prefix": scratch.prefix(), "connection": connection }), Names::MySql(scratch))
}
