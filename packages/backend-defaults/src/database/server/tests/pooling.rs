//! tarn.js's options, one by one. Their defaults are in the plan's tests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use insta::assert_snapshot;
use sqlx::PgConnection;

use super::*;
use crate::database::server::opener;

/// Fails or hangs a number of times, and then connects.
struct Flaky {
    inner: Option<Postgres>,
    hangs: usize,
    fails: usize,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl Engine for Flaky {
    type Connection = PgConnection;

    async fn connect(&self) -> Result<PgConnection, ConnectError> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        if asked < self.hangs {
            std::future::pending::<()>().await;
        }
        match &self.inner {
            Some(inner) if asked >= self.fails => inner.connect().await,
            _ => Err(Arc::new(std::io::Error::other("no route to `db.internal`"))),
        }
    }

    fn place(&self) -> usize {
        0
    }

    async fn limit(&self, _: &mut PgConnection) -> Option<ServerLimit> {
        None
    }

    fn is_passing(&self, _: &ConnectError) -> bool {
        true
    }
}

/// With what counts how often it is asked for a connection.
fn flaky(inner: Option<Postgres>, hangs: usize, fails: usize, pool: PoolPlan) -> (Database, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let engine = Flaky { inner, hangs, fails, asked: Arc::clone(&asked) };
    (pool_of(engine, Limits { pool, ..LIMITS }).0, asked)
}

/// Opens as many connections, and gives them back.
async fn open(database: &Database, count: usize) {
    let mut held = vec![];
    for _ in 0..count {
        held.push(begin(database).await);
    }
    for transaction in held {
        sea_orm::TransactionSession::commit(transaction).await.unwrap();
    }
    assert_eq!(database.pool_status().idle, count);
}

async fn begin(database: &Database) -> backend_plugin_api::services::database::Transaction {
    sea_orm::TransactionTrait::begin(database).await.unwrap()
}

/// Until so many are open and idle.
async fn until_idle(database: &Database, count: usize) {
    while database.pool_status().idle != count {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn max_is_the_most_there_are() {
    within_a_minute(async {
        let pool = PoolPlan { max: 2, acquire_timeout: Duration::from_secs(2), ..POOL };
        let database = database::<Postgres>(Limits { pool, ..LIMITS }).await;
        let held = [begin(&database).await, begin(&database).await];
        let error = run(&database, "SELECT 1").await.unwrap_err();
        assert!(matches!(DatabaseError::of(&error), Some(DatabaseError::ConnectionsBusy { count: 2, .. })), "{error}");
        let status = database.pool_status();
        assert_eq!((status.used, status.idle, status.max, status.created, status.errors), (2, 0, 2, 2, 1));
        drop(held);
        run(&database, "SELECT 1").await.unwrap();
        assert_eq!(database.pool_status().created, 2);
    })
    .await;
}

#[tokio::test]
async fn min_are_kept_and_the_others_closed() {
    within_a_minute(async {
        let (idle_timeout, reap_interval) = (Duration::from_millis(1), Duration::from_millis(5));
        let pool = PoolPlan { min: 2, max: 4, idle_timeout, reap_interval, ..POOL };
        let database = database::<Postgres>(Limits { pool, ..LIMITS }).await;
        assert_eq!(database.pool_status().created, 1, "none are opened before they are needed");
        open(&database, 4).await;
        until_idle(&database, 2).await;
        // What is above is closed again, and these are still the same.
        open(&database, 3).await;
        until_idle(&database, 2).await;
        assert_eq!((database.pool_status().created, database.pool_status().closed), (5, 3));
    })
    .await;
}

#[tokio::test]
async fn idle_timeout_is_how_long_one_lies_idle() {
    within_a_minute(async {
        let (idle_timeout, reap_interval) = (Duration::from_millis(300), Duration::from_millis(5));
        let database =
            database::<Postgres>(Limits { pool: PoolPlan { idle_timeout, reap_interval, ..POOL }, ..LIMITS }).await;
        let held = begin(&database).await;
        // Time in use does not count.
        run(&held, "SELECT pg_sleep(0.4)").await.unwrap();
        let given_back = Instant::now();
        sea_orm::TransactionSession::commit(held).await.unwrap();
        until_idle(&database, 0).await;
        assert!(given_back.elapsed() >= idle_timeout, "{:?}", given_back.elapsed());
    })
    .await;
}

#[tokio::test]
async fn reap_interval_is_how_often_idle_ones_are_looked_for() {
    within_a_minute(async {
        let (idle_timeout, reap_interval) = (Duration::ZERO, Duration::from_millis(300));
        let engine = Postgres::new().await;
        let (database, _) =
            pool_of(engine, Limits { pool: PoolPlan { idle_timeout, reap_interval, ..POOL }, ..LIMITS });
        let began = Instant::now();
        open(&database, 1).await;
        until_idle(&database, 0).await;
        assert!(began.elapsed() >= reap_interval, "{:?}", began.elapsed());
    })
    .await;
}

#[tokio::test]
async fn acquire_timeout_is_of_waiting_and_opening() {
    let acquire_timeout = Duration::from_millis(300);
    let (database, _) = flaky(None, usize::MAX, 0, PoolPlan { acquire_timeout, ..POOL });
    let began = Instant::now();
    assert_snapshot!(told(&run(&database, "SELECT 1").await.unwrap_err()), @"cannot open the database of `todo` (a server): it took more than 300ms");
    assert!(began.elapsed() >= acquire_timeout, "{:?}", began.elapsed());
}

#[tokio::test]
async fn create_timeout_is_of_one_attempt() {
    within_a_minute(async {
        let pool =
            PoolPlan { create_timeout: Duration::from_millis(500), acquire_timeout: Duration::from_secs(50), ..POOL };
        let (database, asked) = flaky(Some(Postgres::new().await), 1, 0, pool);
        run(&database, "SELECT 1").await.unwrap();
        assert!(asked.load(Ordering::SeqCst) >= 2);
        assert!(database.pool_status().errors >= 1);
    })
    .await;
}

#[tokio::test]
async fn create_retry_interval_is_between_two_attempts() {
    let (acquire_timeout, create_retry_interval) = (Duration::from_millis(1050), Duration::from_millis(100));
    let (database, asked) = flaky(None, 0, 0, PoolPlan { acquire_timeout, create_retry_interval, ..POOL });
    // Why they failed is told, not that it took too long.
    assert_snapshot!(told(&run(&database, "SELECT 1").await.unwrap_err()), @"cannot open the database of `todo` (a server): no route to `db.internal`");
    let asked = asked.load(Ordering::SeqCst);
    assert!((2..=11).contains(&asked), "{asked}");
}

#[tokio::test]
async fn propagate_create_error_tells_the_first() {
    within_a_minute(async {
        let engine = Postgres::new().await;
        let (database, asked) = flaky(Some(engine.clone()), 0, 2, PoolPlan { propagate_create_error: true, ..POOL });
        run(&database, "SELECT 1").await.unwrap_err();
        run(&database, "SELECT 1").await.unwrap_err();
        run(&database, "SELECT 1").await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 3);
        let (database, asked) = flaky(Some(engine), 0, 2, PoolPlan { propagate_create_error: false, ..POOL });
        run(&database, "SELECT 1").await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 3);
    })
    .await;
}

#[tokio::test]
async fn destroy_timeout_is_of_closing_in_order() {
    let began = Instant::now();
    opener::end(std::future::pending(), Duration::from_millis(50)).await;
    assert!(began.elapsed() >= Duration::from_millis(50));
    // An error is the end too.
    opener::end(async { Err(sqlx::Error::WorkerCrashed) }, Duration::MAX).await;
}
