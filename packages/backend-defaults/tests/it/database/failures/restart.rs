//! Servers that crash and come back, under load.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use backend_defaults::database::{DatabaseError, Outcome};
use backend_plugin_api::services::Database;
use futures::future::join_all;
use sea_orm::{DbErr, TransactionSession, TransactionTrait};
use serde_json::json;
use test_servers::{MariaDb, Postgres};

use super::fixture::{Own, SHORT, database, outcome, recovers, unavailable};
use crate::database::fixture::bounded;
use crate::database::suite::{insert, names};

/// What became of the pairs of rows that a task wrote.
#[derive(Default)]
struct Written {
    kept: Vec<String>,
    undone: Vec<String>,
}

/// Two rows in a transaction. An error says whether they are undone, if that is known.
async fn pair(database: &Database, name: &str) -> Result<(), (Option<Outcome>, DbErr)> {
    let known = |undone| {
        move |error: DbErr| {
            let lost = matches!(unavailable(&error), DatabaseError::Lost { .. });
            let known = if lost { outcome(&error) } else { undone };
            (Some(known), error)
        }
    };
    let undone = || known(Outcome::RolledBack);
    let transaction = database.begin().await.map_err(undone())?;
    insert(&transaction, &format!("{name} first")).await.map_err(undone())?;
    insert(&transaction, &format!("{name} second")).await.map_err(undone())?;
    transaction.commit().await.map_err(known(Outcome::Unknown))
}

async fn write(database: Database, task: usize, stop: Arc<AtomicBool>) -> Written {
    let mut written = Written::default();
    for round in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let name = format!("{task} {round}");
        match pair(&database, &name).await {
            Ok(()) => written.kept.push(name),
            Err((Some(Outcome::RolledBack), _)) => written.undone.push(name),
            Err(_) => {}
        }
    }
    written
}

async fn a_crash_loses_no_committed_row<S: Own>() {
    let mut server = S::start();
    let database = database(server.config(server.port()), json!({}), json!({ "acquireTimeoutMillis": SHORT })).await;
    let stop = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..4).map(|it| tokio::spawn(write(database.clone(), it, Arc::clone(&stop)))).collect();
    for round in 0..2 {
        let before = database.pool_status().acquired;
        while database.pool_status().acquired < before + 50 {
            tokio::task::yield_now().await;
        }
        server.crash();
        let error = insert(&database, "while it is down").await.unwrap_err();
        unavailable(&error);
        server.come_back();
        recovers(&database, &format!("back {round}")).await;
    }
    stop.store(true, Ordering::SeqCst);
    let written: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    let rows: BTreeSet<_> = names(&database).await.into_iter().collect();
    let has = |name: &str| (rows.contains(&format!("{name} first")), rows.contains(&format!("{name} second")));
    for Written { kept, undone } in written {
        assert!(!kept.is_empty());
        kept.iter().for_each(|it| assert_eq!(has(it), (true, true), "{it}"));
        undone.iter().for_each(|it| assert_eq!(has(it), (false, false), "{it}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_of_postgresql_loses_no_committed_row() {
    bounded(a_crash_loses_no_committed_row::<Postgres>()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_of_mariadb_loses_no_committed_row() {
    bounded(a_crash_loses_no_committed_row::<MariaDb>()).await;
}

async fn what_lay_idle_over_a_restart_is_not_noticed<S: Own>() {
    let mut server = S::start();
    let database = database(server.config(server.port()), json!({}), json!({ "acquireTimeoutMillis": SHORT })).await;
    super::fixture::fill(&database, 4).await;
    let transaction = database.begin().await.unwrap();
    insert(&transaction, "in it").await.unwrap();
    server.come_back();
    // The first on a connection that was lost, and the others at the same time.
    let all = join_all((0..4).map(|_| names(&database))).await;
    assert!(all.iter().all(Vec::is_empty));
    assert_eq!(outcome(&insert(&transaction, "more").await.unwrap_err()), Outcome::RolledBack);
    let error = transaction.commit().await.unwrap_err();
    assert!(matches!(unavailable(&error), DatabaseError::RolledBack { .. }), "{error}");
    recovers(&database, "after").await;
    assert_eq!(names(&database).await, ["after"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lay_idle_over_a_restart_of_postgresql_is_not_noticed() {
    bounded(what_lay_idle_over_a_restart_is_not_noticed::<Postgres>()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lay_idle_over_a_restart_of_mariadb_is_not_noticed() {
    bounded(what_lay_idle_over_a_restart_is_not_noticed::<MariaDb>()).await;
}
