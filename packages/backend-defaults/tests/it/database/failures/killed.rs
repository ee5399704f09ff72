//! Connections that somebody ends on the server.

use backend_defaults::database::{DatabaseError, Outcome};
use sea_orm::{TransactionSession, TransactionTrait};
use serde_json::json;
use test_servers::{MariaDb, Postgres, SqlServer};

use super::fixture::{Own, blocking, database, fill, outcome, recovers, unavailable};
use crate::database::fixture::bounded;
use crate::database::suite::{insert, names};

async fn killed_connections_are_replaced<S: Own>(end_all: impl Fn(&S)) {
    let server = S::start();
    let database = database(server.config(server.port()), json!({}), json!({})).await;
    fill(&database, 4).await;
    let (one, two) = (database.begin().await.unwrap(), database.begin().await.unwrap());
    insert(&one, "one").await.unwrap();
    insert(&two, "two").await.unwrap();
    blocking(|| end_all(&server));
    // One was in the middle, the other at its end.
    assert_eq!(outcome(&insert(&one, "more").await.unwrap_err()), Outcome::RolledBack);
    let error = insert(&one, "outside").await.unwrap_err();
    assert!(matches!(unavailable(&error), DatabaseError::RolledBack { .. }), "{error}");
    drop(one);
    assert_eq!(outcome(&two.commit().await.unwrap_err()), Outcome::Unknown);
    // It is known by now that connections were lost: not one statement is.
    for name in ["a", "b", "c", "d"] {
        insert(&database, name).await.unwrap();
    }
    assert_eq!(names(&database).await, ["a", "b", "c", "d"]);

    // All are idle: a read and a transaction do not notice.
    blocking(|| end_all(&server));
    assert_eq!(names(&database).await.len(), 4);
    let transaction = database.begin().await.unwrap();
    insert(&transaction, "e").await.unwrap();
    transaction.commit().await.unwrap();
    recovers(&database, "f").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_connections_to_postgresql_are_replaced() {
    let end_all = |server: &Postgres| {
        let ours = "datname = 'backstage_plugin_todo'";
        let sql = format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {ours}");
        assert!(server.address().sql(&sql).unwrap().contains('t'));
    };
    bounded(killed_connections_are_replaced::<Postgres>(end_all)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_connections_to_mariadb_are_replaced() {
    let end_all = |server: &MariaDb| {
        let list = "SELECT id FROM information_schema.processlist WHERE db = 'backstage_plugin_todo'";
        let ids = server.address().sql(list).unwrap();
        assert!(!ids.is_empty());
        let kills: String = ids.lines().map(|it| format!("KILL {it};")).collect();
        server.address().sql(&kills).unwrap();
        while !server.address().sql(list).unwrap().is_empty() {}
    };
    bounded(killed_connections_are_replaced::<MariaDb>(end_all)).await;
}
