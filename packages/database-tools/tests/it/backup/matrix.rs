use super::{back_up, restore, verify};
use crate::fixture::{LAYOUTS, Layout, Place, SAMPLE};
use crate::rows::{everything, fill, insert_many, migrated, next_in_tree, others};

async fn from(layout: Layout) {
    let place = Place::new(layout).await;
    let source = migrated(&place).await;
    fill(&source.database).await;
    insert_many(&source.database, 5_000..6_000, b"bytes").await;
    let folder = place.folder.path().join("backup");
    let backup = back_up(std::slice::from_ref(&source), &folder).await.unwrap();
    let (rows, other_rows) = (everything(&source.database).await, others(&source.database).await);
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        let target = place.site(SAMPLE);
        restore(&backup, &target).await.unwrap();
        let found = everything(&target.database).await;
        assert!(rows == found, "{layout:?}: {:?}", rows.iter().zip(&found).find(|(a, b)| a != b));
        assert_eq!(other_rows, others(&target.database).await, "{layout:?}");
        assert_eq!(next_in_tree(&target.database).await, 4, "{layout:?}");
        assert!(target.migrator().look().await.unwrap().pending.is_empty());
        verify(&backup, &target).await.unwrap();
        target.close().await;
    }
    source.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_files() {
    from(Layout::Files).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_postgres() {
    from(Layout::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_postgres_schemas() {
    from(Layout::PostgresSchema).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_mysql() {
    from(Layout::MySql).await;
}
