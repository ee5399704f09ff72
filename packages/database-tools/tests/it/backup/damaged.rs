//! Whatever is wrong with a backup is found, and nothing of it comes into a database.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use database_tools::backup::Backup;
use insta::assert_snapshot;
use sea_orm_migration::sea_orm::ConnectionTrait;
use serde_json::Value;

use super::{back_up, restore, verify};
use crate::fixture::{LAYOUTS, Layout, Place, SAMPLE};
use crate::rows::{everything, fill, insert_many, migrated};

const EVERYTHING: &str = "sample/everything.jsonl.zst";

/// A backup, and where it may be restored.
struct Damaged {
    source: Place,
    folder: PathBuf,
}

impl Damaged {
    async fn new() -> Self {
        let source = Place::new(Layout::Files).await;
        let site = migrated(&source).await;
        fill(&site.database).await;
        insert_many(&site.database, 5_000..7_000, &[7; 200]).await;
        let folder = source.folder.path().join("backup");
        back_up(std::slice::from_ref(&site), &folder).await.unwrap();
        site.close().await;
        Self { source, folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Changes the manifest.
    fn edit(&self, edit: impl FnOnce(&mut Value)) {
        let file = self.file("manifest.json");
        let mut manifest = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        edit(&mut manifest);
        fs::write(file, manifest.to_string()).unwrap();
    }

    /// What is said of it, by both commands and into each layout alike.
    async fn refused(&self) -> String {
        let mut said = Vec::new();
        for layout in LAYOUTS {
            let place = Place::new(layout).await;
            let target = place.site(SAMPLE);
            for verifies in [true, false] {
                let done = async {
                    let backup = Backup::open(&self.folder)?;
                    if verifies { verify(&backup, &target).await } else { restore(&backup, &target).await }
                };
                let error = format!("{:#}", done.await.unwrap_err());
                said.push(error.replace(&self.source.folder.path().display().to_string(), "<folder>"));
            }
            if target.exists().await.unwrap() {
                let rows = target.migrator().look().await.unwrap();
                if rows.pending.is_empty() {
                    assert_eq!(everything(&target.database).await, [], "{layout:?}");
                }
            }
            target.close().await;
        }
        assert!(said.iter().all(|it| *it == said[0]), "{said:#?}");
        said.swap_remove(0)
    }
}

fn table<'a>(manifest: &'a mut Value, name: &str) -> &'a mut Value {
    let tables = manifest["plugins"]["sample"]["tables"].as_array_mut().unwrap();
    tables.iter_mut().find(|it| it["name"] == name).unwrap()
}

fn length(file: &Path) -> u64 {
    fs::metadata(file).unwrap().len()
}

