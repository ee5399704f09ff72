use futures::TryStreamExt;
use sea_orm::{AccessMode, IsolationLevel, StreamTrait, TransactionSession, TransactionTrait};

use super::*;

macro_rules! on_both {
    ($($test:ident)*) => {
        on_both!(@on postgres, Postgres: $($test)*);
        on_both!(@on maria_db, MariaDb: $($test)*);
    };
    (@on $name:ident, $Engine:ident: $($test:ident)*) => {
        mod $name {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::within_a_minute(super::$test::<super::$Engine>()).await;
            })*
        }
    };
}

on_both! {
    transactions_are_committed_and_undone
    a_dropped_transaction_lets_go_of_its_locks
    what_sql_text_leaves_behind_is_not_seen_by_others
    nothing_ends_a_transaction_behind_its_back
    options_of_transactions_hold
    a_stream_may_be_given_up
    cancelled_statements_leave_nothing_behind
    answers_of_cancelled_statements_are_not_taken_for_others
    a_failed_statement_leaves_what_came_before
}

async fn transactions_are_committed_and_undone<E: TestEngine>() {
    let database = database::<E>(LIMITS).await;
    let outer = database.begin().await.unwrap();
    insert(&outer, "outer").await.unwrap();
    let inner = outer.begin().await.unwrap();
    insert(&inner, "rolled back").await.unwrap();
    let innermost = inner.begin().await.unwrap();
    insert(&innermost, "rolled back too").await.unwrap();
    innermost.commit().await.unwrap();
    inner.rollback().await.unwrap();
    let inner = outer.begin().await.unwrap();
    insert(&inner, "dropped").await.unwrap();
    let innermost = inner.begin().await.unwrap();
    insert(&innermost, "dropped too").await.unwrap();
    drop((innermost, inner));
    let inner = outer.begin().await.unwrap();
    insert(&inner, "inner").await.unwrap();
    inner.commit().await.unwrap();
    assert_eq!(names(&outer).await, ["inner", "outer"]);
    outer.commit().await.unwrap();

    let rolled_back = database.begin().await.unwrap();
    insert(&rolled_back, "rolled back").await.unwrap();
    rolled_back.rollback().await.unwrap();
    assert_eq!(names(&database).await, ["inner", "outer"]);
}

async fn a_dropped_transaction_lets_go_of_its_locks<E: TestEngine>() {
    let database = database::<E>(LIMITS).await;
    for _ in 0..20 {
        let transaction = database.begin().await.unwrap();
        insert(&transaction, "one").await.unwrap();
        let nested = transaction.begin().await.unwrap();
        insert(&nested, "two").await.unwrap();
        drop((nested, transaction));
        // It would wait for ever for one that is open in a connection that nobody uses.
        insert(&database, "one").await.unwrap();
        run(&database, "DELETE FROM item").await.unwrap();
    }
    assert!(others::<E>(&database).await.len() < 3, "connections are used again");
}

async fn what_sql_text_leaves_behind_is_not_seen_by_others<E: TestEngine>() {
    let database = database::<E>(Limits { pool: PoolPlan { max: 1, ..POOL }, ..LIMITS }).await;
    let (set, get) = match E::Connection::BACKEND {
        DbBackend::Postgres => ("SET search_path TO nowhere", "SHOW search_path"),
        _ => ("SET @left = 'nowhere'", "SELECT COALESCE(@left, '')"),
    };
    run(&database, set).await.unwrap();
    let sql = Statement::from_string(E::Connection::BACKEND, get);
    let left: String = database.query_one_raw(sql).await.unwrap().unwrap().try_get_by_index(0).unwrap();
    assert_ne!(left, "nowhere");

    database.execute_unprepared("BEGIN; INSERT INTO item VALUES ('never committed')").await.unwrap();
    assert!(names(&database).await.is_empty());
    database.execute_unprepared("CREATE TEMPORARY TABLE item (name VARCHAR(50))").await.unwrap();
    insert(&database, "one").await.unwrap();
    insert(&database, "one").await.unwrap_err();
}

