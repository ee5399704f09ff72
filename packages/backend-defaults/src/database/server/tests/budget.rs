//! Plugins that share the connections to a server.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use insta::assert_snapshot;
use sea_orm::{TransactionSession, TransactionTrait};
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::*;
use crate::database::server::budget::SPARE_AFTER;

const A: PluginId = PluginId::new("a");
const B: PluginId = PluginId::new("b");

/// One of several plugins on a database.
struct Tenant {
    inner: Postgres,
    name: &'static str,
    place: usize,
    limit: Option<ServerLimit>,
}

#[async_trait]
impl Engine for Tenant {
    type Connection = PgConnection;

    async fn connect(&self) -> Result<PgConnection, ConnectError> {
        let mut connection = self.inner.connect().await?;
        self.dress(&mut connection).await.map_err(|error| Arc::new(error) as ConnectError)?;
        Ok(connection)
    }

    fn place(&self) -> usize {
        self.place
    }

    async fn dress(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        connection.execute(AssertSqlSafe(format!("SET application_name TO '{}'", self.name))).await.map(drop)
    }

    async fn limit(&self, _: &mut PgConnection) -> Option<ServerLimit> {
        self.limit
    }

    fn is_passing(&self, _: &ConnectError) -> bool {
        false
    }
}

/// Cannot connect; it can be given another plugin's connection.
struct Unlucky(Tenant);

#[async_trait]
impl Engine for Unlucky {
    type Connection = PgConnection;

    async fn connect(&self) -> Result<PgConnection, ConnectError> {
        Err(Arc::new(std::io::Error::other("no route to `db.internal`")))
    }

    fn place(&self) -> usize {
        self.0.place()
    }

    async fn dress(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        self.0.dress(connection).await
    }

    async fn limit(&self, _: &mut PgConnection) -> Option<ServerLimit> {
        None
    }

    fn is_passing(&self, _: &ConnectError) -> bool {
        false
    }
}

struct Plugins {
    inner: Postgres,
    budget: Arc<Budget<PgConnection>>,
}

impl Plugins {
    async fn new(max_connections: usize) -> Self {
        let plan = BudgetPlan { max_connections: Some(max_connections), replicas: 1 };
        Self { inner: Postgres::new().await, budget: Budget::new("db:5432".to_owned(), plan) }
    }

    fn add(&self, plugin: PluginId, place: usize, pool: PoolPlan) -> Database {
        let engine = Tenant { inner: self.inner.clone(), name: plugin.as_str(), place, limit: None };
        pool_in(plugin, engine, Limits { pool, ..LIMITS }, &self.budget).0
    }
}

