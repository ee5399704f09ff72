//! A network that cuts, stalls, or forgets connections.

use backend_defaults::database::{DatabaseError, Outcome};
use sea_orm::{ConnectionTrait, TransactionSession, TransactionTrait};
use serde_json::json;
use test_servers::{MariaDb, Postgres, Proxy};

use super::fixture::{Own, SHORT, database, fill, outcome, recovers, unavailable};
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
        let error = insert(&database, "while it is cut").await.unwrap_err();
        assert!(matches!(unavailable(&error), DatabaseError::Open { .. }), "{error}");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_that_the_server_does_not_know_of_are_given_up_without_a_time_limit() {
    bounded(async {
        let server: Postgres = Own::start();
        let proxy = Proxy::start(server.port()).unwrap();
        let database = database(server.config(proxy.port()), json!({}), json!({})).await;
        let transaction = database.begin().await.unwrap();
        insert(&transaction, "in it").await.unwrap();
        fill(&database, 1).await;
        proxy.blackhole();
        // It notices that the idle one was forgotten, and takes another.
        let held = database.begin().await.unwrap();
        let (at_work, forgotten) =
            tokio::join!(held.execute_unprepared("SELECT pg_sleep(13)"), insert(&transaction, "more"));
        at_work.unwrap();
        let error = forgotten.unwrap_err();
        assert_eq!(outcome(&error), Outcome::RolledBack);
        assert!(error.to_string().contains("s, and the server has ended it"), "{error}");
        drop((held, transaction));
        recovers(&database, "after").await;
        assert_eq!(names(&database).await, ["after"]);
    })
    .await;
}

async fn statements_to_a_server_that_is_out_of_reach_are_given_up<S: Own>(sleep: &str) {
    let server = S::start();
    let proxy = Proxy::start(server.port()).unwrap();
    let database = database(server.config(proxy.port()), json!({}), json!({ "acquireTimeoutMillis": SHORT })).await;
    let transaction = database.begin().await.unwrap();
    insert(&transaction, "in it").await.unwrap();
    fill(&database, 1).await;
    // Before, so that no answer can be quicker.
    proxy.stall();
    let (asleep, lost) = tokio::join!(database.execute_unprepared(sleep), insert(&transaction, "more"));
    for (error, expected) in [(asleep.unwrap_err(), Outcome::Unknown), (lost.unwrap_err(), Outcome::RolledBack)] {
        assert_eq!(outcome(&error), expected);
        assert!(error.to_string().contains("there was no answer for"), "{error}");
    }
    proxy.heal();
    recovers(&database, "after").await;
    assert_eq!(names(&database).await, ["after"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_to_a_postgresql_that_is_out_of_reach_are_given_up() {
    bounded(statements_to_a_server_that_is_out_of_reach_are_given_up::<Postgres>("SELECT pg_sleep(100)")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_to_a_mariadb_that_is_out_of_reach_are_given_up() {
    bounded(statements_to_a_server_that_is_out_of_reach_are_given_up::<MariaDb>("DO SLEEP(100)")).await;
}
