//! Times and resources that are used up.

use backend_defaults::database::DatabaseError;
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::json;
use test_servers::Postgres;

use super::fixture::{Own, SHORT, database, fill, number, unavailable};
use crate::database::fixture::bounded;
use crate::database::suite::{insert, names};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_used_up_is_told_and_does_not_last() {
    bounded(async {
        let server: Postgres = Own::start();
        database(server.config(server.port()), json!({}), json!({})).await.close().await;
        let timeouts = json!({ "statement_timeout": 1000, "lock_timeout": 100 });
        let pool = json!({ "acquireTimeoutMillis": SHORT });
        let database = database(server.config(server.port()), timeouts, pool).await;
        let connection = || number(&database, "SELECT pg_backend_pid()::bigint");

        // The pool.
        fill(&database, 4).await;
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(database.begin().await.unwrap());
        }
        let error = database.query_all_raw(sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, "SELECT 1"));
        let error = error.await.unwrap_err();
        assert!(matches!(unavailable(&error), DatabaseError::ConnectionsBusy { count: 4, .. }), "{error}");
        // Time for a lock: the plugin's own doing.
        insert(&held[0], "contended").await.unwrap();
        let error = insert(&held[1], "contended").await.unwrap_err();
        assert!(DatabaseError::of(&error).is_none() && error.to_string().contains("lock timeout"), "{error}");
        drop(held);

        // Time for a statement: its connection is good.
        let before = connection().await;
        let error = database.execute_unprepared("SELECT pg_sleep(30)").await.unwrap_err();
        assert!(matches!(unavailable(&error), DatabaseError::Cancelled { .. }), "{error}");
        assert_eq!(connection().await, before);

        // Room for what a statement sorts.
        let sort = "SELECT count(*) FROM (SELECT i FROM generate_series(1, 1000000) i ORDER BY random()) AS sorted";
        let transaction = database.begin().await.unwrap();
        transaction.execute_unprepared("SET LOCAL work_mem = '64kB'; SET LOCAL statement_timeout = 0").await.unwrap();
        let error = transaction.execute_unprepared(sort).await.unwrap_err();
        assert!(matches!(unavailable(&error), DatabaseError::NoRoom { .. }), "{error}");
        drop(transaction);
        insert(&database, "after").await.unwrap();
        assert_eq!(names(&database).await, ["after"]);
    })
    .await;
}