async fn nothing_ends_a_transaction_behind_its_back<E: TestEngine>() {
    let database = database::<E>(LIMITS).await;
    let transaction = database.begin().await.unwrap();
    insert(&transaction, "one").await.unwrap();
    for sql in ["COMMIT", "SELECT 1; ROLLBACK"] {
        let error = transaction.execute_unprepared(sql).await.unwrap_err();
        assert!(matches!(DatabaseError::of(&error), Some(DatabaseError::EndsTransaction { .. })), "{error}");
    }
    transaction.execute_unprepared("SAVEPOINT mine; INSERT INTO item VALUES ('two')").await.unwrap();
    transaction.execute_unprepared("ROLLBACK TO SAVEPOINT mine").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(names(&database).await, ["one"]);
}

async fn options_of_transactions_hold<E: TestEngine>() {
    let database = database::<E>(Limits { pool: PoolPlan { max: 1, ..POOL }, ..LIMITS }).await;
    let reading = database.begin_with_config(Some(IsolationLevel::Serializable), Some(AccessMode::ReadOnly)).await;
    let reading = reading.unwrap();
    let (isolation, level) = match E::Connection::BACKEND {
        DbBackend::Postgres => ("SHOW transaction_isolation", Some("serializable")),
        // It tells of the session alone.
        _ => ("SELECT @@tx_isolation", None),
    };
    let sql = Statement::from_string(E::Connection::BACKEND, isolation);
    let now: String = reading.query_one_raw(sql).await.unwrap().unwrap().try_get_by_index(0).unwrap();
    assert!(level.is_none_or(|it| it == now), "{now}");
    let error = insert(&reading, "no").await.unwrap_err().to_string().to_lowercase();
    assert!(error.contains("read-only") || error.contains("read only"), "{error}");
    drop(reading);
    insert(&database, "yes").await.unwrap();
}

async fn a_stream_may_be_given_up<E: TestEngine>() {
    let database = database::<E>(LIMITS).await;
    let many: Vec<_> = (0..2000).map(|it| format!("('{it}')")).collect();
    run(&database, &format!("INSERT INTO item VALUES {}", many.join(","))).await.unwrap();
    let all = || Statement::from_string(E::Connection::BACKEND, "SELECT a.name FROM item a, item b LIMIT 200000");
    let mut rows = database.stream_raw(all()).await.unwrap();
    rows.try_next().await.unwrap().unwrap();
    drop(rows);

    let transaction = database.begin().await.unwrap();
    insert(&transaction, "before").await.unwrap();
    let nested = transaction.begin().await.unwrap();
    let mut rows = nested.stream_raw(all()).await.unwrap();
    rows.try_next().await.unwrap().unwrap();
    drop(rows);
    insert(&nested, "after").await.unwrap();
    nested.commit().await.unwrap();
    let rows: Vec<_> = transaction.stream_raw(all()).await.unwrap().try_collect().await.unwrap();
    assert_eq!(rows.len(), 200_000);
    transaction.commit().await.unwrap();
    assert_eq!(names(&database).await.len(), 2002);
}

async fn cancelled_statements_leave_nothing_behind<E: TestEngine>() {
    let database = database::<E>(LIMITS).await;
    let rounds = (0..60).map(|round| {
        let database = database.clone();
        tokio::spawn(async move {
            let work = async {
                let transaction = database.begin().await.unwrap();
                insert(&transaction, &format!("{round}")).await.unwrap();
                let nested = transaction.begin().await.unwrap();
                insert(&nested, &format!("{round} nested")).await.unwrap();
                nested.commit().await.unwrap();
                // To be given up at this or any point before.
                drop(run(&transaction, E::SLEEP).await);
                transaction.commit().await.unwrap();
            };
            tokio::time::timeout(Duration::from_micros(100 + 300 * round), work).await.unwrap_err();
        })
    });
    futures::future::try_join_all(rounds.collect::<Vec<_>>()).await.unwrap();
    assert!(names(&database).await.is_empty());
    // None is taken for good.
    let held: Vec<_> = futures::future::try_join_all((0..3).map(|_| database.begin())).await.unwrap();
    for transaction in held {
        assert!(names(&transaction).await.is_empty());
        transaction.commit().await.unwrap();
    }
}

