//! Fifty plugins on ten connections, and two on two.

mod random;
mod work;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use backend_plugin_api::PluginId;
use backend_plugin_api::services::Database;
use futures::future::join_all;
use sea_orm::{TransactionSession, TransactionTrait};
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use test_servers::{Login, Postgres, PostgresAddress, Scratch};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, spawn_blocking, yield_now};

use super::fixture::{OTHER, PLUGIN, manager};
use random::Random;
use work::{Place, Worker};

const PLUGINS: usize = 50;
const BUDGET: usize = 10;
const TASKS: usize = 32;
const STATEMENTS: usize = 100_000;

/// A database of its own on the server that tests share.
struct Home {
    login: Login,
    server: &'static PostgresAddress,
    _scratch: Scratch<PostgresAddress>,
}

impl Home {
    async fn new() -> Self {
        spawn_blocking(|| {
            let server = Postgres::shared().unwrap();
            let scratch = server.scratch();
            Self { login: scratch.login().unwrap(), server, _scratch: scratch }
        })
        .await
        .unwrap()
    }

    fn config(&self, budget: usize) -> Value {
        let Login { database, user, password } = &self.login;
        let (host, port) = (self.server.host(), self.server.port());
        json!({
            "client": "pg", "pluginDivisionMode": "schema", "maxConnections": budget,
            "connection": { "host": host, "port": port, "user": user, "password": password, "database": database },
        })
    }

    async fn superuser(&self) -> PgConnection {
        let options = PgConnectOptions::new_without_pgpass().host(self.server.host()).port(self.server.port());
        let options = options.username(self.server.user()).password(self.server.password()).database("postgres");
        PgConnection::connect_with(&options).await.unwrap()
    }

    /// How many connections the server has from the plugins; of these, in a transaction.
    async fn connections(&self, superuser: &mut PgConnection) -> (i64, i64) {
        count(superuser, &self.login.user).await
    }

    /// Looks at the server every few milliseconds.
    async fn sample(&self) -> Sampler {
        let (mut superuser, user) = (self.superuser().await, self.login.user.clone());
        let (stopped, most) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
        let sampler = (Arc::clone(&stopped), Arc::clone(&most));
        let task = tokio::spawn(async move {
            let (stopped, most) = sampler;
            while !stopped.load(Ordering::Relaxed) {
                most.fetch_max(count(&mut superuser, &user).await.0, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        });
        Sampler { stopped, most, task }
    }
}

async fn count(superuser: &mut PgConnection, user: &str) -> (i64, i64) {
    let sql = "SELECT count(*), count(*) FILTER (WHERE state LIKE 'idle in%') FROM pg_stat_activity WHERE usename = $1";
    sqlx::query_as(sql).bind(user).fetch_one(superuser).await.unwrap()
}

struct Sampler {
    stopped: Arc<AtomicBool>,
    most: Arc<AtomicI64>,
    task: JoinHandle<()>,
}

impl Sampler {
    /// The most connections that were there at once.
    async fn stop(self) -> i64 {
        self.stopped.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
        self.most.load(Ordering::Relaxed)
    }
}

/// Same-named tables of different shapes; statements, transactions and savepoints, given up at random moments.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "shown if the test fails")]
async fn fifty_plugins_on_ten_connections_never_see_each_others_rows() {
    let seed = Random::new_seed();
    // The same work, in the order in which tasks come to run.
    eprintln!("`SHARED_POOL_SEED={seed}` does the same work again");
    let home = Home::new().await;
    let sampler = home.sample().await;
    let manager = manager(home.config(BUDGET));
    let mut places = Vec::new();
    for number in 0..PLUGINS {
        let plugin = PluginId::new(format!("plugin{number}").leak());
        places.push(Place::new(number, manager.database_for(plugin).unwrap()).await);
    }
    let places: Arc<[Place]> = places.into();

    let left = Arc::new(AtomicI64::new(STATEMENTS as i64));
    let workers = (0..TASKS).map(|task| {
        let worker = Worker::new(task, seed, Arc::clone(&places), Arc::clone(&left));
        tokio::spawn(worker.run())
    });
    let workers = tokio::time::timeout(Duration::from_secs(600), join_all(workers)).await.expect("the test hangs");
    let written: Vec<_> =
        workers.into_iter().map(|it| it.unwrap_or_else(|error| panic!("seed {seed}: {error}"))).collect();
    let cancelled: usize = written.iter().map(|it| it.cancelled).sum();
    assert!(cancelled > 100, "seed {seed}: hardly any work was given up: {cancelled}");

    for place in places.iter() {
        place.has_what_was_written(&written, seed).await;
    }
    let mut superuser = home.superuser().await;
    until(async || places.iter().all(|it| it.database.pool_status().used == 0)).await;
    until(async || home.connections(&mut superuser).await.1 == 0).await;
    let most = sampler.stop().await;
    assert!(most <= BUDGET as i64, "seed {seed}: {most} connections");
    for place in places.iter() {
        place.database.close().await;
    }
    until(async || home.connections(&mut superuser).await.0 == 0).await;
}

/// The connection that it gives back next is the other's, however many of its own wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_all_connections_does_not_starve_another() {
    const ALL: usize = 2;
    const WAITING: usize = 40;
    let home = Home::new().await;
    let manager = manager(home.config(ALL));
    let (hog, other) = (manager.database_for(PLUGIN).unwrap(), manager.database_for(OTHER).unwrap());
    for database in [&hog, &other] {
        database.provision(&[]).await.unwrap();
    }
    let (begun, leave) = (Arc::new(AtomicI64::new(0)), Arc::new(Semaphore::new(0)));
    let transactions: Vec<_> = (0..ALL + WAITING)
        .map(|_| {
            let (hog, begun, leave): (Database, _, _) = (hog.clone(), Arc::clone(&begun), Arc::clone(&leave));
            tokio::spawn(async move {
                let transaction = hog.begin().await.unwrap();
                begun.fetch_add(1, Ordering::SeqCst);
                leave.acquire().await.unwrap().forget();
                transaction.commit().await.unwrap();
            })
        })
        .collect();
    let begun = || begun.load(Ordering::SeqCst);
    until(async || begun() == ALL as i64 && hog.pool_status().waiting == WAITING).await;

    let asked = tokio::spawn({
        let other = other.clone();
        async move { other.ping().await.unwrap() }
    });
    until(async || other.pool_status().waiting == 1).await;
    let mut turns = 0;
    while !asked.is_finished() {
        turns += 1;
        leave.add_permits(1);
        until(async || asked.is_finished() || begun() == ALL as i64 + turns).await;
    }
    assert!(turns <= ALL as i64, "the other waited for {turns} transactions, of {WAITING} that waited before it");

    leave.add_permits(ALL + WAITING);
    for transaction in transactions {
        transaction.await.unwrap();
    }
    for database in [hog, other] {
        database.close().await;
    }
}

/// Waits for a condition that comes true without us.
async fn until(mut condition: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !condition().await {
            yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it never comes true");
}