/// Another byte there.
fn damage(file: &Path, at: u64) {
    let mut bytes = fs::read(file).unwrap();
    bytes[usize::try_from(at).unwrap()] ^= 0x10;
    fs::write(file, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_byte_is_another() {
    let backup = Damaged::new().await;
    let file = backup.file(EVERYTHING);
    let middle = length(&file) / 2;
    damage(&file, middle);
    let said = backup.refused().await;
    assert!(
        said.starts_with(
            "table `everything`: `<folder>/backup/sample/everything.jsonl.zst` is damaged: its SHA-256 is "
        ),
        "{said}"
    );
    damage(&file, middle);
    // In the checksum of the compressed part.
    let end = length(&file) - 1;
    damage(&file, end);
    assert!(backup.refused().await.contains("everything.jsonl.zst` is damaged: its SHA-256 is "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_shorter_or_longer_or_not_there() {
    let backup = Damaged::new().await;
    let file = backup.file(EVERYTHING);
    let bytes = fs::read(&file).unwrap();
    OpenOptions::new().write(true).open(&file).unwrap().set_len(100).unwrap();
    let said = backup.refused().await;
    assert!(
        said.starts_with(
            "table `everything`: `<folder>/backup/sample/everything.jsonl.zst` is damaged: it has 100 bytes, and had "
        ),
        "{said}"
    );
    fs::write(&file, [bytes.as_slice(), b"more"].concat()).unwrap();
    assert!(backup.refused().await.contains("is damaged: it has "));
    fs::remove_file(&file).unwrap();
    assert_snapshot!(backup.refused().await, @"table `everything`: `<folder>/backup/sample/everything.jsonl.zst` is damaged: No such file or directory (os error 2)");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_manifest_says_something_else() {
    let backup = Damaged::new().await;
    backup.edit(|it| table(it, "everything")["rows"] = 2_008.into());
    assert_snapshot!(backup.refused().await, @"table `everything`: `<folder>/backup/sample/everything.jsonl.zst` is damaged: it has 2009 rows, and the manifest says 2008");
    backup.edit(|it| {
        table(it, "everything")["rows"] = 2_009.into();
        table(it, "everything")["sum"] = "00000000000000000000000000000001".into();
    });
    assert_snapshot!(backup.refused().await, @"table `everything`: `<folder>/backup/sample/everything.jsonl.zst` is damaged: its rows are not those of the manifest: the checksums differ");
    backup.edit(|it| table(it, "everything")["file"] = "sample/../../x".into());
    assert_snapshot!(backup.refused().await, @"`<folder>/backup/manifest.json` names `sample/../../x`, which is not in its folder");
    backup.edit(|it| it["format"] = 2.into());
    assert_snapshot!(backup.refused().await, @"`<folder>/backup/manifest.json` is of format 2, and this version reads format 1: use the one that wrote it");
    fs::write(backup.file("manifest.json"), "{\"format\": 1, \"plug").unwrap();
    assert_snapshot!(backup.refused().await, @"cannot read `<folder>/backup/manifest.json`: EOF while parsing a string at line 1 column 19");
    fs::remove_file(backup.file("manifest.json")).unwrap();
    assert_snapshot!(backup.refused().await, @"`<folder>/backup` is no backup: it has no `manifest.json`, which is written when all else is (one that was interrupted has none)");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_refers_to_none() {
    let backup = Damaged::new().await;
    // All that is checked of the file is right.
    let file = backup.file("sample/book.jsonl.zst");
    let other = Place::new(Layout::MySql).await;
    let site = migrated(&other).await;
    let lost = "SET SESSION foreign_key_checks = 0; INSERT INTO book (id, author_id) VALUES (1, 77), (2, 1)";
    site.database.execute_unprepared(lost).await.unwrap();
    let folder = other.folder.path().join("backup");
    back_up(std::slice::from_ref(&site), &folder).await.unwrap();
    fs::copy(folder.join("sample/book.jsonl.zst"), &file).unwrap();
    let manifest: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    backup.edit(|it| *table(it, "book") = table(&mut manifest.clone(), "book").clone());
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        let target = place.site(SAMPLE);
        let opened = Backup::open(&backup.folder).unwrap();
        let error = format!("{:#}", restore(&opened, &target).await.unwrap_err());
        assert!(error.contains("book"), "{layout:?}: {error}");
        assert_eq!(everything(&target.database).await, [], "{layout:?}");
        target.close().await;
    }
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_that_this_backend_does_not_have() {
    let backup = Damaged::new().await;
    backup.edit(|it| {
        let migrations = it["plugins"]["sample"]["migrations"].as_array_mut().unwrap();
        let mut later = migrations.last().unwrap().clone();
        later["version"] = "m20270101_000001_later".into();
        migrations.push(later);
    });
    assert_snapshot!(backup.refused().await, @"the backup has migrations that this backend does not: `m20270101_000001_later`; restore it by the version that made it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_with_rows_is_left_alone() {
    let backup = Damaged::new().await;
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        let target = migrated(&place).await;
        insert_many(&target.database, 1..2, b"mine").await;
        let before = everything(&target.database).await;
        let opened = Backup::open(&backup.folder).unwrap();
        let error = format!("{:#}", restore(&opened, &target).await.unwrap_err());
        assert!(error.contains("everything"), "{error}");
        assert!(everything(&target.database).await == before, "{layout:?}");
        // It is not about that one.
        verify(&opened, &target).await.unwrap();
        target.close().await;
    }
}
