use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::anyhow;
use async_trait::async_trait;
use axum::Router;
use backend_app_api::{PluginState, Step};
use backend_defaults::database::Environment;
use backend_plugin_api::services::database::{
    Database, DatabaseInfo, Driver, MigrationConnection, MigrationMode, PoolStatus, Purpose, ServerStatus, Session,
};
use backend_plugin_api::{Plugin, PluginId, Result, ServiceFactory};
use futures::future::join_all;
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use serde_json::{Value, json};

use super::fixtures::{Lines, Runs, Serves, config};

const READINESS: &str = "/.backstage/health/v1/readiness";
const LIVENESS: &str = "/.backstage/health/v1/liveness";

/// A plugin that has a database.
struct Stores;

impl Plugin for Stores {
    const ID: PluginId = PluginId::new("stores");
    type Deps = (Database,);

    async fn init(self, _: Self::Deps) -> Result<()> {
        Ok(())
    }
}

/// Databases that have stopped: each does not answer as told.
#[derive(Clone)]
struct Stopped {
    hangs: bool,
    asked: Arc<AtomicUsize>,
    info: DatabaseInfo,
}

impl Stopped {
    fn new(hangs: bool) -> Self {
        let (client, location) = ("better-sqlite3".to_owned(), "in memory".to_owned());
        Self { hangs, asked: Arc::default(), info: DatabaseInfo { client, location, ephemeral: true } }
    }
}

impl ServiceFactory for Stopped {
    type Service = Database;
    type Deps = ();

    async fn create(&self, (): ()) -> Result<Database> {
        Ok(Database::new(self.clone()))
    }
}

#[async_trait]
impl Driver for Stopped {
    fn backend(&self) -> DbBackend {
        DbBackend::Sqlite
    }

    fn info(&self) -> &DatabaseInfo {
        &self.info
    }

    async fn acquire(&self, _: Purpose<'_>) -> Result<Box<dyn Session>, DbErr> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Err(DbErr::Custom("db.internal:5432 refused".to_owned()))
    }

    async fn provision(&self, _: &[&str]) -> Result<()> {
        Ok(())
    }

    fn migration_mode(&self) -> MigrationMode {
        MigrationMode::Skip
    }

    #[expect(clippy::disallowed_methods, reason = "stands for an engine")]
    async fn migration_connection(&self) -> Result<MigrationConnection> {
        Ok(MigrationConnection::new(sea_orm::Database::connect("sqlite::memory:").await?, ()))
    }

    fn pool_status(&self) -> PoolStatus {
        let (name, budget, limit) = ("db.internal:5432".to_owned(), Some(97), Some(100));
        PoolStatus {
            used: 1,
            idle: 2,
            waiting: 3,
            max: 4,
            acquired: 8,
            acquire_time: Duration::from_micros(8012),
            longest_acquire: Duration::from_millis(7),
            created: 5,
            closed: 2,
            errors: 1,
            server: Some(ServerStatus { name, budget, limit, open: 3, waiting: 3 }),
        }
    }

    async fn close(&self) {}
}

#[tokio::test]
async fn it_lives_before_it_is_ready() {
    let (gate, alpha) = Serves::<0>::gated(Router::new());
    let mut runs = Runs::starting(json!({}), |it| it.plugin(alpha)).await;
    runs.until("alpha", |it| *it == PluginState::Starting(Step::Init)).await;
    assert_eq!(runs.get_json(LIVENESS).await, (200, json!({ "status": "ok" })));
    let starting = json!({
        "message": "Backend has not started yet",
        "status": "error",
        "plugins": { "alpha": { "status": "starting", "message": "initializing" } },
    });
    assert_eq!(runs.get_json(READINESS).await, (503, starting));
    gate.send(Ok(())).unwrap();
    runs.running.started().await.unwrap();
    let ready = json!({ "status": "ok", "plugins": { "alpha": { "status": "ok" } } });
    assert_eq!(runs.get_json(READINESS).await, (200, ready));
}

#[tokio::test]
async fn a_plugin_that_may_fail_is_named() {
    let (gate, alpha) = Serves::<0>::gated(Router::new());
    gate.send(Err(anyhow!("no disk"))).unwrap();
    let config = json!({ "startup": { "default": { "onPluginBootFailure": "continue" } } });
    let runs = Runs::new(config, |it| it.plugin(alpha).plugin(Serves::<1>::new(Router::new()))).await;
    let plugins = json!({ "alpha": { "status": "failed", "message": "no disk" }, "beta": { "status": "ok" } });
    assert_eq!(runs.get_json(READINESS).await, (200, json!({ "status": "ok", "plugins": plugins })));
}