/// Which of the server's connections it is, and whose it looks like.
async fn who(connection: &impl ConnectionTrait) -> (i64, String) {
    let sql = "SELECT pg_backend_pid()::bigint, current_setting('application_name')";
    let row = connection.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap().unwrap();
    (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_goes_to_the_plugin_that_waits() {
    within_a_minute(async {
        let plugins = Plugins::new(1).await;
        let (a, b) = (plugins.add(A, 0, POOL), plugins.add(B, 0, POOL));
        let held = a.begin().await.unwrap();
        let (pid, name) = who(&held).await;
        assert_eq!(name, "a");
        let waits = tokio::spawn({
            let b = b.clone();
            async move { who(&b).await }
        });
        while b.pool_status().waiting == 0 {
            tokio::task::yield_now().await;
        }
        held.commit().await.unwrap();
        assert_eq!(waits.await.unwrap(), (pid, "b".to_owned()));
        // And back, though nobody gives it.
        assert_eq!(who(&a).await, (pid, "a".to_owned()));
        let server = a.pool_status().server.unwrap();
        assert_eq!((server.budget, server.open, server.waiting), (Some(1), 1, 0));
        assert_eq!((b.pool_status().created, b.pool_status().closed), (1, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_to_another_place_is_closed_to_make_room() {
    within_a_minute(async {
        let plugins = Plugins::new(1).await;
        let (a, b) = (plugins.add(A, 0, POOL), plugins.add(B, 1, POOL));
        let (of_a, of_b) = (who(&a).await, who(&b).await);
        assert_ne!(of_a.0, of_b.0);
        assert_eq!(of_b.1, "b");
        assert_eq!(plugins.budget.status().open, 1);
        assert_eq!(a.pool_status().idle, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_wait_get_their_turn() {
    within_a_minute(async {
        let plugins = Plugins::new(3).await;
        let ids = ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"].map(PluginId::new);
        let patient = PoolPlan { acquire_timeout: Duration::from_secs(60), ..POOL };
        let databases: Vec<_> = (0..10).map(|index| plugins.add(ids[index], index % 2, patient)).collect();
        let open = AtomicUsize::new(0);
        let work = (0..200).map(async |index: usize| {
            let database = &databases[index % 10];
            let statement = run(database, "SELECT pg_sleep(0.002)");
            // Some give up before, while, or after they wait.
            match index % 3 {
                0 => drop(tokio::time::timeout(Duration::from_micros(index as u64 * 100), statement).await),
                _ => drop(statement.await.unwrap()),
            }
            open.fetch_max(plugins.budget.status().open, Ordering::Relaxed);
        });
        join_all(work).await;
        assert!(open.into_inner() <= 3);
        for database in &databases {
            while database.pool_status().used > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        let idle: usize = databases.iter().map(|it| it.pool_status().idle).sum();
        let server = plugins.budget.status();
        assert_eq!((server.open, server.waiting), (idle, 0), "no connection is forgotten");
        for database in &databases {
            database.close().await;
        }
        assert_eq!(plugins.budget.status().open, 0);
    })
    .await;
}

/// Each has one, and wants two at times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn busy_plugins_do_not_close_each_others_connections() {
    within_a_minute(async {
        let plugins = Plugins::new(2).await;
        let both = [plugins.add(A, 0, POOL), plugins.add(B, 1, POOL)];
        for _ in 0..50 {
            let statements = both.iter().flat_map(|it| [run(it, "SELECT 1"), run(it, "SELECT 2")]);
            futures::future::try_join_all(statements).await.unwrap();
        }
        let created: u64 = both.iter().map(|it| it.pool_status().created).sum();
        assert!(created < 20, "each of the 100 is not opened anew: {created}");
    })
    .await;
}

/// One that has all and wants more gives way to one that has none, at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_the_fewest_comes_first() {
    within_a_minute(async {
        let plugins = Plugins::new(4).await;
        let hog = plugins.add(A, 0, PoolPlan { max: 4, acquire_timeout: Duration::from_secs(60), ..POOL });
        let other = plugins.add(B, 0, POOL);
        let turns = Arc::new(AtomicUsize::new(0));
        let hogs: Vec<_> = (0..20)
            .map(|_| {
                let (hog, turns) = (hog.clone(), Arc::clone(&turns));
                tokio::spawn(async move {
                    loop {
                        let held = hog.begin().await.unwrap();
                        run(&held, "SELECT pg_sleep(0.01)").await.unwrap();
                        held.commit().await.unwrap();
                        turns.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        let mut waited = BTreeSet::new();
        for _ in 0..30 {
            while hog.pool_status().used < 4 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let before = turns.load(Ordering::SeqCst);
            run(&other, "SELECT 1").await.unwrap();
            waited.insert(turns.load(Ordering::SeqCst) - before);
        }
        hogs.iter().for_each(tokio::task::JoinHandle::abort);
        // All four may end while the one that was given back changes hands.
        assert!(waited.iter().max().unwrap() <= &8, "it waited for so many turns of the other: {waited:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spent_budget_says_who_has_what() {
    within_a_minute(async {
        let plugins = Plugins::new(2).await;
        let (a, b) = (
            plugins.add(A, 0, POOL),
            plugins.add(B, 0, PoolPlan { acquire_timeout: Duration::from_millis(500), ..POOL }),
        );
        let held = [a.begin().await.unwrap(), a.begin().await.unwrap()];
        assert_snapshot!(told(&run(&b, "SELECT 1").await.unwrap_err()), @"`b` waited 500 ms for a connection: all 2 that the backend may have to `db:5432` are busy (`a` has 2); `backend.database.maxConnections` sets how many");
        assert_eq!(b.pool_status().errors, 1);
        drop(held);
        run(&b, "SELECT 1").await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_of_long_ago_is_not_what_is_told() {
    within_a_minute(async {
        let plugins = Plugins::new(1).await;
        let tenant = Tenant { inner: plugins.inner.clone(), name: "a", place: 0, limit: None };
        let pool = PoolPlan { acquire_timeout: Duration::from_millis(500), ..POOL };
        let (a, _) = pool_in(A, Unlucky(tenant), Limits { pool, ..LIMITS }, &plugins.budget);
        let b = plugins.add(B, 0, POOL);
        let error = run(&a, "SELECT 1").await.unwrap_err();
        assert!(matches!(DatabaseError::of(&error), Some(DatabaseError::Open { .. })), "{error}");
        let held = b.begin().await.unwrap();
        let error = run(&a, "SELECT 1").await.unwrap_err();
        assert!(matches!(DatabaseError::of(&error), Some(DatabaseError::BudgetSpent { .. })), "{error}");
        held.commit().await.unwrap();
        assert_eq!(who(&a).await.1, "a");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spare_connection_is_shared_though_there_is_room() {
    within_a_minute(async {
        let plugins = Plugins::new(5).await;
        let (a, b) = (plugins.add(A, 0, POOL), plugins.add(B, 0, POOL));
        let first = who(&a).await;
        tokio::time::sleep(2 * SPARE_AFTER).await;
        assert_eq!(who(&b).await.0, first.0);
        assert_eq!(plugins.budget.status().open, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_says_how_many_it_has() {
    within_a_minute(async {
        let inner = Postgres::new().await;
        let budget = Budget::new("db:5432".to_owned(), BudgetPlan { max_connections: None, replicas: 2 });
        let limit = Some(ServerLimit { max_connections: 100, reserved: 3, own: None });
        let tenant = Tenant { inner, name: "a", place: 0, limit };
        let (database, _) = pool_in(A, tenant, LIMITS, &budget);
        assert_eq!(budget.status().budget, None);
        join_all((0..5).map(async |_| run(&database, "SELECT 1").await.unwrap())).await;
        assert_eq!((budget.status().budget, budget.status().limit), (Some(38), Some(100)));
    })
    .await;
}

#[test]
fn the_default_is_safe_for_the_server() {
    let budget = |max_connections, replicas, server: Option<(usize, usize, Option<usize>)>| {
        let server = server.map(|(max_connections, reserved, own)| ServerLimit { max_connections, reserved, own });
        BudgetPlan { max_connections, replicas }.budget(server)
    };
    assert_eq!(budget(None, 1, Some((100, 3, None))), 77);
    assert_eq!(budget(None, 3, Some((100, 3, None))), 25);
    assert_eq!(budget(None, 2, Some((100, 3, Some(20)))), 10, "what the role may have is shared too");
    assert_eq!(budget(None, 50, Some((20, 3, None))), 1, "never none");
    assert_eq!(budget(Some(200), 3, Some((100, 3, None))), 200, "as configured");
    assert_eq!(budget(None, 1, None), 100, "the server does not say");
}
