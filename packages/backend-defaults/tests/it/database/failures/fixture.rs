use std::fmt::Debug;
use std::time::{Duration, Instant};

use backend_defaults::database::{DatabaseError, Outcome};
use backend_plugin_api::services::Database;
use sea_orm::{ConnectionTrait, DbErr, Statement};
use serde_json::{Value, json};
use test_servers::{MariaDb, MariaDbOptions, Postgres, PostgresOptions};

use crate::database::fixture::{PLUGIN, manager, migrate};
use crate::database::suite::{insert, names};

/// How long after the server's return a database may not work yet.
const RECOVERY: Duration = Duration::from_secs(2);

/// A server of the test's own, which keeps what was committed when it crashes.
pub(super) trait Own: Sized + Debug {
    fn start() -> Self;
    fn crash(&mut self);
    fn come_back(&mut self);
    /// `backend.database`, at a port.
    fn config(&self, port: u16) -> Value;
    fn port(&self) -> u16;
}

impl Own for Postgres {
    fn start() -> Self {
        let settings = vec![("synchronous_commit", "on"), ("max_connections", "40"), ("temp_file_limit", "1MB")];
        blocking(|| Self::start(&PostgresOptions { settings, ..Default::default() }).unwrap())
    }

    fn crash(&mut self) {
        blocking(|| self.kill().unwrap());
    }

    fn come_back(&mut self) {
        blocking(|| self.restart().unwrap());
    }

    fn config(&self, port: u16) -> Value {
        let (user, password) = (self.address().user(), self.address().password());
        json!({ "client": "pg",
                "connection": { "host": "127.0.0.1", "port": port, "user": user, "password": password } })
    }

    fn port(&self) -> u16 {
        self.address().port()
    }
}

impl Own for MariaDb {
    fn start() -> Self {
        let settings = vec![("innodb-flush-log-at-trx-commit", "2")];
        blocking(|| Self::start(&MariaDbOptions { settings, ..Default::default() }).unwrap())
    }

    fn crash(&mut self) {
        blocking(|| self.kill().unwrap());
    }

    fn come_back(&mut self) {
        blocking(|| self.restart().unwrap());
    }

    fn config(&self, port: u16) -> Value {
        let (user, password) = (self.address().user(), self.address().password());
        json!({ "client": "mysql2",
                "connection": { "host": "127.0.0.1", "port": port, "user": user, "password": password } })
    }

    fn port(&self) -> u16 {
        self.address().port()
    }
}

/// For what starts and stops servers.
#[expect(clippy::disallowed_methods, reason = "what it borrows cannot go to another thread")]
pub(super) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(work)
}

/// How long what is not to be had is waited for, where that is tested.
pub(super) const SHORT: u32 = 3000;

/// The migrated database of a plugin, with what is other in its `connection` and `knexConfig.pool`.
pub(super) async fn database(mut config: Value, connection: Value, pool: Value) -> Database {
    let knex = json!({ "max": 4, "acquireTimeoutMillis": 20000, "createRetryIntervalMillis": 20 });
    config["knexConfig"] = json!({ "pool": over(knex, pool) });
    config["connection"] = over(config["connection"].take(), connection);
    let database = manager(config).database_for(PLUGIN).unwrap();
    migrate(PLUGIN, &database).await;
    database
}

fn over(mut base: Value, other: Value) -> Value {
    let (base_map, other) = (base.as_object_mut().unwrap(), other.as_object().unwrap().clone());
    base_map.extend(other);
    base
}

/// Inserts until that works, and says when it did not in time. Each failure before has to be a typed one.
pub(super) async fn recovers(database: &Database, name: &str) {
    let since = Instant::now();
    while let Err(error) = insert(database, name).await {
        // It may have been done, and nobody heard of it.
        if names_of(database).await.is_ok_and(|it| it.iter().any(|it| it == name)) {
            break;
        }
        unavailable(&error);
        assert!(since.elapsed() < RECOVERY, "{error}");
    }
    assert!(since.elapsed() < RECOVERY, "it took {:?}", since.elapsed());
    assert!(names(database).await.iter().any(|it| it == name));
}

async fn names_of(connection: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let sql = Statement::from_string(connection.get_database_backend(), "SELECT name FROM item");
    connection.query_all_raw(sql).await?.iter().map(|it| it.try_get_by_index(0)).collect()
}

/// An error that says that the database is not to be had now.
pub(super) fn unavailable(error: &DbErr) -> &DatabaseError {
    DatabaseError::of(error).filter(|it| it.is_unavailable()).unwrap_or_else(|| panic!("{error}"))
}

/// What is known of a statement that was lost.
pub(super) fn outcome(error: &DbErr) -> Outcome {
    match unavailable(error) {
        DatabaseError::Lost { outcome, .. } => *outcome,
        error => panic!("{error}"),
    }
}

pub(super) async fn number(connection: &impl ConnectionTrait, sql: &str) -> i64 {
    let row = connection.query_one_raw(Statement::from_string(connection.get_database_backend(), sql)).await;
    row.unwrap().unwrap().try_get_by_index(0).unwrap()
}

/// As many connections as the pool may have, idle.
pub(super) async fn fill(database: &Database, count: usize) {
    use sea_orm::{TransactionSession, TransactionTrait};
    let held = futures::future::try_join_all((0..count).map(|_| database.begin())).await.unwrap();
    for transaction in held {
        transaction.rollback().await.unwrap();
    }
    assert_eq!(database.pool_status().idle, count);
}