#[tokio::test]
async fn a_database_that_does_not_answer_makes_it_unready() {
    for hangs in [false, true] {
        let stopped = Stopped::new(hangs);
        let runs = Runs::new(json!({}), |it| it.service(stopped.clone()).plugin(Stores)).await;
        let down = json!({
            "message": "The database does not answer of plugin `stores`",
            "status": "error",
            "plugins": { "stores": { "status": "error", "database": {
                "status": "error",
                "ephemeral": true,
                // As the driver says, and nothing of where it is.
                "pool": {
                    "used": 1, "idle": 2, "waiting": 3, "max": 4, "acquired": 8, "acquireTimeMillis": 1.002,
                    "longestAcquireMillis": 7.0, "created": 5, "closed": 2, "errors": 1, "server": 0,
                },
            } } },
            "databaseServers": [{ "budget": 97, "limit": 100, "open": 3, "waiting": 3 }],
        });
        // All who ask at the same time share one answer.
        let answers = join_all((0..20).map(|_| runs.get_json(READINESS))).await;
        assert!(answers.iter().all(|it| *it == (503, down.clone())), "{answers:?}");
        assert_eq!(stopped.asked.load(Ordering::SeqCst), 1);
        assert_eq!(runs.get(LIVENESS).await.status(), 200);
    }
}

#[tokio::test]
async fn a_database_that_answers_is_told() {
    let backend = backend_defaults::backend(config(json!({})), Environment::Development).plugin(Stores);
    let mut runs = Runs::of(backend).await;
    runs.running.started().await.unwrap();
    let plugins = json!({ "stores": { "status": "ok", "database": { "status": "ok", "ephemeral": true } } });
    let (code, ready) = runs.get_json(READINESS).await;
    assert_eq!(ready["plugins"]["stores"]["database"]["pool"]["max"], 5);
    assert_eq!((code, without_pools(ready)), (200, json!({ "status": "ok", "plugins": plugins })));
}

fn without_pools(mut readiness: Value) -> Value {
    for (_, plugin) in readiness["plugins"].as_object_mut().unwrap() {
        plugin["database"].as_object_mut().unwrap().remove("pool").unwrap();
    }
    readiness
}

/// A plugin whose database gets a migration of a later version while it runs.
struct Outdated;

impl Plugin for Outdated {
    const ID: PluginId = PluginId::new("outdated");
    type Deps = (Database,);

    async fn init(self, (database,): Self::Deps) -> Result<()> {
        let later = "INSERT INTO greenroom_migrations (list, version, ordinal, applied_by, in_transaction) \
                     VALUES ('plugin', 'm20990101_000001_later', 7, '9.9.9', TRUE) ON CONFLICT DO NOTHING";
        database.execute_unprepared(later).await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_database_that_is_newer_is_told_and_serves() {
    let folder = tempfile::tempdir().unwrap();
    let config = || config(json!({ "database": { "connection": { "directory": folder.path() } } }));
    let health = async || {
        let mut runs = Runs::of(backend_defaults::backend(config(), Environment::Development).plugin(Outdated)).await;
        runs.running.started().await.unwrap();
        let (code, health) = runs.get_json(READINESS).await;
        runs.running.shutdown().await;
        (code, without_pools(health))
    };
    let database = json!({ "status": "ok", "ephemeral": false });
    let plugins = json!({ "outdated": { "status": "ok", "database": database } });
    assert_eq!(health().await, (200, json!({ "status": "ok", "plugins": plugins })));

    let (lines, _guard) = Lines::capture();
    let (code, body) = health().await;
    assert_eq!(code, 200);
    let [line] = &lines.with("the database is newer than this backend")[..] else { panic!("{}", lines.text()) };
    assert!(line.contains(" WARN ") && line.contains("plugin=\"outdated\""), "{line}");
    insta::assert_json_snapshot!(body["plugins"]["outdated"]["database"], @r#"
    {
      "status": "ok",
      "ephemeral": false,
      "migrations": {
        "warnings": [
          "the database is newer than this backend, which is greenroom 0.1.0: `m20990101_000001_later` was applied by greenroom 9.9.9; start that version, or roll back what it applied, unless an upgrade is under way"
        ],
        "unknown": [
          "m20990101_000001_later"
        ]
      }
    }
    "#);
}
