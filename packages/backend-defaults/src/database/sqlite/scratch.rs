use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tempfile::TempDir;

const PREFIX: &str = "greenroom-memory-";
/// A file that is locked for as long as the process lives whose folder it is in.
const LOCK: &str = "lock";
/// How often a folder is made anew when another process takes it for left over before it is locked.
const TRIES: usize = 3;

/// Makes the folder of this process for databases that are "in memory".
#[derive(Debug)]
pub(crate) struct Scratch {
    parent: PathBuf,
    folder: Mutex<Weak<Folder>>,
    cleaned: AtomicBool,
}

/// The folder: for this user only, and gone with the last database in it.
#[derive(Debug)]
pub(crate) struct Folder {
    made: TempDir,
    _lock: File,
}

impl Scratch {
    /// Below `parent`, usually [`std::env::temp_dir`].
    pub(crate) fn new(parent: PathBuf) -> Self {
        Self { parent, folder: Mutex::default(), cleaned: AtomicBool::new(false) }
    }

    /// The folder, made when first asked for, and after that whenever nothing holds it any more.
    /// Blocks on the file system.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn folder(&self) -> io::Result<Arc<Folder>> {
        let mut folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = folder.upgrade() {
            return Ok(folder);
        }
        let made = Arc::new(make(&self.parent)?);
        *folder = Arc::downgrade(&made);
        Ok(made)
    }

    /// Removes what killed processes left; only once. Blocks on the file system.
    pub(crate) fn clean(&self) {
        let folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        let Some(folder) = folder else { return };
        if !self.cleaned.swap(true, Ordering::AcqRel) {
            remove_left_over(&self.parent, folder.path());
        }
    }
}

impl Folder {
    pub(crate) fn path(&self) -> &Path {
        self.made.path()
    }
}

fn make(parent: &Path) -> io::Result<Folder> {
    let mut made = make_once(parent);
    for _ in 1..TRIES {
        if made.is_ok() {
            break;
        }
        made = make_once(parent);
    }
    made.map_err(|error| {
        io::Error::new(error.kind(), format!("no temporary folder in `{}`: {error}", parent.display()))
    })
}

fn make_once(parent: &Path) -> io::Result<Folder> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    let made = builder.tempdir_in(parent)?;
    let lock = File::create_new(made.path().join(LOCK))?;
    lock.try_lock()?;
    Ok(Folder { made, _lock: lock })
}

/// Removes the folders whose process is gone. What cannot be removed is left for another time.
fn remove_left_over(parent: &Path, own: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for path in entries.flatten().map(|it| it.path()) {
        let named = path.file_name().and_then(|it| it.to_str()).is_some_and(|it| it.starts_with(PREFIX));
        if !named || path == own || !is_ours(&path, own) {
            continue;
        }
        let removed = match File::open(path.join(LOCK)) {
            Ok(lock) if lock.try_lock().is_ok() => fs::remove_dir_all(&path),
            Ok(_) => continue,
            // Just made, or killed while making it. If it is not empty, it is not ours.
            Err(_) => fs::remove_dir(&path),
        };
        if let Err(error) = removed {
            tracing::debug!("could not remove `{}`, left by another process: {error}", path.display());
        }
    }
}

/// Whether it is a folder (not a link to one) of the user who owns `own`.
fn is_ours(path: &Path, own: &Path) -> bool {
    let (Ok(it), Ok(own)) = (fs::symlink_metadata(path), fs::metadata(own)) else { return false };
    #[cfg(unix)]
    let same_user = std::os::unix::fs::MetadataExt::uid(&it) == std::os::unix::fs::MetadataExt::uid(&own);
    #[cfg(not(unix))]
    let same_user = own.is_dir();
    it.is_dir() && same_user
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn folders_of_dead_processes_are_removed_and_those_of_living_ones_are_not() {
        let parent = tempfile::tempdir().unwrap();
        let dead = parent.path().join(format!("{PREFIX}dead"));
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        fs::write(dead.join("todo.sqlite"), "data").unwrap();
        let other = parent.path().join("another-program");
        fs::create_dir(&other).unwrap();
        let living = make(parent.path()).unwrap();

        let scratch = Scratch::new(parent.path().to_owned());
        let folder = scratch.folder().unwrap();
        scratch.clean();
        assert!(!dead.exists());
        assert!(other.exists() && living.path().exists() && folder.path().exists());
    }

    #[test]
    fn the_folder_is_for_this_user_only_and_goes_with_its_last_database() {
        let parent = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(parent.path().to_owned());
        let (one, two) = (scratch.folder().unwrap(), scratch.folder().unwrap());
        assert_eq!(one.path(), two.path());
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(one.path()).unwrap().permissions());
            assert_eq!(mode & 0o777, 0o700);
        }
        drop(one);
        assert!(two.path().exists());
        drop(two);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
        assert!(scratch.folder().unwrap().path().exists());
    }

    #[test]
    fn a_parent_that_is_not_there_is_named() {
        let parent = tempfile::tempdir().unwrap().path().join("none");
        let error = Scratch::new(parent.clone()).folder().unwrap_err().to_string();
        assert!(error.starts_with(&format!("no temporary folder in `{}`: ", parent.display())), "{error}");
    }
}
