//! Connections that are not to be had, take too long, or break.

use insta::{allow_duplicates, assert_snapshot};
use regex::Regex;
use sea_orm::{TransactionSession, TransactionTrait};

use super::*;

macro_rules! on_both {
    ($($test:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            within_a_minute(on_each::$test::<Postgres>()).await;
            within_a_minute(on_each::$test::<MariaDb>()).await;
        })*
    };
}

on_both! {
    who_waits_is_told_who_is_busy
    slow_statements_are_given_up
    lost_connections_are_replaced
    a_closed_database_says_so
}

mod on_each {
    use super::*;

    pub(super) async fn who_waits_is_told_who_is_busy<E: TestEngine>() {
        let acquire_timeout = Duration::from_secs(2);
        let database = database::<E>(Limits { pool: PoolPlan { max: 2, acquire_timeout, ..POOL }, ..LIMITS }).await;
        let held = [database.begin().await.unwrap(), database.begin().await.unwrap()];
        let (first, second) = tokio::join!(names_of(&database), names_of(&database));
        let waiting = [&first, &second].map(|it| match DatabaseError::of(it) {
            Some(DatabaseError::ConnectionsBusy { waiting, .. }) => *waiting,
            _ => panic!("{it}"),
        });
        assert_eq!(waiting.iter().max(), Some(&1));
        let text = Regex::new(r"begun [\d.]+ m?s").unwrap().replace(&told(&first), "begun <time>").into_owned();
        let text = text.replace("; one other waits", "");
        allow_duplicates! { assert_snapshot!(text, @"`todo` waited 2.0 s for a connection: all 2 of its connections are busy, the longest with a transaction begun <time> ago; if the code that holds it waits for this, let it query through it"); }
        drop(held);
        assert!(names(&database).await.is_empty());
    }

    async fn names_of(database: &Database) -> DbErr {
        run(database, "SELECT name FROM item").await.unwrap_err()
    }

    pub(super) async fn slow_statements_are_given_up<E: TestEngine>() {
        let query_timeout = Some(Duration::from_millis(300));
        let database = database::<E>(Limits { query_timeout, ..LIMITS }).await;
        let error = run(&database, E::SLEEP).await.unwrap_err();
        allow_duplicates! { assert_snapshot!(told(&error), @"a statement of `todo` took more than 300 ms, so that its connection was given up; `query_timeout` of the database's `connection` sets that time"); }
        let transaction = database.begin().await.unwrap();
        insert(&transaction, "one").await.unwrap();
        let error = run(&transaction, E::SLEEP).await.unwrap_err();
        assert!(matches!(DatabaseError::of(&error), Some(DatabaseError::QueryTimeout { .. })), "{error}");
        assert!(is_rolled_back(&insert(&transaction, "two").await.unwrap_err()));
        assert!(is_rolled_back(&transaction.commit().await.unwrap_err()));
        assert!(names(&database).await.is_empty());
    }

    pub(super) async fn lost_connections_are_replaced<E: TestEngine>() {
        let database = database::<E>(LIMITS).await;
        let held: Vec<_> = futures::future::try_join_all((0..3).map(|_| database.begin())).await.unwrap();
        let mut held = held.into_iter();
        let (lost, idle, ending) = (held.next().unwrap(), held.next().unwrap(), held.next().unwrap());
        idle.commit().await.unwrap();
        insert(&lost, "lost").await.unwrap();
        for other in others::<E>(&ending).await {
            ending.execute_unprepared(&E::end(other)).await.unwrap();
        }
        insert(&lost, "more").await.unwrap_err();
        assert!(is_rolled_back(&insert(&lost, "outside").await.unwrap_err()));
        assert!(is_rolled_back(&lost.commit().await.unwrap_err()));
        // Neither is one used that was idle when it was ended.
        let (one, two) = tokio::join!(insert(&database, "one"), insert(&database, "two"));
        one.and(two).unwrap();
        ending.commit().await.unwrap();
        assert_eq!(names(&database).await, ["one", "two"]);
    }

    pub(super) async fn a_closed_database_says_so<E: TestEngine>() {
        let engine = E::new().await;
        let (other, _) = pool_of(engine.clone(), LIMITS);
        let (database, _) = pool_of(engine, LIMITS);
        let held = database.begin().await.unwrap();
        run(&database, "SELECT 1").await.unwrap();
        assert_eq!(others::<E>(&other).await.len(), 2);
        database.close().await;
        let error = run(&database, "SELECT 1").await.unwrap_err();
        assert!(matches!(DatabaseError::of(&error), Some(DatabaseError::Closed { .. })), "{error}");
        // The server takes a moment to see it.
        while others::<E>(&other).await.len() > 1 {}
        run(&held, "SELECT 1").await.unwrap();
        held.commit().await.unwrap();
        while !others::<E>(&other).await.is_empty() {}
    }
}

/// Never gets anywhere, or fails.
struct Nowhere {
    fails: bool,
}

#[async_trait]
impl Engine for Nowhere {
    type Connection = sqlx::PgConnection;

    async fn connect(&self) -> Result<sqlx::PgConnection, ConnectError> {
        match self.fails {
            true => Err(Arc::new(std::io::Error::other("no route to `db.internal`"))),
            false => std::future::pending().await,
        }
    }

    fn place(&self) -> usize {
        0
    }

    async fn limit(&self, _: &mut sqlx::PgConnection) -> Option<ServerLimit> {
        None
    }

    fn is_passing(&self, _: &ConnectError) -> bool {
        false
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_named() {
    let (database, _) = pool_of(Nowhere { fails: true }, LIMITS);
    assert_snapshot!(told(&run(&database, "SELECT 1").await.unwrap_err()), @"cannot open the database of `todo` (a server): no route to `db.internal`");

    let short = Duration::from_millis(50);
    let pool = PoolPlan { max: 1, acquire_timeout: short, create_timeout: short, ..POOL };
    let limits = Limits { pool, ..LIMITS };
    let (database, _) = pool_of(Nowhere { fails: false }, limits);
    assert_snapshot!(told(&run(&database, "SELECT 1").await.unwrap_err()), @"cannot open the database of `todo` (a server): it took more than 50ms");

    // One tries to connect while another waits for its turn.
    let (database, _) = pool_of(
        Nowhere { fails: false },
        Limits { pool: PoolPlan { create_timeout: Duration::from_secs(60), ..pool }, ..limits },
    );
    let errors = tokio::join!(run(&database, "SELECT 1"), run(&database, "SELECT 2"));
    for error in [errors.0, errors.1] {
        allow_duplicates! { assert_snapshot!(told(&error.unwrap_err()), @"cannot open the database of `todo` (a server): it took more than 50ms"); }
    }
}
