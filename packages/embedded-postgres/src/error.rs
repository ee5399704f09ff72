use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use crate::Version;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// PostgreSQL is not installed.
    #[error(
        "PostgreSQL was not found on this machine: install the package `postgresql` (Debian, Ubuntu), \
         `postgresql-server` (Fedora) or `postgresql@17` (Homebrew), or put the folder of its programs into `PATH`; \
         looked for `postgres` and `initdb` in {}",
        list(looked)
    )]
    NotFound {
        /// Where it was looked for.
        looked: Vec<PathBuf>,
    },
    /// What is installed is older than [`Version::OLDEST`].
    #[error("PostgreSQL {version} in `{}` is too old: {} or later is needed", folder.display(), Version::OLDEST)]
    TooOld {
        /// Of the programs.
        folder: PathBuf,
        /// Theirs.
        version: Version,
    },
    /// The data is of another version than all that are installed.
    #[error(
        "the data in `{}` is of PostgreSQL {needed}, and this machine has {}: install PostgreSQL {needed} beside it, or \
         move the data with `pg_upgrade`", data.display(), versions(found)
    )]
    DataVersion {
        /// The data folder.
        data: PathBuf,
        /// The major version that made it.
        needed: u32,
        /// What there is.
        found: Vec<Version>,
    },
    /// `initdb` failed.
    #[error("`initdb` could not make `{}`: {output}", data.display())]
    Initdb {
        /// The data folder.
        data: PathBuf,
        /// What it said.
        output: String,
    },
    /// The server ended before it was ready.
    #[error("PostgreSQL in `{}` did not start ({status}): {log}", data.display())]
    Exited {
        /// The data folder.
        data: PathBuf,
        /// How.
        status: ExitStatus,
        /// The last lines that it wrote.
        log: String,
    },
    /// The server did not become ready in time.
    #[error("PostgreSQL in `{}` was not ready after {} s: {log}", data.display(), waited.as_secs())]
    NotReady {
        /// The data folder.
        data: PathBuf,
        /// For how long.
        waited: Duration,
        /// The last lines that it wrote.
        log: String,
    },
    /// The server did not end.
    #[error("PostgreSQL in `{}` (process {pid}) does not stop", data.display())]
    NotStopped {
        /// The data folder.
        data: PathBuf,
        /// The server's.
        pid: u32,
    },
    /// Another backend does not come to an end with starting or stopping the server.
    #[error("`{}` is in use: process {pid} is starting or stopping PostgreSQL there", directory.display())]
    Locked {
        /// The cluster's folder.
        directory: PathBuf,
        /// The other backend's.
        pid: String,
    },
    /// This is root, and there is nobody else to run it as.
    #[error(
        "PostgreSQL does not run as root, and there is no user {}: make one, or run this as another user",
        names(wanted)
    )]
    NoAccount {
        /// Users who would do.
        wanted: Vec<String>,
    },
    /// This is root, and the user who is to run it does not get to the data.
    #[error(
        "PostgreSQL does not run as root, and the user `{account}`, who is to run it, may not enter `{}`: run this as \
         another user, or keep the data elsewhere than in `{}`", closed.display(), directory.display()
    )]
    Unreachable {
        /// The user.
        account: String,
        /// The folder that is not open to the user.
        closed: PathBuf,
        /// The folder that is to be used.
        directory: PathBuf,
    },
    /// The system refused something.
    #[error("cannot {what} `{}`: {cause}", path.display())]
    Io {
        /// E.g. `make`.
        what: &'static str,
        /// The file, folder or program.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

impl Error {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Io { what, path, cause }
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|it| format!("`{}`", it.display())).collect::<Vec<_>>().join(", ")
}

fn names(names: &[String]) -> String {
    names.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(" or ")
}

fn versions(found: &[Version]) -> String {
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
