use std::ffi::OsStr;
use std::fs::{DirBuilder, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::Error;

/// As whom a server is run: database servers refuse to be root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account(Option<Other>);

/// Another user than the one of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Other {
    name: String,
    user: u32,
    group: u32,
}

impl Account {
    /// The user of this process; if that is root, the first of `names` that there is.
    ///
    /// # Errors
    /// When there is none of them.
    pub fn unless_root(names: &[&str]) -> Result<Self, Error> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self(None));
        }
        let other =
            |name: &&str| Some(Other { name: (*name).to_owned(), user: id("-u", name)?, group: id("-g", name)? });
        match names.iter().find_map(other) {
            Some(other) => Ok(Self(Some(other))),
            None => Err(Error::NoAccount { wanted: names.iter().map(|it| (*it).to_owned()).collect() }),
        }
    }

    /// The user of this process; if that is root, whose `folder` is, or else as [`Self::unless_root`].
    ///
    /// # Errors
    /// As [`Self::unless_root`].
    pub fn of_folder(folder: &Path, names: &[&str]) -> Result<Self, Error> {
        match folder.metadata() {
            Ok(it) if rustix::process::geteuid().is_root() && it.uid() != 0 => {
                Ok(Self(Some(Other { name: format!("of id {}", it.uid()), user: it.uid(), group: it.gid() })))
            }
            _ => Self::unless_root(names),
        }
    }

    /// A command run as this user, with nothing to read, which what is typed at the terminal
    /// (Ctrl-C) does not reach.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.stdin(Stdio::null()).process_group(0);
        if let Some(Other { user, group, .. }) = &self.0 {
            command.uid(*user).gid(*group);
        }
        command
    }

    /// Makes a file or folder this user's.
    ///
    /// # Errors
    /// When the system refuses it.
    pub fn own(&self, path: &Path) -> Result<(), Error> {
        let Some(Other { user, group, .. }) = &self.0 else { return Ok(()) };
        std::os::unix::fs::chown(path, Some(*user), Some(*group)).map_err(Error::io("give away", path))
    }

    /// Makes the folder if it is not there, with those above it. It is then this user's alone; one that
    /// is there stays as it is.
    ///
    /// # Errors
    /// When the system refuses it.
    pub fn make_folder(&self, folder: &Path) -> Result<(), Error> {
        if let Some(parent) = folder.parent() {
            std::fs::create_dir_all(parent).map_err(Error::io("make the folder", parent))?;
        }
        match DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => self.own(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
            Err(error) => Err(Error::io("make the folder", folder)(error)),
        }
    }

    /// Makes a folder with a name that nobody can know before: this user's alone.
    ///
    /// # Errors
    /// When the system refuses it.
    pub fn make_temporary_folder(&self, parent: &Path, prefix: &str) -> Result<TempDir, Error> {
        let private = Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix(prefix).permissions(private).tempdir_in(parent);
        let folder = folder.map_err(Error::io("make a folder in", parent))?;
        self.own(folder.path())?;
        Ok(folder)
    }

    /// Whether this user gets to `folder`, tried out.
    ///
    /// # Errors
    /// Names the folder that is closed.
    pub fn enters(&self, folder: &Path) -> Result<(), Error> {
        let Some(other) = &self.0 else { return Ok(()) };
        match self.command("/bin/sh").args(["-c", ":"]).current_dir(folder).status() {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let mut above: Vec<_> = folder.ancestors().collect();
                above.reverse();
                let closed = above.into_iter().find(|it| it.metadata().is_ok_and(|it| !other.may_enter(&it)));
                let (closed, directory) = (closed.unwrap_or(folder).to_owned(), folder.to_owned());
                Err(Error::Unreachable { account: other.name.clone(), closed, directory })
            }
            Err(error) => Err(Error::io("enter", folder)(error)),
            Ok(_) => Ok(()),
        }
    }
}

impl Other {
    fn may_enter(&self, folder: &Metadata) -> bool {
        let bit = if folder.uid() == self.user {
            0o100
        } else if folder.gid() == self.group {
            0o010
        } else {
            0o001
        };
        folder.mode() & bit != 0
    }
}

fn id(option: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([option, name]).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}
