//! Migrations made of SQL that every engine has.

use std::io::Write;

use backend_app_api::Migrator;
use backend_plugin_api::services::Database;
use backend_plugin_api::{Migrations, PluginId};
use sea_orm::sea_query::{Expr, ExprTrait, Order, Query, SelectStatement};
use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};
use serde_json::Value;
use tokio::sync::watch;

use super::super::fixture::manager;

/// A migration.
#[derive(Clone, Default)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) up: Vec<String>,
    pub(super) down: Option<Vec<String>>,
    pub(super) in_transaction: Option<bool>,
    /// Says on standard output between two statements that it goes on.
    pub(super) tells: bool,
    pub(super) panics: bool,
    /// Says that it is reached, and waits until it is open.
    pub(super) gate: Option<(watch::Sender<bool>, watch::Receiver<bool>)>,
}

impl Step {
    pub(super) fn new(name: &str, up: &[&str]) -> Self {
        let up = up.iter().map(|it| (*it).to_owned()).collect();
        Self { name: name.to_owned(), up, ..Self::default() }
    }

    pub(super) fn down(mut self, down: &[&str]) -> Self {
        self.down = Some(down.iter().map(|it| (*it).to_owned()).collect());
        self
    }

    pub(super) fn in_transaction(mut self, in_transaction: bool) -> Self {
        self.in_transaction = Some(in_transaction);
        self
    }

    async fn run(&self, manager: &SchemaManager<'_>, statements: &[String]) -> Result<(), DbErr> {
        assert!(!self.panics, "told to");
        if let Some((reached, gate)) = &self.gate {
            reached.send_replace(true);
            gate.clone().wait_for(|it| *it).await.unwrap();
        }
        for statement in statements {
            if self.tells {
                goes_on();
                // So that who reads it can act on it.
                tokio::task::yield_now().await;
            }
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }
}

fn goes_on() {
    let mut out = std::io::stdout().lock();
    writeln!(out, "goes on").and_then(|()| out.flush()).unwrap();
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        &self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.run(manager, &self.up).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        match &self.down {
            Some(down) => self.run(manager, down).await,
            None => Err(DbErr::Migration("no way back".to_owned())),
        }
    }

    fn use_transaction(&self) -> Option<bool> {
        self.in_transaction
    }
}

/// The database of `plugin`, as a backend of its own has it. Waits for as long as a busy machine may
/// need to make one.
pub(super) async fn opened(config: &Value, plugin: PluginId) -> Database {
    let mut config = config.clone();
    config["knexConfig"]["pool"]["acquireTimeoutMillis"] = 30_000.into();
    let database = manager(config).database_for(plugin).unwrap();
    database.provision(&[]).await.unwrap();
    database
}

pub(super) fn migrator(plugin: PluginId, database: &Database, steps: &[Step]) -> Migrator {
    let steps: Migrations = steps.iter().map(|it| Box::new(it.clone()) as Box<dyn MigrationTrait>).collect();
    Migrator::new(plugin, database.clone(), migrations::migrations(plugin.as_str()), steps)
}

pub(super) fn select(column: &'static str, table: &'static str) -> SelectStatement {
    Query::select().column(column).from(table).order_by(column, Order::Asc).to_owned()
}

pub(super) async fn numbers(database: &Database, column: &'static str, table: &'static str) -> Vec<i32> {
    let rows = database.query_all(&select(column, table)).await.unwrap();
    rows.iter().map(|it| it.try_get_by_index(0).unwrap()).collect()
}

/// The versions in the history.
pub(super) async fn history(database: &Database) -> Vec<String> {
    let mut select = Query::select();
    select.column("version").from("greenroom_migrations").and_where(Expr::col("list").eq("plugin"));
    let rows = database.query_all(select.order_by("ordinal", Order::Asc)).await.unwrap();
    rows.iter().map(|it| it.try_get_by_index(0).unwrap()).collect()
}
