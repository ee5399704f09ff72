//! A primary that becomes read-only, with another one to go to.

use backend_defaults::database::DatabaseError;
use futures::future::try_join_all;
use sea_orm::{TransactionSession, TransactionTrait};
use serde_json::json;
use test_servers::{Postgres, SqlServer};

use super::fixture::{Own, blocking, database, fill, number, unavailable};
use crate::database::fixture::bounded;
use crate::database::suite::{insert, names};

fn read_only(server: &Postgres, is: bool) {
    let sql = format!("ALTER SYSTEM SET default_transaction_read_only = {is}; SELECT pg_reload_conf()");
    blocking(|| server.address().sql(&format!("SET default_transaction_read_only = off; {sql}")).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_is_followed() {
    bounded(async {
        let (first, second): (Postgres, Postgres) = (Own::start(), Own::start());
        // As a replica has it.
        database(second.config(second.port()), json!({}), json!({})).await.close().await;
        let ports = format!("{},{}", first.port(), second.port());
        let several = json!({ "host": "127.0.0.1,127.0.0.1", "port": ports, "target_session_attrs": "read-write" });
        let database = database(first.config(first.port()), several, json!({})).await;
        let port = || number(&database, "SELECT current_setting('port')::bigint");
        insert(&database, "before").await.unwrap();
        assert_eq!(port().await, i64::from(first.port()));
        let transaction = database.begin().await.unwrap();
        insert(&transaction, "in it").await.unwrap();
        fill(&database, 3).await;

        read_only(&first, true);
        while number(&database, "SELECT (current_setting('transaction_read_only') = 'on')::int::bigint").await == 0 {}
        let error = insert(&database, "refused").await.unwrap_err();
        assert!(matches!(unavailable(&error), DatabaseError::ReadOnly { .. }), "{error}");
        // No connection to the first one is used again.
        try_join_all(["a", "b", "c"].map(|it| insert(&database, it))).await.unwrap();
        assert_eq!(port().await, i64::from(second.port()));
        assert_eq!(names(&database).await, ["a", "b", "c"]);

        // A transaction that was begun before is still on the first, which takes it.
        insert(&transaction, "more").await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(port().await, i64::from(second.port()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_changes_again_is_used_again() {
    bounded(async {
        let server: Postgres = Own::start();
        let database = database(server.config(server.port()), json!({}), json!({})).await;
        read_only(&server, true);
        while number(&database, "SELECT (current_setting('transaction_read_only') = 'on')::int::bigint").await == 0 {}
        let transaction = database.begin().await.unwrap();
        let error = insert(&transaction, "refused").await.unwrap_err();
        assert!(matches!(unavailable(&error), DatabaseError::ReadOnly { .. }), "{error}");
        drop(transaction);
        assert!(names(&database).await.is_empty());
        read_only(&server, false);
        super::fixture::recovers(&database, "after").await;
    })
    .await;
}
