//! A copy that was broken off, and is begun again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use database_tools::transfer::{Event, LoadError, Progress, copy, source};
use sea_orm_migration::sea_orm::ConnectionTrait as _;
use tokio::sync::Notify;

use super::{migrated, quiet};
use crate::fixture::{LAYOUTS, Layout, Place, SAMPLE};

/// Broken off at each of the events: whoever runs it again gets it done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "the copy is to wait for it")]
async fn wherever_it_is_broken_off_it_can_be_run_again() {
    let from = Place::new(Layout::Files).await;
    let from = migrated(&from).await;
    from.database.execute_unprepared("INSERT INTO tree (title) VALUES ('a'), ('b')").await.unwrap();
    for layout in LAYOUTS {
        let to = Place::new(layout).await;
        let to = to.site(SAMPLE);
        for wanted in 0..8 {
            let reached = Arc::new(Notify::new());
            let (reach, count) = (Arc::clone(&reached), AtomicU64::new(0));
            let progress: Progress = Arc::new(move |_: Event<'_>| {
                if count.fetch_add(1, Ordering::SeqCst) == wanted {
                    reach.notify_one();
                    // Long enough for the other to be gone first.
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
            tokio::select! {
                biased;
                () = reached.notified() => {}
                done = copy(&from, &to, &progress) => drop(done.unwrap()),
            }
            let tables = source(&to).await.unwrap().catalog().clone();
            let tree = tables.table("tree").unwrap().clone();
            let rows = source(&to).await.unwrap().count(&tree).await.unwrap();
            assert!(rows == 0 || rows == 2, "{layout:?}, event {wanted}: {rows} rows");
        }
        let loaded = copy(&from, &to, &quiet()).await.unwrap();
        assert_eq!(loaded.tables.iter().map(|it| it.rows).sum::<u64>(), 3, "{layout:?}");
        let again = copy(&from, &to, &quiet()).await.unwrap();
        assert!(again.was_there, "{layout:?}");
        to.database.execute_unprepared("SELECT 1 FROM greenroom_copy").await.unwrap_err();
        to.close().await;
    }
    from.close().await;
}

/// The target was begun, and then a backend was started on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_wrote_in_between_is_not_overwritten() {
    for layout in LAYOUTS {
        let (from, to) = (Place::new(Layout::Files).await, Place::new(layout).await);
        let (from, to) = (migrated(&from).await, to.site(SAMPLE));
        from.database.execute_unprepared("CREATE TABLE extra (id INTEGER)").await.unwrap();
        let error = copy(&from, &to, &quiet()).await.unwrap_err();
        assert!(matches!(error, LoadError::Differs { .. }), "{error:?}");
        from.database.execute_unprepared("DROP TABLE extra").await.unwrap();
        to.database.execute_unprepared("INSERT INTO tree (title) VALUES ('by a backend')").await.unwrap();
        let error = copy(&from, &to, &quiet()).await.unwrap_err();
        let filled = [("tree".to_owned(), 1)];
        assert!(matches!(&error, LoadError::NotEmpty { filled: it, .. } if *it == filled), "{layout:?}: {error:?}");
        to.database.execute_unprepared("DELETE FROM tree").await.unwrap();
        copy(&from, &to, &quiet()).await.unwrap();
        from.close().await;
        to.close().await;
    }
}

/// Made and migrated by somebody else, and empty but for nothing at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_without_rows_are_taken() {
    let (from, to) = (Place::new(Layout::Files).await, Place::new(Layout::PostgresSchema).await);
    let (from, to) = (migrated(&from).await, migrated(&to).await);
    to.database.execute_unprepared("DELETE FROM settings").await.unwrap();
    assert!(!copy(&from, &to, &quiet()).await.unwrap().was_there);
    from.close().await;
    to.close().await;
}
