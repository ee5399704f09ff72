use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Error;
use crate::wait::wait;

/// Of starting and stopping: one at a time. Freed when it is dropped, or its process dies.
#[derive(Debug)]
pub(crate) struct Turn(#[expect(dead_code, reason = "it holds the lock")] File);

impl Turn {
    /// Waits until nobody else starts or stops the server of `directory`.
    pub(crate) fn take(directory: &Path, timeout: Duration) -> Result<Self, Error> {
        let path = directory.join("lock");
        let mut file = open(&path)?;
        let locked = wait(Instant::now() + timeout, || match file.try_lock() {
            Ok(()) => Ok(Some(())),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(Error::io("lock", &path)(error)),
        })?;
        if locked.is_none() {
            let pid = std::fs::read_to_string(&path).unwrap_or_default().trim().to_owned();
            return Err(Error::Locked { directory: directory.to_owned(), pid });
        }
        // For the message above.
        let named = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        named.map_err(Error::io("write", &path))?;
        Ok(Self(file))
    }
}

/// Of using the server: many at a time. Freed when it is dropped, or its process dies.
#[derive(Debug)]
pub(crate) struct Usage(File);

impl Usage {
    /// To be called in one's [`Turn`]: then nobody can be about to stop the server.
    pub(crate) fn take(directory: &Path) -> Result<Self, Error> {
        let path = directory.join("users");
        let file = open(&path)?;
        file.lock_shared().map_err(Error::io("lock", &path))?;
        Ok(Self(file))
    }

    /// Gives it back, and says whether nobody else uses the server. To be called in one's [`Turn`].
    pub(crate) fn was_last(self) -> bool {
        // The system lets go of the shared lock before it gives the other one.
        self.0.try_lock().is_ok()
    }
}

fn open(path: &Path) -> Result<File, Error> {
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path);
    file.map_err(Error::io("open", path))
}
