//! What is particular to files.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use database_tools::backup::{BackUpProgress, Backup, RestoreProgress, back_up, restore};
use database_tools::transfer::{copy, source};
use sea_orm_migration::sea_orm::ConnectionTrait as _;

use super::{migrated, quiet};
use crate::fixture::{Layout, Place, SAMPLE};

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    entries.map(|it| (it.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(it).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_source_has_the_same_bytes_afterwards() {
    let (from, to) = (Place::new(Layout::Files).await, Place::new(Layout::Files).await);
    migrated(&from).await.close().await;
    let folder = from.folder.path().join("data");
    let before = files(&folder);
    assert_eq!(before.keys().collect::<Vec<_>>(), ["sample.sqlite"]);
    let (source, target) = (from.site(SAMPLE), to.site(SAMPLE));
    copy(&source, &target, &quiet()).await.unwrap();
    source.close().await;
    target.close().await;
    assert!(files(&folder) == before, "{:?}", files(&folder).keys());
}

/// As a backend that was killed leaves it: what it wrote last is in the log alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_left_is_read_and_stays() {
    let (live, from, to) =
        (Place::new(Layout::Files).await, Place::new(Layout::Files).await, Place::new(Layout::Postgres).await);
    let site = migrated(&live).await;
    site.database.execute_unprepared("INSERT INTO tree (title) VALUES ('in the log')").await.unwrap();
    let folder = from.folder.path().join("data");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in files(&live.folder.path().join("data")) {
        if !name.ends_with("-shm") {
            std::fs::write(folder.join(name), bytes).unwrap();
        }
    }
    site.close().await;
    let before = files(&folder);
    assert_eq!(before.keys().collect::<Vec<_>>(), ["sample.sqlite", "sample.sqlite-wal"]);
    let target = to.site(SAMPLE);
    copy(&from.site(SAMPLE), &target, &quiet()).await.unwrap();
    let found =
        target.database.execute_unprepared("UPDATE tree SET note = '' WHERE title = 'in the log'").await.unwrap();
    assert_eq!(found.rows_affected(), 1);
    let after = files(&folder);
    for (name, bytes) in before {
        assert!(after.get(&name) == Some(&bytes), "{name}");
    }
    target.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_does_not_keep_others_from_writing() {
    let place = Place::new(Layout::Files).await;
    let site = migrated(&place).await;
    let mut snapshot = source(&site).await.unwrap();
    assert!(snapshot.is_unchanged().await.unwrap());
    site.database.execute_unprepared("INSERT INTO tree (title) VALUES ('later')").await.unwrap();
    let tree = snapshot.catalog().table("tree").unwrap().clone();
    assert_eq!(snapshot.count(&tree).await.unwrap(), 0);
    assert!(!snapshot.is_unchanged().await.unwrap());
    site.close().await;
}

/// Whose numbers have too many digits for SQLite, which would cut them off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_sqlite_cannot_keep_is_refused() {
    let (from, to) = (Place::new(Layout::Postgres).await, Place::new(Layout::Files).await);
    let (source, target) = (migrated(&from).await, to.site(SAMPLE));
    for (value, message) in [
        (
            "exact) VALUES (12345678901234.123456)",
            "table `everything`: SQLite cannot keep all digits of 12345678901234.123456",
        ),
        ("double) VALUES ('NaN')", "table `everything`: SQLite has no NaN"),
        (
            "at) VALUES ('infinity')",
            "table `everything`: column `at`, row 1 of its table: \"infinity\" is no timestamp",
        ),
    ] {
        source.database.execute_unprepared("DELETE FROM everything").await.unwrap();
        source.database.execute_unprepared(&format!("INSERT INTO everything ({value}")).await.unwrap();
        let error = copy(&source, &target, &quiet()).await.unwrap_err();
        assert_eq!(format!("{:#}", anyhow::Error::from(error)), message);
    }
    source.close().await;
    target.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_postgres_cannot_have_is_refused() {
    let (from, to) = (Place::new(Layout::Files).await, Place::new(Layout::PostgresSchema).await);
    let (source, target) = (migrated(&from).await, to.site(SAMPLE));
    source.database.execute_unprepared("INSERT INTO everything (letters) VALUES ('a' || char(0))").await.unwrap();
    let error = copy(&source, &target, &quiet()).await.unwrap_err();
    assert_eq!(
        format!("{:#}", anyhow::Error::from(error)),
        "table `everything`: column `letters`: PostgreSQL cannot have the character NUL in text"
    );
    source.close().await;
    target.close().await;
}

/// Full-text indexes have rows of their own kind, in tables of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn virtual_tables_are_told() {
    let (from, to, back) =
        (Place::new(Layout::Files).await, Place::new(Layout::Files).await, Place::new(Layout::Files).await);
    let site = migrated(&from).await;
    for sql in ["CREATE VIRTUAL TABLE words USING fts5(word)", "INSERT INTO words VALUES ('milk')"] {
        site.database.execute_unprepared(sql).await.unwrap();
    }
    let (target, restored) = (to.site(SAMPLE), back.site(SAMPLE));
    let copied = copy(&site, &target, &quiet()).await.unwrap();
    assert_eq!(copied.left_out, ["words"]);
    assert!(copied.tables.iter().all(|it| !it.name.starts_with("words")), "{:?}", copied.tables);

    let folder = from.folder.path().join("backup");
    let (writing, reading): (BackUpProgress, RestoreProgress) = (Arc::new(|_, _, _| ()), Arc::new(|_, _| ()));
    let backed_up = back_up(std::slice::from_ref(&site), &folder, &writing).await.unwrap();
    assert_eq!(backed_up.backup.manifest.plugins["sample"].left_out, ["words"]);
    let backup = Backup::open(&folder).unwrap();
    let done = restore(&backup, std::slice::from_ref(&restored), &reading).await.unwrap();
    assert_eq!(done[0].1.as_ref().unwrap().left_out, ["words"]);
    for it in [site, target, restored] {
        it.close().await;
    }
}
