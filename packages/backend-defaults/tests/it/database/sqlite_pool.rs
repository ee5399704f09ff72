//! SQLite's connections: how many there are, how long one is waited for, and what is shown of them.

use std::time::Duration;

use backend_defaults::database::DatabaseError;
use backend_plugin_api::services::database::PoolStatus;
use futures::TryStreamExt;
use sea_orm::{ConnectionTrait, DbBackend, Statement, StreamTrait, TransactionSession, TransactionTrait};
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Executor};

use super::fixture::{PLUGIN, bounded, manager, migrate};
use super::suite::{insert, names};

fn sql(text: &str) -> Statement {
    Statement::from_string(DbBackend::Sqlite, text)
}

#[tokio::test]
async fn connections_are_counted() {
    bounded(async {
        let config = json!({ "knexConfig": { "pool": { "max": 3, "acquireTimeoutMillis": 500 } } });
        let database = manager(config).database_for(PLUGIN).unwrap();
        assert_eq!(database.pool_status(), PoolStatus { max: 3, ..PoolStatus::default() });
        migrate(PLUGIN, &database).await;
        insert(&database, "one").await.unwrap();

        let transaction = database.begin().await.unwrap();
        let mut rows = database.stream_raw(sql("SELECT * FROM item")).await.unwrap();
        rows.try_next().await.unwrap();
        let held = database.pool_status();
        assert_eq!((held.used, held.waiting), (2, 0), "{held:?}");
        assert_eq!(held.created - held.closed, (held.used + held.idle) as u64, "{held:?}");
        assert!(held.acquire_time >= held.longest_acquire && held.longest_acquire > Duration::ZERO, "{held:?}");
        assert_eq!((held.errors, held.server.clone()), (0, None));

        let error = insert(&database, "too late").await.unwrap_err();
        assert!(matches!(DatabaseError::of(&error), Some(DatabaseError::WriterBusy { .. })), "{error}");
        let waited = database.pool_status();
        assert_eq!((waited.acquired, waited.errors), (held.acquired, 1), "{waited:?}");

        drop(rows);
        transaction.rollback().await.unwrap();
        names(&database).await;
        let free = database.pool_status();
        assert_eq!((free.used, free.acquired), (0, held.acquired + 1), "{free:?}");
        assert_eq!(free.created - free.closed, free.idle as u64, "{free:?}");

        database.close().await;
        let closed = database.pool_status();
        assert_eq!((closed.used, closed.idle, closed.created - closed.closed), (0, 0, 0), "{closed:?}");
    })
    .await;
}

/// A connection on which something was cancelled is closed, and another is opened.
#[tokio::test]
async fn what_is_cancelled_closes_its_connection() {
    bounded(async {
        let database = manager(json!({})).database_for(PLUGIN).unwrap();
        migrate(PLUGIN, &database).await;
        let before = database.pool_status();
        for _ in 0..3 {
            let transaction = database.begin().await.unwrap();
            insert(&transaction, "cancelled").await.unwrap();
            let endless = "INSERT INTO item (name) WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) \
                           SELECT 'cancelled ' || i FROM n";
            let work = transaction.execute_unprepared(endless);
            tokio::time::timeout(Duration::from_millis(20), work).await.unwrap_err();
        }
        insert(&database, "written").await.unwrap();
        assert_eq!(names(&database).await, ["written"]);
        let after = database.pool_status();
        assert!(after.closed >= before.closed + 3 && after.errors == 0, "{after:?}");
        assert_eq!((after.used, after.created - after.closed), (0, after.idle as u64), "{after:?}");
    })
    .await;
}

/// The file cannot be put into WAL mode while another process holds it: opening does not end.
#[tokio::test]
async fn opening_is_part_of_the_wait_for_a_connection() {
    bounded(async {
        let folder = tempfile::tempdir().unwrap();
        let file = SqliteConnectOptions::new().filename(folder.path().join("todo.sqlite")).create_if_missing(true);
        let mut other = file.connect().await.unwrap();
        other.execute("CREATE TABLE theirs (x); BEGIN EXCLUSIVE").await.unwrap();
        let config = json!({ "connection": { "directory": folder.path() },
                             "knexConfig": { "pool": { "acquireTimeoutMillis": 200 } } });
        let database = manager(config).database_for(PLUGIN).unwrap();
        for _ in 0..2 {
            let error = database.ping().await.unwrap_err();
            let found = DatabaseError::of(&error).unwrap();
            assert!(matches!(found, DatabaseError::Open { .. } | DatabaseError::Locked { .. }), "{error}");
            assert!(error.to_string().contains("200"), "{error}");
        }
        other.execute("ROLLBACK").await.unwrap();
        // What was given up may still be at it.
        while database.ping().await.is_err() {}
    })
    .await;
}
