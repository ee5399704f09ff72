//! SQLite has no lock but the one on writing, which each step takes in its transaction. Steps that
//! run outside of one need more: a file beside the database, locked in the operating system.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::Holder;

/// Where the file is: `todo.sqlite-migration` beside `todo.sqlite`.
pub(super) struct Place(PathBuf);

/// Dropping it removes the file and lets go of the lock.
#[derive(Debug)]
pub(super) struct FileLock {
    path: PathBuf,
    _file: File,
}

impl Place {
    /// `None` for a database without a file.
    pub(super) async fn of(connection: &impl ConnectionTrait) -> Result<Option<Self>, DbErr> {
        let sql = "SELECT file FROM pragma_database_list WHERE name = 'main'";
        let row = connection.query_one_raw(Statement::from_string(DbBackend::Sqlite, sql)).await?;
        let file = row.map(|it| it.try_get_by_index::<Option<String>>(0)).transpose()?.flatten();
        Ok(file.filter(|it| !it.is_empty()).map(|it| Self(PathBuf::from(it + "-migration"))))
    }

    pub(super) async fn try_lock(&self) -> Result<Option<FileLock>> {
        let path = self.0.clone();
        let locked = tokio::task::spawn_blocking(move || FileLock::try_new(path)).await?;
        locked.with_context(|| format!("locking the file `{}`", self.0.display()))
    }

    pub(super) async fn holder(&self) -> Holder {
        let path = self.0.clone();
        let read = tokio::task::spawn_blocking(move || {
            let mut pid = String::new();
            File::open(path)?.take(32).read_to_string(&mut pid).map(|_| pid)
        });
        match read.await {
            Ok(Ok(pid)) if !pid.is_empty() => Holder(vec![format!("pid {pid}")]),
            _ => Holder::default(),
        }
    }
}

impl FileLock {
    fn try_new(path: PathBuf) -> io::Result<Option<Self>> {
        let mut file = File::options().create(true).truncate(false).read(true).write(true).open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        if !is_at(&file, &path) {
            // Who had it has removed it since it was opened: another may have made it anew.
            return Ok(None);
        }
        file.set_len(0)?;
        file.write_all(std::process::id().to_string().as_bytes())?;
        Ok(Some(Self { path, _file: file }))
    }

    pub(super) async fn release(self) {
        drop(tokio::task::spawn_blocking(move || drop(self)).await);
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Elsewhere it cannot be known whether a locked file is still the one at its path.
        if cfg!(unix) {
            drop(fs::remove_file(&self.path));
        }
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(file), Ok(path)) = (file.metadata(), fs::metadata(path)) else { return false };
    (file.dev(), file.ino()) == (path.dev(), path.ino())
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}
