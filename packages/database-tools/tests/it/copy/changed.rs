//! A source that others write to meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use database_tools::Site;
use database_tools::transfer::{Event, LoadError, Progress, copy, source};
use sea_orm_migration::sea_orm::ConnectionTrait as _;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::{migrated, quiet};
use crate::fixture::{LAYOUTS, Layout, Place, SAMPLE};

/// Runs it in the source when the first rows have been written to the target, once.
#[expect(clippy::disallowed_methods, reason = "the copy is to wait for it")]
fn meanwhile(source: &Site, sql: &'static str) -> Progress {
    let (source, done) = (source.clone(), AtomicBool::new(false));
    Arc::new(move |event: Event<'_>| {
        if matches!(event, Event::Copied { .. }) && !done.swap(true, Ordering::SeqCst) {
            let run = source.database.execute_unprepared(sql);
            block_in_place(|| Handle::current().block_on(run)).unwrap();
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_row_that_changes_meanwhile_is_not_missed() {
    for layout in LAYOUTS {
        let from = Place::new(layout).await;
        let from = migrated(&from).await;
        from.database.execute_unprepared("INSERT INTO tree (title) VALUES ('a'), ('b')").await.unwrap();
        for sql in [
            "UPDATE tree SET title = 'c' WHERE title = 'a'",
            "DELETE FROM tree WHERE title = 'b'",
            "INSERT INTO tree (title) VALUES ('d')",
        ] {
            let to = Place::new(Layout::Files).await;
            let to = to.site(SAMPLE);
            let error = copy(&from, &to, &meanwhile(&from, sql)).await.unwrap_err();
            assert!(matches!(&error, LoadError::Changed { tables } if *tables == ["tree"]), "{layout:?}: {error:?}");
            let tree = source(&to).await.unwrap().catalog().table("tree").unwrap().clone();
            assert_eq!(source(&to).await.unwrap().count(&tree).await.unwrap(), 0, "{layout:?}");
            // And once more, while nobody writes.
            copy(&from, &to, &quiet()).await.unwrap();
            to.close().await;
        }
        from.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn what_others_wrote_and_undid_is_no_change() {
    let (from, to) = (Place::new(Layout::Files).await, Place::new(Layout::Files).await);
    let (from, to) = (migrated(&from).await, to.site(SAMPLE));
    let sql = "INSERT INTO tree (title) VALUES ('a'); DELETE FROM tree";
    copy(&from, &to, &meanwhile(&from, sql)).await.unwrap();
    from.close().await;
    to.close().await;
}