async fn answers_of_cancelled_statements_are_not_taken_for_others<E: TestEngine>() {
    let database = database::<E>(LIMITS).await;
    let (placeholder, kind) = match E::Connection::BACKEND {
        DbBackend::Postgres => ("$1", "BIGINT"),
        _ => ("?", "SIGNED"),
    };
    let tasks = (0..6_i64).map(|task| {
        let database = database.clone();
        tokio::spawn(async move {
            for round in 0..150 {
                let number = task * 1000 + round;
                // Often one that the connection has not prepared yet.
                let sql = format!("SELECT CAST({placeholder} AS {kind}) + {} AS n", round % 40);
                let statement = Statement::from_sql_and_values(E::Connection::BACKEND, sql, [number.into()]);
                let asked = async {
                    let row = database.query_one_raw(statement).await.unwrap().unwrap();
                    assert_eq!(row.try_get_by_index::<i64>(0).unwrap(), number + round % 40);
                };
                drop(tokio::time::timeout(Duration::from_micros(((number * 37) % 900) as u64), asked).await);
            }
        })
    });
    futures::future::try_join_all(tasks.collect::<Vec<_>>()).await.unwrap();
    for number in 0..10 {
        let sql = format!("SELECT COUNT(*) + {number} FROM item");
        assert_eq!(self::number(&database, &sql).await, number);
    }
}

async fn a_failed_statement_leaves_what_came_before<E: TestEngine>() {
    let database = database::<E>(LIMITS).await;
    let transaction = database.begin().await.unwrap();
    insert(&transaction, "one").await.unwrap();
    let nested = transaction.begin().await.unwrap();
    insert(&nested, "one").await.unwrap_err();
    nested.rollback().await.unwrap();
    insert(&transaction, "two").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(names(&database).await, ["one", "two"]);
}

#[tokio::test]
async fn an_aborted_transaction_of_postgresql_is_not_committed() {
    within_a_minute(async {
        let database = database::<Postgres>(LIMITS).await;
        let transaction = database.begin().await.unwrap();
        insert(&transaction, "one").await.unwrap();
        insert(&transaction, "one").await.unwrap_err();
        let error = insert(&transaction, "two").await.unwrap_err();
        assert!(error.to_string().contains("current transaction is aborted"), "{error}");
        let nested = transaction.begin().await.unwrap_err();
        assert!(nested.to_string().contains("current transaction is aborted"), "{nested}");
        let error = transaction.commit().await.unwrap_err();
        assert!(is_rolled_back(&error), "{error}");
        assert!(names(&database).await.is_empty());

        // Mended by hand.
        let transaction = database.begin().await.unwrap();
        insert(&transaction, "one").await.unwrap();
        transaction.execute_unprepared("SAVEPOINT mine").await.unwrap();
        insert(&transaction, "one").await.unwrap_err();
        transaction.execute_unprepared("ROLLBACK TO mine").await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(names(&database).await, ["one"]);
    })
    .await;
}

