use std::path::Path;
use std::time::Duration;

use backend_app_api::Migrator;
use backend_defaults::database::{DatabaseConfig, DatabaseManager, LibpqEnvironment};
use backend_plugin_api::services::Database;
use backend_plugin_api::{Migrations, PluginId};
use config::Config;
use sea_orm_migration::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;
use test_servers::{Login, MariaDb, MariaDbAddress, PgBouncer, Postgres, PostgresAddress, Scratch, SqlServer};
use tokio::task::spawn_blocking;

pub(super) const PLUGIN: PluginId = PluginId::new("todo");
pub(super) const OTHER: PluginId = PluginId::new("catalog");

/// Where the data is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    Memory,
    Directory,
    PluginFile,
    Postgres,
    PostgresSchema,
    PostgresIsolated,
    PostgresSchemaIsolated,
    /// Transactions change between two sessions of the server.
    PgBouncer,
    PgBouncerSchema,
    EmbeddedPostgres,
    MySql,
}

/// The migrated databases of two plugins.
pub(super) struct Fixture {
    pub(super) database: Database,
    pub(super) other: Database,
    /// `backend.database`: another manager of it has the same databases, unless they are in memory.
    pub(super) config: Value,
    _names: Names,
    _folder: TempDir,
}

/// Dropped on the server with this.
enum Names {
    /// There is no server.
    None,
    Postgres {
        _pooler: Option<PgBouncer>,
        _scratch: Scratch<PostgresAddress>,
    },
    MySql {
        _scratch: Scratch<MariaDbAddress>,
    },
}

impl Fixture {
    pub(super) async fn new(mode: Mode) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (mut config, names) = match mode {
            Mode::MySql => spawn_blocking(on_mysql).await.unwrap(),
            Mode::Memory | Mode::Directory | Mode::PluginFile | Mode::EmbeddedPostgres => {
                (in_files(mode, &folder.path().join("data/databases")), Names::None)
            }
            _ => spawn_blocking(move || on_postgres(mode)).await.unwrap(),
        };
        config["knexConfig"] = json!({ "pool": { "max": 4, "acquireTimeoutMillis": mode.acquire_timeout() } });
        let manager = manager(config.clone());
        let (database, other) = (manager.database_for(PLUGIN).unwrap(), manager.database_for(OTHER).unwrap());
        for (plugin, database) in [(PLUGIN, &database), (OTHER, &other)] {
            migrate(plugin, database).await;
        }
        Self { database, other, config, _names: names, _folder: folder }
    }

    /// Tests what is promised in a mode. A test that hangs fails.
    pub(super) async fn test(mode: Mode, test: impl AsyncFnOnce(&Self)) {
        bounded(async {
            let fixture = Self::new(mode).await;
            test(&fixture).await;
            fixture.database.close().await;
            fixture.other.close().await;
        })
        .await;
    }
}

impl Mode {
    /// Where writers wait for each other in the backend, there is a test of it.
    fn acquire_timeout(self) -> u32 {
        match self {
            Self::Memory | Self::Directory | Self::PluginFile => 2000,
            _ => 20_000,
        }
    }
}

fn in_files(mode: Mode, directory: &Path) -> Value {
    match mode {
        Mode::Directory => json!({ "connection": { "directory": directory } }),
        Mode::PluginFile => json!({
            "connection": ":memory:",
            "plugin": { "todo": { "connection": { "filename": directory.join("a.sqlite") } },
                        "catalog": { "connection": directory.join("b.sqlite") } },
        }),
        Mode::EmbeddedPostgres => json!({ "client": "embedded-postgres", "connection": { "directory": directory } }),
        _ => json!({}),
    }
}

fn on_postgres(mode: Mode) -> (Value, Names) {
    let server = Postgres::shared().unwrap();
    let scratch = server.scratch();
    let (host, port) = (server.host(), server.port());
    let mut config = match mode {
        Mode::PostgresSchema | Mode::PgBouncerSchema => {
            let Login { database, user, password } = scratch.login().unwrap();
            let connection =
                json!({ "host": host, "port": port, "user": user, "password": password, "database": database });
            json!({ "client": "pg", "pluginDivisionMode": "schema", "connection": connection })
        }
        Mode::PostgresIsolated | Mode::PostgresSchemaIsolated => {
            let Login { database, user, password } = scratch.login().unwrap();
            server.sql(&format!("ALTER ROLE {user} CREATEDB CREATEROLE")).unwrap();
            let connection =
                json!({ "host": host, "port": port, "user": user, "password": password, "database": database });
            let division = if matches!(mode, Mode::PostgresIsolated) { "database" } else { "schema" };
            json!({
                "client": "pg", "isolation": "role", "pluginDivisionMode": division, "prefix": scratch.prefix(),
                "connection": connection,
            })
        }
        _ => {
            let connection =
                json!({ "host": host, "port": port, "user": server.user(), "password": server.password() });
            json!({ "client": "pg", "prefix": scratch.prefix(), "connection": connection })
        }
    };
    let pooler = match mode {
        Mode::PgBouncer | Mode::PgBouncerSchema => Some(PgBouncer::start(server, 2).unwrap()),
        _ => None,
    };
    if let Some(pooler) = &pooler {
        config["pooler"] = "transaction".into();
        config["migrationConnection"] = json!({ "host": host, "port": port });
        config["connection"]["port"] = pooler.port().into();
    }
    (config, Names::Postgres { _pooler: pooler, _scratch: scratch })
}

fn on_mysql() -> (Value, Names) {
    let server = MariaDb::shared().unwrap();
    let scratch = server.scratch();
    let (host, port, user, password) = (server.host(), server.port(), server.user(), server.password());
    let connection = json!({ "host": host, "port": port, "user": user, "password": password });
    let config = json!({ "client": "mysql2", "prefix": scratch.prefix(), "connection": connection });
    (config, Names::MySql { _scratch: scratch })
}

pub(super) fn manager(database: Value) -> DatabaseManager {
    let config = Config::from_json(json!({ "backend": { "database": database } }));
    let config: DatabaseConfig = config.read("backend.database").unwrap();
    DatabaseManager::new(config, LibpqEnvironment::default())
}

pub(super) async fn migrate(plugin: PluginId, database: &Database) {
    database.provision(&[]).await.unwrap();
    let host = migrations::migrations(plugin.as_str());
    Migrator::new(plugin, database.clone(), host, migrations_of_plugin()).run().await.unwrap();
}

/// A test that hangs fails.
pub(super) async fn bounded(test: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(60), test).await.expect("the test hangs");
}

fn migrations_of_plugin() -> Migrations {
    vec![Box::new(CreateItems)]
}

struct CreateItems;

impl MigrationName for CreateItems {
    fn name(&self) -> &str {
        "m20260101_000001_create_items"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateItems {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let items = Table::create()
            .table("item")
            .col(ColumnDef::new("id").integer().not_null().auto_increment().primary_key())
            .col(ColumnDef::new("name").string_len(255).not_null().unique_key())
            .col(ColumnDef::new("parent").integer())
            .foreign_key(ForeignKey::create().from("item", "parent").to("item", "id"))
            .to_owned();
        manager.create_table(items).await
    }
}
