//! Transactions whose future is dropped, as when a client goes away, at each point where it waits.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use backend_plugin_api::services::Database;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, TransactionSession, TransactionTrait};
use serde_json::json;
use test_servers::{MariaDb, MariaDbOptions, Postgres, PostgresOptions};

use super::fixture::{Own, blocking, database, number};
use crate::database::fixture::bounded;
use crate::database::suite::{insert, names};

/// Lets it wait so many times and drops it at the next; whether it came to its end.
async fn up_to(waits: usize, work: impl Future<Output = Result<(), DbErr>>) -> bool {
    let (mut work, mut left) = (pin!(work), waits);
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(done.map(|()| true).unwrap()),
        Poll::Pending if left == 0 => Poll::Ready(false),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

async fn work(database: &Database, round: usize) -> Result<(), DbErr> {
    let transaction = database.begin().await?;
    insert(&transaction, &format!("{round:03} first")).await?;
    let nested = transaction.begin().await?;
    insert(&nested, &format!("{round:03} nested")).await?;
    nested.rollback().await?;
    insert(&transaction, &format!("{round:03} second")).await?;
    transaction.commit().await
}

/// `in_transaction` counts the server's sessions that have one open.
async fn a_cancelled_transaction_leaves_nothing<S: Own>(server: S, in_transaction: &str) {
    let database = database(server.config(server.port()), json!({}), json!({})).await;
    let mut round = 0;
    while !up_to(round, work(&database, round)).await {
        round += 1;
    }
    assert!(round >= 3, "it was dropped at so few points: {round}");
    // Only a commit that was on its way may have been done; then all of it was.
    let names = names(&database).await;
    assert!(names.ends_with(&[format!("{round:03} first"), format!("{round:03} second")]), "{names:?}");
    for pair in names.chunks(2) {
        assert_eq!(pair[0].replace("first", "second"), pair[1]);
    }
    while number(&database, in_transaction).await > 0 {}
    // Each connection is clean: more at once than there are, and nothing is locked.
    let all = (0..12).map(|it| work(&database, 900 + it));
    futures::future::try_join_all(all).await.unwrap();
    if database.get_database_backend() == DbBackend::Postgres {
        assert_eq!(number(&database, "SELECT count(*) FROM pg_locks WHERE pid <> pg_backend_pid()").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_transaction_leaves_nothing_on_postgresql() {
    let server = blocking(|| Postgres::start(&PostgresOptions::default()).unwrap());
    let open = "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND xact_start IS NOT NULL \
                AND backend_type = 'client backend'";
    bounded(a_cancelled_transaction_leaves_nothing(server, open)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_transaction_leaves_nothing_on_mariadb() {
    let server = blocking(|| MariaDb::start(&MariaDbOptions::default()).unwrap());
    let open = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id <> CONNECTION_ID()";
    bounded(a_cancelled_transaction_leaves_nothing(server, open)).await;
}