#[tokio::test]
async fn a_commit_that_fails_in_postgresql_undoes_all() {
    within_a_minute(async {
        let database = database::<Postgres>(Limits { pool: PoolPlan { max: 1, ..POOL }, ..LIMITS }).await;
        let deferred = "CREATE TABLE child (name VARCHAR(50) REFERENCES item DEFERRABLE INITIALLY DEFERRED)";
        run(&database, deferred).await.unwrap();
        let transaction = database.begin().await.unwrap();
        run(&transaction, "INSERT INTO child VALUES ('orphan')").await.unwrap();
        let nested = transaction.begin().await.unwrap();
        nested.commit().await.unwrap();
        let error = transaction.commit().await.unwrap_err();
        assert!(error.to_string().contains("foreign key"), "{error}");
        assert_eq!(number(&database, "SELECT count(*) FROM child").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_statement_in_postgresql_is_waited_for() {
    within_a_minute(async {
        let database = database::<Postgres>(LIMITS).await;
        let transaction = database.begin().await.unwrap();
        insert(&transaction, "one").await.unwrap();
        let slow = run(&transaction, "INSERT INTO item SELECT 'two' FROM pg_sleep(0.3)");
        tokio::time::timeout(Duration::from_millis(30), slow).await.unwrap_err();
        assert_eq!(names(&transaction).await, ["one", "two"]);
        let fails = run(&transaction, "INSERT INTO item SELECT 'two' FROM pg_sleep(0.3)");
        tokio::time::timeout(Duration::from_millis(30), fails).await.unwrap_err();
        let error = transaction.commit().await.unwrap_err();
        assert!(is_rolled_back(&error), "{error}");
        assert!(names(&database).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_cancelled_on_postgresql_is_used_again() {
    within_a_minute(async {
        let database = database::<Postgres>(Limits { pool: PoolPlan { max: 1, ..POOL }, ..LIMITS }).await;
        let id = "SELECT pg_backend_pid()::bigint";
        let before = number(&database, id).await;
        for sql in ["SELECT pg_sleep(0.1)", "SELECT 1 / (random() * 0 + pg_sleep(0.1)::text::int)", "COMMIT"] {
            let transaction = database.begin().await.unwrap();
            let work = run(&transaction, sql);
            drop(tokio::time::timeout(Duration::from_millis(10), work).await);
            drop(transaction);
            drop(tokio::time::timeout(Duration::from_millis(10), run(&database, "SELECT pg_sleep(0.1)")).await);
        }
        assert_eq!(number(&database, id).await, before);
        // Not for long.
        drop(tokio::time::timeout(Duration::from_millis(10), run(&database, Postgres::SLEEP)).await);
        assert_ne!(number(&database, id).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_deadlock_in_mysql_ends_the_transaction() {
    within_a_minute(async {
        let database = database::<MariaDb>(LIMITS).await;
        insert(&database, "a").await.unwrap();
        insert(&database, "b").await.unwrap();
        let lock = |name: &str| format!("SELECT name FROM item WHERE name = '{name}' FOR UPDATE");
        let (one, two) = (database.begin().await.unwrap(), database.begin().await.unwrap());
        run(&one, &lock("a")).await.unwrap();
        run(&two, &lock("b")).await.unwrap();
        let (b, a) = (lock("b"), lock("a"));
        let (first, second) = tokio::join!(run(&one, &b), run(&two, &a));
        let (loser, winner) = if first.is_err() { (one, two) } else { (two, one) };
        assert!(first.is_err() != second.is_err());
        // Else it would be committed at once.
        let error = insert(&loser, "outside").await.unwrap_err();
        assert!(is_rolled_back(&error), "{error}");
        assert!(is_rolled_back(&loser.commit().await.unwrap_err()));
        insert(&winner, "inside").await.unwrap();
        winner.commit().await.unwrap();
        assert_eq!(names(&database).await, ["a", "b", "inside"]);
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_statement_in_mysql_ends_the_transaction() {
    within_a_minute(async {
        let database = database::<MariaDb>(LIMITS).await;
        let transaction = database.begin().await.unwrap();
        insert(&transaction, "one").await.unwrap();
        let nested = transaction.begin().await.unwrap();
        tokio::time::timeout(Duration::from_millis(30), run(&nested, MariaDb::SLEEP)).await.unwrap_err();
        drop(nested);
        assert!(is_rolled_back(&insert(&transaction, "two").await.unwrap_err()));
        transaction.rollback().await.unwrap();
        assert!(names(&database).await.is_empty());
    })
    .await;
}
