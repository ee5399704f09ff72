use std::time::Duration;

use backend_app_api::Migrator;
use backend_defaults::database::{DatabaseConfig, DatabaseManager};
use backend_plugin_api::services::Database;
use backend_plugin_api::{Migrations, PluginId};
use config::Config;
use sea_orm_migration::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(super) const PLUGIN: PluginId = PluginId::new("todo");
pub(super) const OTHER: PluginId = PluginId::new("catalog");

/// Where the data is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    Memory,
    Directory,
    PluginFile,
}

/// The migrated databases of two plugins.
pub(super) struct Fixture {
    pub(super) database: Database,
    pub(super) other: Database,
    _folder: TempDir,
}

impl Fixture {
    pub(super) async fn new(mode: Mode) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("data/databases");
        let mut config = match mode {
            Mode::Memory => json!({}),
            Mode::Directory => json!({ "connection": { "directory": directory } }),
            Mode::PluginFile => json!({
                "connection": ":memory:",
                "plugin": { "todo": { "connection": { "filename": directory.join("a.sqlite") } },
                            "catalog": { "connection": directory.join("b.sqlite") } },
            }),
        };
        config["knexConfig"] = json!({ "pool": { "max": 4, "acquireTimeoutMillis": 2000 } });
        let manager = manager(config);
        let (database, other) = (manager.database_for(PLUGIN).unwrap(), manager.database_for(OTHER).unwrap());
        for (plugin, database) in [(PLUGIN, &database), (OTHER, &other)] {
            migrate(plugin, database).await;
        }
        Self { database, other, _folder: folder }
    }
}

pub(super) fn manager(database: Value) -> DatabaseManager {
    let config = Config::from_json(json!({ "backend": { "database": database } }));
    let config: DatabaseConfig = config.read("backend.database").unwrap();
    DatabaseManager::new(config)
}

pub(super) async fn migrate(plugin: PluginId, database: &Database) {
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
