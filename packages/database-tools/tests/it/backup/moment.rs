//! A backup is of one moment, whoever writes meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use backend_plugin_api::services::Database;
use sea_orm_migration::sea_orm::sea_query::{Expr, Query};
use sea_orm_migration::sea_orm::{ConnectionTrait, TransactionSession as _, TransactionTrait as _};

use super::{back_up, restore};
use crate::fixture::{LAYOUTS, Place, SAMPLE};
use crate::rows::{insert_many, migrated};

/// As many authors as books, at each commit.
async fn add_pair(database: &Database) {
    let transaction = database.begin().await.unwrap();
    transaction.execute_unprepared("INSERT INTO author (best_id) VALUES (NULL)").await.unwrap();
    transaction.execute_unprepared("INSERT INTO book (author_id) SELECT max(id) FROM author").await.unwrap();
    transaction.commit().await.unwrap();
}

async fn count(database: &Database, table: &str) -> i64 {
    let select = Query::select().expr(Expr::cust("count(*)")).from(table.to_owned()).to_owned();
    database.query_one(&select).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_somebody_writes() {
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        let site = migrated(&place).await;
        // Between the two tables, by name.
        insert_many(&site.database, 1..500, &[1; 1000]).await;
        add_pair(&site.database).await;
        let done = Arc::new(AtomicBool::new(false));
        let writer = tokio::spawn({
            let (done, database) = (Arc::clone(&done), site.database.clone());
            async move {
                while !done.load(Ordering::Relaxed) {
                    add_pair(&database).await;
                }
            }
        });
        let before = count(&site.database, "book").await;
        let backup = back_up(std::slice::from_ref(&site), &place.folder.path().join("backup")).await.unwrap();
        while count(&site.database, "book").await <= before {
            tokio::task::yield_now().await;
        }
        done.store(true, Ordering::Relaxed);
        writer.await.unwrap();
        let rows = |table: &str| {
            let tables = &backup.manifest.plugins["sample"].tables;
            tables.iter().find(|it| it.table.name == table).unwrap().checksum.rows
        };
        assert_eq!(rows("author"), rows("book"), "{layout:?}");
        assert!(rows("book") >= u64::try_from(before).unwrap(), "{layout:?}");
        let other = Place::new(layout).await;
        let target = other.site(SAMPLE);
        restore(&backup, &target).await.unwrap();
        assert_eq!(count(&target.database, "author").await, count(&target.database, "book").await);
        target.close().await;
        site.close().await;
    }
}
