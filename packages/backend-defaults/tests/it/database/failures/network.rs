//! A network that cuts, stalls, or forgets connections.

use backend_defaults::database::{DatabaseError, Outcome};
use sea_orm::{TransactionSession, TransactionTrait};
use serde_json::json;
use test_servers::{Postgres, Proxy};

use super::fixture::{Own, SHORT, database, outcome, recovers, unavailable};
use crate::database::fixture::bounded;
use crate::database::suite::{insert, names};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_is_survived() {
    bounded(async {
        let server: Postgres = Own::start();
        let proxy = Proxy::start(server.port()).unwrap();
        let database = database(server.config(proxy.port()), json!({}), json!({ "acquireTimeoutMillis": SHORT })).await;
        let transaction = database.begin().await.unwrap();
        insert(&transaction, "in it").await.unwrap();
        assert!(names(&database).await.is_empty());
        proxy.cut();
        assert_eq!(outcome(&insert(&transaction, "more").await.unwrap_err()), Outcome::RolledBack);
        drop(transaction);
        for _ in 0..3 {
            let error = insert(&database, "while it is cut").await.unwrap_err();
            assert!(matches!(unavailable(&error), DatabaseError::Open { .. }), "{error}");
        }
        let error = database.begin().await.unwrap_err();
        assert!(matches!(unavailable(&error), DatabaseError::Open { .. }), "{error}");
        proxy.heal();
        recovers(&database, "after").await;
        assert_eq!(names(&database).await, ["after"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_network_is_given_up() {
    bounded(async {
        let server: Postgres = Own::start();
        let proxy = Proxy::start(server.port()).unwrap();
        let database = database(
            server.config(proxy.port()),
            json!({ "query_timeout": 300 }),
            json!({ "acquireTimeoutMillis": SHORT }),
        )
        .await;
        let transaction = database.begin().await.unwrap();
        insert(&transaction, "in it").await.unwrap();
        assert!(names(&database).await.is_empty());
        proxy.stall();
        for error in [insert(&transaction, "more").await.unwrap_err(), insert(&database, "alone").await.unwrap_err()] {
            assert!(matches!(unavailable(&error), DatabaseError::QueryTimeout { .. }), "{error}");
        }
        let error = transaction.commit().await.unwrap_err();
        assert!(matches!(unavailable(&error), DatabaseError::RolledBack { .. }), "{error}");
        // Nor is another one to be had.
        let error = database.begin().await.unwrap_err();
        assert!(matches!(unavailable(&error), DatabaseError::Open { .. }), "{error}");
        proxy.heal();
        recovers(&database, "after").await;
        // What was on its own may have arrived.
        let names = names(&database).await;
        assert!(names.iter().all(|it| it == "after" || it == "alone"), "{names:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgotten_connections_are_given_up() {
    bounded(async {
        let server: Postgres = Own::start();
        let proxy = Proxy::start(server.port()).unwrap();
        let database = database(
            server.config(proxy.port()),
            json!({ "query_timeout": 300 }),
            json!({ "acquireTimeoutMillis": SHORT }),
        )
        .await;
        let transaction = database.begin().await.unwrap();
        insert(&transaction, "in it").await.unwrap();
        assert!(names(&database).await.is_empty());
        proxy.blackhole();
        for error in [insert(&transaction, "more").await.unwrap_err(), insert(&database, "alone").await.unwrap_err()] {
            assert!(matches!(unavailable(&error), DatabaseError::QueryTimeout { .. }), "{error}");
        }
        drop(transaction);
        // The server does not know yet: a transaction of the forgotten connection waits for its client.
        recovers(&database, "after").await;
        assert_eq!(names(&database).await, ["after"]);
    })
    .await;
}
