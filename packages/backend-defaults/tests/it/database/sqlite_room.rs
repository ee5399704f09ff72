//! A full disk, in every mode, and a really full one.

use std::path::Path;
use std::process::Command;

use backend_defaults::database::DatabaseError;
use backend_plugin_api::services::Database;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, TransactionSession, TransactionTrait};
use serde_json::json;

use super::fixture::{Fixture, Mode, PLUGIN, bounded, manager, migrate};
use super::suite::{insert, names};

/// Names the folder that is full, to the process that runs in the namespace where it is.
const FULL_DISK: &str = "TEST_FULL_DISK";
/// More than is left where there is no room.
const LARGE: &str = "INSERT INTO item (name) VALUES (hex(zeroblob(3000000)))";

/// More than the connection that writes keeps in memory, too.
const TOO_LARGE: &str = "INSERT INTO item (name) VALUES (hex(zeroblob(10000000)))";

fn is_no_room(error: &DbErr) -> bool {
    matches!(DatabaseError::of(error), Some(DatabaseError::NoRoom { .. }))
}

fn sql(text: &str) -> Statement {
    Statement::from_string(DbBackend::Sqlite, text)
}

/// What is refused leaves nothing behind, and what is there can be read.
async fn refuses_to_write(database: &Database) {
    let before = names(database).await;
    for _ in 0..3 {
        let error = database.execute_unprepared(LARGE).await.unwrap_err();
        assert!(is_no_room(&error), "{error}");
        assert!(error.to_string().contains("has no room"), "{error}");
        let error = database.execute_raw(sql(LARGE)).await.unwrap_err();
        assert!(is_no_room(&error), "{error}");
        // SQLite has changed the row before it finds that there is no room for it.
        let error = database.query_one_raw(sql(&format!("{LARGE} RETURNING id"))).await.unwrap_err();
        assert!(is_no_room(&error), "{error}");
    }
    // Within a transaction what is changed is kept in memory until the commit, or until it is too much for that.
    let transaction = database.begin().await.unwrap();
    insert(&transaction, "before it was full").await.unwrap();
    transaction.execute_unprepared(LARGE).await.unwrap();
    let error = transaction.commit().await.unwrap_err();
    assert!(is_no_room(&error), "{error}");
    let transaction = database.begin().await.unwrap();
    insert(&transaction, "before it was full").await.unwrap();
    let error = transaction.execute_unprepared(TOO_LARGE).await.unwrap_err();
    assert!(is_no_room(&error), "{error}");
    drop(transaction);
    assert_eq!(names(database).await, before);
}

async fn writes(database: &Database) {
    insert(database, "there is room").await.unwrap();
    let transaction = database.begin().await.unwrap();
    insert(&transaction, "in a transaction too").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(names(database).await, ["in a transaction too", "kept", "there is room"]);
}

/// SQLite's own bound gives the same `SQLITE_FULL`. It is a connection's: a transaction is on the one that writes, and as
/// long as that bound is in force it is not given back.
async fn a_bound_of_pages(mode: Mode) {
    bounded(async {
        let Fixture { database, .. } = &Fixture::new(mode).await;
        insert(database, "kept").await.unwrap();
        let transaction = database.begin().await.unwrap();
        transaction.execute_unprepared("PRAGMA max_page_count = 60").await.unwrap();
        insert(&transaction, "before it was full").await.unwrap();
        let error = transaction.execute_unprepared(LARGE).await.unwrap_err();
        assert!(is_no_room(&error), "{error}");
        drop(transaction);
        assert_eq!(names(database).await, ["kept"]);
        writes(database).await;
        database.execute_unprepared(LARGE).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_full_database_in_memory_is_said_and_survived() {
    a_bound_of_pages(Mode::Memory).await;
}

#[tokio::test]
async fn a_full_database_in_a_directory_is_said_and_survived() {
    a_bound_of_pages(Mode::Directory).await;
}

#[tokio::test]
async fn a_full_database_in_a_file_is_said_and_survived() {
    a_bound_of_pages(Mode::PluginFile).await;
}

/// Runs the test below again where a small disk is mounted, in a namespace of its own.
#[test]
#[expect(clippy::print_stderr, reason = "what was not tested is said")]
fn a_full_disk_is_said_and_survived() {
    let disk = tempfile::tempdir().unwrap();
    if !Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|it| it.success()) {
        let message = "no namespaces here (`unshare -rm`): NOT TESTED with a full disk, only with `max_page_count`";
        assert!(std::env::var_os("CI").is_none(), "{message}");
        eprintln!("WARNING: {message}");
        return;
    }
    let script = "mount -t tmpfs -o size=4m tmpfs \"$TEST_FULL_DISK\" && exec \"$@\"";
    let test = ["--ignored", "--exact", "database::sqlite_room::on_a_full_disk", "--nocapture"];
    let output = Command::new("unshare")
        .args(["-rm", "sh", "-c", script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(test)
        .env(FULL_DISK, disk.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by `a_full_disk_is_said_and_survived`"]
async fn on_a_full_disk() {
    let Some(disk) = std::env::var_os(FULL_DISK) else { return };
    let disk = Path::new(&disk);
    bounded(async {
        let database = manager(json!({ "connection": { "directory": disk } })).database_for(PLUGIN).unwrap();
        migrate(PLUGIN, &database).await;
        insert(&database, "kept").await.unwrap();
        for _ in 0..3 {
            let filler = disk.join("filler");
            fill(&filler);
            refuses_to_write(&database).await;
            let status = database.pool_status();
            assert_eq!((status.used, status.waiting), (0, 0), "{status:?}");
            std::fs::remove_file(filler).unwrap();
            insert(&database, "there is room").await.unwrap();
            database.execute_unprepared("DELETE FROM item WHERE name <> 'kept'").await.unwrap();
        }
        writes(&database).await;
        read_only(&database, disk).await;
        database.close().await;
    })
    .await;
}

/// Until not one byte more can be written.
fn fill(filler: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(filler).unwrap();
    for size in [1 << 16, 1 << 12, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

/// The folder becomes read-only for what is opened from now on, and writable again.
async fn read_only(database: &Database, disk: &Path) {
    let mount = |arguments: &[&str]| {
        let status = Command::new("mount").args(arguments).arg(disk).status().unwrap();
        assert!(status.success(), "mount {arguments:?}");
    };
    mount(&["--bind", disk.to_str().unwrap()]);
    mount(&["-o", "remount,bind,ro"]);
    // After a setting was changed, the connection is replaced.
    database.execute_unprepared("PRAGMA foreign_keys = OFF").await.unwrap();
    for _ in 0..2 {
        let error = insert(database, "read-only").await.unwrap_err();
        assert!(matches!(DatabaseError::of(&error), Some(DatabaseError::ReadOnly { .. })), "{error}");
    }
    assert_eq!(names(database).await.len(), 3);
    assert!(Command::new("umount").arg(disk).status().unwrap().success());
    insert(database, "writable again").await.unwrap();
}
