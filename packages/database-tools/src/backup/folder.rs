//! A folder that becomes a backup when all is in it, and nothing before.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::error::BackupError;
use super::manifest::{FILE, Manifest};

/// As long as nobody says that it is done, it is emptied when this is dropped.
pub(super) struct Folder {
    path: PathBuf,
    /// Whether it was not there before.
    made: bool,
    plugins: Mutex<Vec<PathBuf>>,
    done: bool,
}

impl Folder {
    /// Makes it, for its owner alone, and those above it; or takes one that is empty.
    pub(super) fn make(path: &Path) -> Result<Self, BackupError> {
        let above = path.parent().map_or(Ok(()), |it| DirBuilder::new().mode(0o700).recursive(true).create(it));
        above.map_err(|cause| BackupError::Io { what: "make", path: path.to_owned(), cause })?;
        let made = match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_empty(path)? => false,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(BackupError::NotEmpty { folder: path.to_owned() });
            }
            Err(cause) => return Err(BackupError::Io { what: "make", path: path.to_owned(), cause }),
        };
        Ok(Self { path: path.to_owned(), made, plugins: Mutex::default(), done: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes that of a plugin.
    pub(super) fn make_plugin(&self, plugin: &str) -> Result<PathBuf, BackupError> {
        let path = self.path.join(plugin);
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|cause| BackupError::Io { what: "make", path: path.clone(), cause })?;
        self.plugins.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(path.clone());
        Ok(path)
    }

    /// Makes it a backup: from here on it is whole, whatever happens to the machine.
    pub(super) fn finish(mut self, manifest: &Manifest) -> Result<(), BackupError> {
        let (file, unfinished) = (self.path.join(FILE), self.path.join(format!("{FILE}.partial")));
        let write = || {
            let mut out = create(&unfinished)?;
            out.write_all(format!("{:#}\n", serde_json::to_value(manifest)?).as_bytes())?;
            out.sync_all()?;
            for plugin in self.plugins.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter() {
                File::open(plugin)?.sync_all()?;
            }
            File::open(&self.path)?.sync_all()?;
            fs::rename(&unfinished, &file)?;
            File::open(&self.path)?.sync_all()?;
            match fs::canonicalize(&self.path)?.parent() {
                Some(parent) if self.made => File::open(parent)?.sync_all(),
                _ => Ok(()),
            }
        };
        if let Err(cause) = write() {
            // What cannot be removed is told by the next that comes here.
            let _ = fs::remove_file(&unfinished).and(fs::remove_file(&file));
            return Err(BackupError::Io { what: "write", path: file, cause });
        }
        self.done = true;
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let plugins = self.plugins.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let removed = plugins.iter().try_for_each(fs::remove_dir_all);
        let removed = removed.and_then(|()| if self.made { fs::remove_dir(&self.path) } else { Ok(()) });
        if let Err(error) = removed {
            tracing::warn!("cannot remove the unfinished backup in `{}`: {error}", self.path.display());
        }
    }
}

/// A new file for its owner alone.
pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn is_empty(path: &Path) -> Result<bool, BackupError> {
    let read = fs::read_dir(path).and_then(|mut it| it.next().transpose());
    read.map(|it| it.is_none()).map_err(|cause| BackupError::Io { what: "read", path: path.to_owned(), cause })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn it_is_the_owners_alone_and_goes_when_it_is_not_finished() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("backup");
        let folder = Folder::make(&path).unwrap();
        let plugin = folder.make_plugin("todo").unwrap();
        create(&plugin.join("x")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&plugin), mode(&plugin.join("x"))), (0o700, 0o700, 0o600));
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn what_was_there_stays() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::make(home.path()).unwrap();
        folder.make_plugin("todo").unwrap();
        drop(folder);
        assert!(is_empty(home.path()).unwrap());
        fs::write(home.path().join("mine"), "").unwrap();
        let error = Folder::make(home.path()).map(drop).unwrap_err();
        assert!(matches!(error, BackupError::NotEmpty { .. }), "{error}");
        assert!(home.path().join("mine").exists());
    }
}
