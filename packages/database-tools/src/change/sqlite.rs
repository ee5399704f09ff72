use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use sea_orm::DbBackend;
use sea_orm::sea_query::SqliteQueryBuilder;
use tokio::task::spawn_blocking;

use crate::Site;
use crate::inspect::Facts;
use crate::inspect::processes::beside;
use crate::inspect::sqlite::{absolute, quoted};

/// The database, its log and the log's index, and the lock of who migrates.
const FILES: [&str; 4] = ["", "-wal", "-shm", "-migration"];

/// For who looks into the file for a moment.
const PATIENCE: Duration = Duration::from_secs(1);

/// Removes the files.
pub(super) async fn drop(site: &Site) -> anyhow::Result<()> {
    let Some(file) = site.file().map(Path::to_owned) else { return Ok(()) };
    spawn_blocking(move || remove(&file)).await?
}

/// Nobody else can begin to use the file while it goes.
pub(crate) fn remove(file: &Path) -> anyhow::Result<()> {
    let connection = open(file)?;
    connection.busy_timeout(PATIENCE)?;
    let locked = connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    match locked {
        Err(rusqlite::Error::SqliteFailure(error, _))
            if matches!(error.code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) =>
        {
            bail!("another process uses `{}`: stop it first", file.display());
        }
        // Whatever is wrong with it, it is to go.
        Err(rusqlite::Error::SqliteFailure(error, _))
            if matches!(error.code, ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {}
        locked => locked?,
    }
    for suffix in FILES {
        let file = beside(file, suffix);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove `{}`", file.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

pub(super) async fn truncate(site: &Site, facts: &Facts) -> anyhow::Result<()> {
    let Some(file) = site.file().map(Path::to_owned) else { return Ok(()) };
    let tables: Vec<_> = facts.tables.iter().map(|it| it.name.clone()).collect();
    spawn_blocking(move || {
        let mut connection = open(&file)?;
        connection.pragma_update(None, "foreign_keys", false)?;
        // They are not to write down what goes.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let has_identities = transaction.table_exists(Some("main"), "sqlite_sequence")?;
        for table in &tables {
            transaction.execute(&format!("DELETE FROM {}", quoted(table)), [])?;
            if has_identities {
                transaction.execute("DELETE FROM sqlite_sequence WHERE name = ?1", [table])?;
            }
        }
        Ok(transaction.commit()?)
    })
    .await?
}

pub(super) async fn adopt(site: &Site) -> anyhow::Result<()> {
    let Some(file) = site.file().map(Path::to_owned) else { return Ok(()) };
    let row = migrations::stamp_row(site.plugin().as_str()).to_string(SqliteQueryBuilder);
    let table = DbBackend::Sqlite.build(&migrations::stamp_table()).sql;
    spawn_blocking(move || {
        let mut connection = open(&file)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(&format!("{table}; {row}"))?;
        Ok(transaction.commit()?)
    })
    .await?
}

/// What is there: none is made.
fn open(file: &Path) -> anyhow::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(absolute(file), flags);
    opened.with_context(|| format!("cannot open `{}`", file.display()))
}
