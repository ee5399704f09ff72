//! Servers that do not do what they are asked, and say why.

use insta::assert_snapshot;
use sea_orm::{AccessMode, SqlErr, TransactionSession, TransactionTrait};

use super::*;
use crate::database::Outcome;

fn lost(error: &DbErr) -> Outcome {
    match DatabaseError::of(error) {
        Some(DatabaseError::Lost { outcome, location, .. }) if location == "a server" => *outcome,
        _ => panic!("{error}"),
    }
}

async fn what_is_known_of_a_lost_statement_is_told<E: TestEngine>() {
    let (ending, _) = pool_of(E::new().await, LIMITS);
    let end_others = || async {
        for other in others::<E>(&ending).await {
            // It may have ended meanwhile, of which MariaDB makes an error.
            drop(ending.execute_unprepared(&E::end(other)).await);
        }
    };
    let database = ending.clone();
    run(&database, "CREATE TABLE item (name VARCHAR(50) PRIMARY KEY)").await.unwrap();

    let transaction = database.begin().await.unwrap();
    insert(&transaction, "one").await.unwrap();
    let nested = transaction.begin().await.unwrap();
    end_others().await;
    assert_eq!(lost(&insert(&nested, "two").await.unwrap_err()), Outcome::RolledBack);
    drop((nested, transaction));

    let transaction = database.begin().await.unwrap();
    insert(&transaction, "three").await.unwrap();
    end_others().await;
    assert_eq!(lost(&transaction.commit().await.unwrap_err()), Outcome::Unknown);

    let mut asleep = std::pin::pin!(run(&database, E::SLEEP));
    // More than once: the first may still be those of before.
    let asleep = loop {
        tokio::select! {
            done = &mut asleep => break done,
            () = end_others() => {}
        }
    };
    assert_eq!(lost(&asleep.unwrap_err()), Outcome::Unknown);
    assert!(names(&database).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_known_of_a_lost_statement_is_told_on_both() {
    within_a_minute(what_is_known_of_a_lost_statement_is_told::<Postgres>()).await;
    within_a_minute(what_is_known_of_a_lost_statement_is_told::<MariaDb>()).await;
}

/// What is asked of a connection that was ended while it lay idle.
async fn what_only_reads_is_answered_all_the_same<E: TestEngine>() {
    let engine = E::new().await;
    let (ending, _) = pool_of(engine.clone(), LIMITS);
    let (database, pool) = pool_of(engine, Limits { pool: PoolPlan { max: 1, ..POOL }, ..LIMITS });
    run(&database, "CREATE TABLE item (name VARCHAR(50) PRIMARY KEY)").await.unwrap();
    let idle = || async {
        assert!(names(&database).await.len() < 2);
        for other in others::<E>(&ending).await {
            ending.execute_unprepared(&E::end(other)).await.unwrap();
        }
        while !others::<E>(&ending).await.is_empty() {}
    };
    idle().await;
    assert!(names(&database).await.is_empty());
    idle().await;
    assert_eq!(number(&database, "SELECT COUNT(*) FROM item").await, 0);
    idle().await;
    let transaction = database.begin().await.unwrap();
    insert(&transaction, "one").await.unwrap();
    transaction.commit().await.unwrap();
    // What may have been done is not done again.
    idle().await;
    assert_eq!(lost(&insert(&database, "two").await.unwrap_err()), Outcome::Unknown);
    assert_eq!(names(&database).await, ["one"]);
    assert_eq!(pool.status().errors, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_reads_is_answered_all_the_same_on_both() {
    within_a_minute(what_only_reads_is_answered_all_the_same::<Postgres>()).await;
    within_a_minute(what_only_reads_is_answered_all_the_same::<MariaDb>()).await;
}

#[tokio::test]
async fn a_lost_connection_is_told_as_the_server_said() {
    within_a_minute(async {
        let database = database::<Postgres>(LIMITS).await;
        let transaction = database.begin().await.unwrap();
        for other in others::<Postgres>(&database).await {
            database.execute_unprepared(&Postgres::end(other)).await.unwrap();
        }
        let error = run(&transaction, "SELECT 1").await.unwrap_err();
        assert_snapshot!(told(&error), @"the connection to the database of `todo` (a server) was lost: terminating connection due to administrator command (57P01); its transaction is rolled back");
    })
    .await;
}

#[tokio::test]
async fn a_read_only_server_is_told_from_a_read_only_transaction() {
    within_a_minute(async {
        let engine = Postgres::new().await;
        let (writing, _) = pool_of(engine.clone(), LIMITS);
        run(&writing, "CREATE TABLE item (name VARCHAR(50) PRIMARY KEY)").await.unwrap();
        let default = |to: &str| {
            format!(
                "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = {to}', \
                 current_database()); END $$"
            )
        };
        run(&writing, &default("on")).await.unwrap();

        let (database, _) = pool_of(engine, LIMITS);
        assert!(names(&database).await.is_empty());
        let error = insert(&database, "one").await.unwrap_err();
        assert_snapshot!(told(&error), @"the database of `todo` (a server) is read-only: cannot execute INSERT in a read-only transaction (25006); it is opened anew each time, as another server, or the file, may take changes by then");
        let transaction = database.begin().await.unwrap();
        let error = insert(&transaction, "one").await.unwrap_err();
        assert!(matches!(DatabaseError::of(&error), Some(DatabaseError::ReadOnly { .. })), "{error}");
        assert!(is_rolled_back(&transaction.commit().await.unwrap_err()));

        let mending = writing.begin_with_config(None, Some(AccessMode::ReadWrite)).await.unwrap();
        run(&mending, &default("off")).await.unwrap();
        mending.commit().await.unwrap();
        // On a new connection, as the ones before were closed.
        insert(&database, "one").await.unwrap();

        let transaction = database.begin_with_config(None, Some(AccessMode::ReadOnly)).await.unwrap();
        let error = insert(&transaction, "two").await.unwrap_err();
        assert!(DatabaseError::of(&error).is_none() && error.to_string().contains("read-only transaction"), "{error}");
        drop(transaction);
        assert_eq!(names(&database).await, ["one"]);
    })
    .await;
}

#[tokio::test]
async fn troubles_of_postgresql_are_told() {
    within_a_minute(async {
        let database = database::<Postgres>(LIMITS).await;
        let transaction = database.begin().await.unwrap();
        run(&transaction, "SET LOCAL statement_timeout = 20").await.unwrap();
        let error = run(&transaction, Postgres::SLEEP).await.unwrap_err();
        assert_snapshot!(told(&error), @"a statement of `todo` was ended by the server: canceling statement due to statement timeout (57014)");
        assert!(is_rolled_back(&transaction.commit().await.unwrap_err()));

        let raise = "CREATE FUNCTION raise(code text) RETURNS int LANGUAGE plpgsql AS \
            $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = code; END $$";
        run(&database, raise).await.unwrap();
        let raised = |code: &'static str| {
            let database = &database;
            async move { run(database, &format!("SELECT raise('{code}')")).await.unwrap_err() }
        };
        assert_snapshot!(told(&raised("53100").await), @"the database of `todo` (a server) has no room: could not extend file (53100); nothing of the statement was kept");
        for code in ["53000", "53200", "53300", "53400"] {
            let error = raised(code).await;
            assert!(matches!(DatabaseError::of(&error), Some(DatabaseError::NoRoom { .. })), "{code}: {error}");
        }
        // A lock that was not to be had, a conflict of transactions, a deadlock: the plugin's own.
        for code in ["55P03", "40001", "40P01", "P0001", "22012"] {
            let error = raised(code).await;
            assert!(DatabaseError::of(&error).is_none(), "{code}: {error}");
        }
        insert(&database, "one").await.unwrap();
        let twice = insert(&database, "one").await.unwrap_err();
        assert!(matches!(twice.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))), "{twice}");
    })
    .await;
}

#[tokio::test]
async fn troubles_of_mysql_are_told() {
    within_a_minute(async {
        let database = database::<MariaDb>(LIMITS).await;
        let slow = "SET STATEMENT max_statement_time = 0.02 FOR SELECT COUNT(*) FROM \
            (WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n) a, \
            (WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n) b, \
            (WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n) c";
        assert_snapshot!(told(&run(&database, slow).await.unwrap_err()), @"a statement of `todo` was ended by the server: Query execution was interrupted (max_statement_time exceeded) (1969)");

        let small = "SET STATEMENT max_heap_table_size = 16384 FOR CREATE TABLE heap (name CHAR(255)) ENGINE = MEMORY";
        database.execute_unprepared(small).await.unwrap();
        let fill = format!("INSERT INTO heap VALUES {}", vec!["('x')"; 1000].join(","));
        assert_snapshot!(told(&run(&database, &fill).await.unwrap_err()), @"the database of `todo` (a server) has no room: The table 'heap' is full (1114); nothing of the statement was kept");

        let signalled = |number: u16, text: &'static str| {
            let sql = format!("SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = '{text}'");
            let database = &database;
            async move { database.execute_unprepared(&sql).await.unwrap_err() }
        };
        let read_only = "The MariaDB server is running with the --read-only option so it cannot execute this statement";
        for (number, text) in [(1290, read_only), (1836, "Running in read-only mode")] {
            let error = signalled(number, text).await;
            assert!(matches!(DatabaseError::of(&error), Some(DatabaseError::ReadOnly { .. })), "{error}");
        }
        let error = signalled(1047, "WSREP has not yet prepared node for application use").await;
        assert_eq!(lost(&error), Outcome::Unknown);
        for (number, text) in [(1290, "running with the --secure-file-priv option"), (1205, "Lock wait timeout")] {
            let error = signalled(number, text).await;
            assert!(DatabaseError::of(&error).is_none(), "{error}");
        }
        insert(&database, "one").await.unwrap();
        let twice = insert(&database, "one").await.unwrap_err();
        assert!(matches!(twice.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))), "{twice}");
    })
    .await;
}

#[tokio::test]
async fn a_statement_that_cannot_be_sent_is_not_the_servers_fault() {
    within_a_minute(async {
        let database = database::<Postgres>(Limits { pool: PoolPlan { max: 1, ..POOL }, ..LIMITS }).await;
        let values = vec![sea_orm::Value::from(1); 70_000];
        let sql = format!("SELECT $1{}", (2..=70_000).map(|it| format!(" + ${it}")).collect::<String>());
        let many = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
        let error = database.query_one_raw(many).await.unwrap_err();
        assert!(DatabaseError::of(&error).is_none(), "{error}");
        insert(&database, "one").await.unwrap();
    })
    .await;
}
