use std::path::{Path, PathBuf};
use std::time::Duration;

use backend_app_api::Backend;
use backend_defaults::database::{DatabaseError, DatabaseFactory, DatabaseManagerFactory, Environment};
use backend_plugin_api::services::Database;
use backend_plugin_api::{Plugin, PluginId, Result};
use config::Config;
use futures::TryStreamExt;
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DbBackend, Statement, StreamTrait, TransactionSession,
    TransactionTrait,
};
use serde_json::json;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

use super::fixture::{Fixture, Mode, PLUGIN, bounded, manager, migrate};
use super::suite::{insert, names};

fn sql(text: &str) -> Statement {
    Statement::from_string(DbBackend::Sqlite, text)
}

async fn text(database: &Database, query: &str) -> String {
    database.query_one_raw(sql(query)).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

async fn number(database: &Database, query: &str) -> i64 {
    database.query_one_raw(sql(query)).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

async fn file_of(database: &Database) -> PathBuf {
    text(database, "SELECT file FROM pragma_database_list").await.into()
}

/// In WAL mode, versions before 3.51.3 can corrupt a database that several connections use.
#[tokio::test]
async fn sqlite_is_new_enough() {
    let database = manager(json!({})).database_for(PLUGIN).unwrap();
    let version = text(&database, "SELECT sqlite_version()").await;
    let numbers: Vec<u32> = version.split('.').map(|it| it.parse().unwrap()).collect();
    assert!(numbers >= vec![3, 51, 3], "{version}");
    // The one that it is measured beside is the same.
    assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
    assert_eq!(rusqlite::version(), version);
}

#[tokio::test]
async fn files_are_made_when_first_used_and_keep_their_data() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({ "connection": { "directory": folder.path().join("a/b") } });
    let database = manager(config.clone()).database_for(PLUGIN).unwrap();
    assert!(!folder.path().join("a").exists());
    migrate(PLUGIN, &database).await;
    insert(&database, "kept").await.unwrap();
    database.close().await;

    let database = manager(config).database_for(PLUGIN).unwrap();
    assert_eq!(names(&database).await, ["kept"]);
    assert_eq!(file_of(&database).await, folder.path().join("a/b/todo.sqlite"));
    let settings = ["journal_mode", "foreign_keys", "synchronous"];
    assert_eq!(text(&database, &format!("SELECT * FROM pragma_{}", settings[0])).await, "wal");
    assert_eq!(number(&database, &format!("SELECT * FROM pragma_{}", settings[1])).await, 1);
    assert_eq!(number(&database, &format!("SELECT * FROM pragma_{}", settings[2])).await, 1);
}

#[tokio::test]
async fn memory_is_gone_when_closed() {
    let fixture = Fixture::new(Mode::Memory).await;
    insert(&fixture.database, "lost").await.unwrap();
    let (file, other) = (file_of(&fixture.database).await, file_of(&fixture.other).await);
    assert_eq!(fixture.database.info().location, "in memory");
    fixture.database.close().await;
    assert!(!file.exists() && other.exists());
    fixture.other.close().await;
    assert!(!other.parent().unwrap().exists());
}

#[tokio::test]
async fn a_dropped_database_leaves_no_files() {
    let fixture = Fixture::new(Mode::Memory).await;
    let folder = file_of(&fixture.database).await.parent().unwrap().to_owned();
    assert!(folder.exists());
    drop(fixture);
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_reading_transaction_does_not_wait_and_does_not_write() {
    bounded(async {
        let Fixture { database, .. } = &Fixture::new(Mode::Directory).await;
        let writing = database.begin().await.unwrap();
        insert(&writing, "in it").await.unwrap();
        let reading = database.begin_with_config(None, Some(AccessMode::ReadOnly)).await.unwrap();
        assert!(names(&reading).await.is_empty());
        writing.commit().await.unwrap();
        assert!(names(&reading).await.is_empty(), "it sees what was there when it first read");
        let error = insert(&reading, "no").await.unwrap_err();
        assert!(error.to_string().contains("readonly"), "{error}");
        reading.rollback().await.unwrap();
        assert_eq!(names(database).await, ["in it"]);
    })
    .await;
}

#[tokio::test]
async fn what_sql_text_leaves_behind_is_not_seen_by_others() {
    bounded(async {
        let Fixture { database, .. } = &Fixture::new(Mode::Directory).await;
        database.execute_unprepared("PRAGMA foreign_keys = OFF").await.unwrap();
        let orphan = "INSERT INTO item (name, parent) VALUES ('orphan', 99)";
        database.execute_unprepared(orphan).await.unwrap_err();

        let begun = "BEGIN; INSERT INTO item (name) VALUES ('never committed')";
        database.execute_unprepared(begun).await.unwrap();
        assert!(names(database).await.is_empty());
        insert(database, "written").await.unwrap();
        assert_eq!(names(database).await, ["written"]);

        database.execute_unprepared("CREATE TEMP TABLE item AS SELECT 'temporary' AS name").await.unwrap();
        assert_eq!(names(database).await, ["written"]);
    })
    .await;
}

#[tokio::test]
async fn nothing_ends_a_transaction_behind_its_back() {
    bounded(async {
        let Fixture { database, .. } = &Fixture::new(Mode::Memory).await;
        insert(database, "taken").await.unwrap();

        let transaction = database.begin().await.unwrap();
        let error = transaction.execute_unprepared("COMMIT").await.unwrap_err();
        assert!(matches!(DatabaseError::of(&error), Some(DatabaseError::EndsTransaction { .. })), "{error}");
        insert(&transaction, "rolled back").await.unwrap();
        // This makes SQLite roll all of it back.
        transaction.execute_unprepared("INSERT OR ROLLBACK INTO item (name) VALUES ('taken')").await.unwrap_err();
        for error in [insert(&transaction, "alone").await.unwrap_err(), transaction.commit().await.unwrap_err()] {
            assert!(matches!(DatabaseError::of(&error), Some(DatabaseError::RolledBack { .. })), "{error}");
        }
        assert_eq!(names(database).await, ["taken"]);
        insert(database, "after").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_query_that_nobody_waits_for_is_ended() {
    const ENDLESS: &str = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
    bounded(async {
        let database = manager(json!({ "knexConfig": { "pool": { "max": 2 } } })).database_for(PLUGIN).unwrap();
        migrate(PLUGIN, &database).await;
        for _ in 0..3 {
            let query = database.query_one_raw(sql(ENDLESS));
            tokio::time::timeout(Duration::from_millis(20), query).await.unwrap_err();
            let write = sql(&format!("INSERT INTO item (name) {}", ENDLESS.replace("max(i)", "i")));
            tokio::time::timeout(Duration::from_millis(20), database.execute_raw(write)).await.unwrap_err();
        }
        assert!(names(&database).await.is_empty());
        insert(&database, "still works").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn busy_readers_are_named() {
    let config = json!({ "knexConfig": { "pool": { "max": 3, "acquireTimeoutMillis": 500 } } });
    let database = manager(config).database_for(PLUGIN).unwrap();
    migrate(PLUGIN, &database).await;
    insert(&database, "a").await.unwrap();
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut rows = database.stream_raw(sql("SELECT * FROM item")).await.unwrap();
        rows.try_next().await.unwrap();
        streams.push(rows);
    }
    let error = database.query_one_raw(sql("SELECT 1")).await.unwrap_err().to_string();
    let (start, end) = error.split_once(" begun ").unwrap();
    let expected = "Connection Error: error communicating with database: `todo` waited 500 ms to read: all 2 of its readers \
                    are busy, the longest with a query";
    assert_eq!(start, expected);
    assert!(end.ends_with(" ms ago"), "{end}");
}

#[tokio::test]
async fn a_lock_of_another_process_is_named() {
    bounded(async {
        let folder = tempfile::tempdir().unwrap();
        let config = json!({ "connection": { "directory": folder.path() },
                             "knexConfig": { "pool": { "acquireTimeoutMillis": 100 } } });
        let database = manager(config).database_for(PLUGIN).unwrap();
        migrate(PLUGIN, &database).await;
        let file = SqliteConnectOptions::new().filename(folder.path().join("todo.sqlite"));
        let other = DatabaseConnection::from(SqlitePool::connect_with(file).await.unwrap());
        let holding = other.begin().await.unwrap();
        insert(&holding, "theirs").await.unwrap();
        for error in [insert(&database, "ours").await.unwrap_err(), database.begin().await.map(drop).unwrap_err()] {
            assert!(matches!(DatabaseError::of(&error), Some(DatabaseError::Locked { .. })), "{error}");
            assert!(
                error.to_string().contains("is locked: another process has been writing to it for more than 100 ms")
            );
        }
        assert!(names(&database).await.is_empty());
        holding.commit().await.unwrap();
        insert(&database, "ours").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let no_database = folder.path().join("todo.sqlite");
    std::fs::write(&no_database, "this is not a database, but it is long enough to be looked at by SQLite").unwrap();
    for (directory, expected) in [
        (folder.path().to_owned(), "todo.sqlite): error returned from database: (code: 26) file is not a database"),
        (no_database.join("below"), "cannot make the folder `"),
    ] {
        let database = manager(json!({ "connection": { "directory": directory } })).database_for(PLUGIN).unwrap();
        let pinged = database.ping().await.unwrap_err();
        let connected = database.migration_connection().await.unwrap_err();
        for error in [DatabaseError::of(&pinged).unwrap(), connected.downcast_ref().unwrap()] {
            assert!(matches!(error, DatabaseError::Open { .. }), "{error}");
            let shown = directory.join("todo.sqlite").display().to_string();
            assert!(error.to_string().contains(expected) && error.to_string().contains(&shown), "{error}");
        }
    }
}

#[test]
fn memory_is_refused_in_production() {
    let production = Environment::from_backstage_env(Some("eu, production"));
    assert_eq!(production, Environment::Production);
    assert_eq!(Environment::from_backstage_env(Some("preproduction")), Environment::Development);
    let check = |database: serde_json::Value, environment| {
        let config = Config::from_json(json!({ "backend": { "database": database } }));
        backend_defaults::backend(config, environment).plugin(Todo).check().err().map(|it| it.to_string())
    };
    insta::assert_snapshot!(check(json!({}), production).unwrap(), @"
    the backend cannot start:
      - `backend.database`: the data of `todo` would be in memory and lost when the backend stops, and `BACKSTAGE_ENV` says that this is production; set `backend.database.connection.directory`, or `backend.database.allowEphemeral: true` if the data may be lost
    ");
    assert_eq!(check(json!({}), Environment::Development), None);
    assert_eq!(check(json!({ "allowEphemeral": true }), production), None);
    assert_eq!(check(json!({ "connection": { "directory": "data" } }), production), None);
}

struct Todo;

impl Plugin for Todo {
    const ID: PluginId = PLUGIN;
    type Deps = (Database,);

    async fn init(self, (database,): Self::Deps) -> Result<()> {
        let stamped = database.query_one_raw(sql("SELECT plugin FROM greenroom_stamp")).await?;
        assert_eq!(stamped.unwrap().try_get_by_index::<String>(0)?, "todo");
        Ok(())
    }
}

fn backend(database: serde_json::Value) -> Backend {
    Backend::new(Config::from_json(json!({ "backend": { "database": database } })))
        .service(DatabaseManagerFactory)
        .service(DatabaseFactory)
        .host_migrations(|plugin| migrations::migrations(plugin.as_str()))
        .plugin(Todo)
}

#[tokio::test]
async fn a_backend_gives_its_plugins_databases() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({ "connection": { "directory": folder.path() } });
    let mut running = backend(config).check().map_err(|it| it.to_string()).unwrap().start();
    running.started().await.unwrap();
    assert!(Path::new(folder.path()).join("todo.sqlite").exists());
    running.shutdown().await;
}

#[test]
fn a_backend_tells_every_mistake_of_its_database_config() {
    let mistakes = json!({
        "client": "postgres",
        "connection": { "directory": "data" },
        "plugin": { "tood": {}, "todo": { "client": "better-sqlite3", "connection": { "filenam": "a" } } },
        "knexConfig": { "pool": { "min": 3, "max": 2, "maxx": 1 } },
        "pluginDivisionMode": "schema",
    });
    let errors = backend(mistakes).check().err().unwrap();
    insta::assert_snapshot!(errors, @"
    the backend cannot start:
      - `backend.database.client`: there is no client `postgres`; did you mean `pg`?
      - `backend.database.knexConfig.pool.min`: 3 is more than `max`, which is 2
      - `backend.database.plugin.todo.connection.filenam`: SQLite has no such setting; did you mean `filename`?
      - `backend.database.plugin.tood`: this backend has no plugin `tood`; did you mean `todo`?
      - `backend.database.pluginDivisionMode`: SQLite has no schemas: each plugin has a database of its own (`database`)
      - warning: `backend.database.knexConfig.pool.maxx`: is not a known key, did you mean `max`?
    ");
}
