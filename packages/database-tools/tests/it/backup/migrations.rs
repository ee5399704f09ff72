//! Backups of tables as they were before this backend's newest migrations.

use std::fs;

use database_tools::backup::Backup;
use insta::assert_snapshot;
use sea_orm_migration::sea_orm::ConnectionTrait as _;
use serde_json::Value;

use super::{back_up, restore, verify};
use crate::fixture::{LAYOUTS, Layout, Place, SAMPLE};
use crate::rows::{everything, fill, migrated, others};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_after_the_backup_is_applied_after_it() {
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        let source = place.site(SAMPLE);
        source.provision().await.unwrap();
        source.migrator().run_to("m20260101_000001_create_all").await.unwrap();
        fill(&source.database).await;
        let backup = back_up(std::slice::from_ref(&source), &place.folder.path().join("backup")).await.unwrap();
        let there = Place::new(layout).await;
        let target = there.site(SAMPLE);
        verify(&backup, &target).await.unwrap();
        restore(&backup, &target).await.unwrap();
        assert!(target.migrator().look().await.unwrap().pending.is_empty(), "{layout:?}");
        let noted = target.database.execute_unprepared("UPDATE tree SET note = 'new'").await.unwrap();
        assert_eq!(noted.rows_affected(), 3);
        assert!(everything(&target.database).await == everything(&source.database).await);
        assert_eq!(others(&target.database).await, others(&source.database).await);
        target.close().await;

        let ahead = Place::new(layout).await;
        let target = migrated(&ahead).await;
        let error = format!("{:#}", restore(&backup, &target).await.unwrap_err());
        let told = "has migrations that came after the backup: `m20260102_000001_add_note`; drop it first (`db drop`)";
        assert!(error.ends_with(told), "{layout:?}: {error}");
        target.close().await;
        source.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_without_an_early_migration() {
    let place = Place::new(Layout::Files).await;
    let source = migrated(&place).await;
    let folder = place.folder.path().join("backup");
    back_up(std::slice::from_ref(&source), &folder).await.unwrap();
    let file = folder.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    manifest["plugins"]["sample"]["migrations"].as_array_mut().unwrap().remove(1);
    fs::write(&file, manifest.to_string()).unwrap();
    let error = format!("{:#}", verify(&Backup::open(&folder).unwrap(), &source).await.unwrap_err());
    assert_snapshot!(error, @"the backup lacks migrations that this backend has before others: `m20260101_000001_create_all`");
    source.close().await;
}
