use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;

/// What a PostgreSQL server is started with.
const NEEDED: [&str; 2] = ["postgres", "initdb"];

/// Where distributions put it: `*` is the version, with what may be before it.
const USUAL: [&str; 8] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/lib/postgresql*/bin",
    "/usr/libexec/postgresql*",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/usr/local/pgsql/bin",
];

/// The programs of one PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
    version: Version,
}

impl Binaries {
    /// The first that there is: in `path`, which is the value of `PATH`, where `pg_config` says, or in
    /// the usual folders, of these the newest.
    ///
    /// # Errors
    /// When there is none, or it is too old.
    pub fn find(path: Option<OsString>) -> Result<Self, Error> {
        Search::of_this_machine(path).first()
    }

    /// Of the programs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// As `postgres --version` says.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Where the program is, such as `psql`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// If they are all there and run. Links to some of them are followed to where all are.
    fn in_folder(folder: &Path) -> Option<Self> {
        let postgres = folder.join(NEEDED[0]).canonicalize().ok()?;
        let folder = postgres.parent()?.to_owned();
        if !NEEDED.iter().all(|it| folder.join(it).is_file()) {
            return None;
        }
        let version = Version::parse(&output(&postgres, "--version")?)?;
        Some(Self { folder, version })
    }
}

/// Where to look for PostgreSQL.
#[derive(Clone, Debug)]
pub struct Search {
    /// In this order.
    folders: Vec<PathBuf>,
}

impl Search {
    /// The folders of `path`, which is the value of `PATH`, the one that `pg_config` names, and the
    /// usual ones, of each kind the newest first.
    pub fn of_this_machine(path: Option<OsString>) -> Self {
        let path = path.unwrap_or_default();
        let mut folders: Vec<_> = std::env::split_paths(&path).filter(|it| it.is_absolute()).collect();
        folders.extend(pg_config(&path));
        folders.extend(USUAL.iter().flat_map(|pattern| newest_first(Path::new(pattern))));
        Self::of(folders)
    }

    /// These folders alone.
    pub fn of(folders: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut once = Vec::new();
        for folder in folders {
            if !once.contains(&folder) {
                once.push(folder);
            }
        }
        Self { folders: once }
    }

    /// What is found first.
    ///
    /// # Errors
    /// As [`Binaries::find`].
    pub fn first(&self) -> Result<Binaries, Error> {
        let found = self.all().next().ok_or_else(|| Error::NotFound { looked: self.folders.clone() })?;
        match found.version < Version::OLDEST {
            true => Err(Error::TooOld { folder: found.folder, version: found.version }),
            false => Ok(found),
        }
    }

    /// The first that can run the data in the folder `data`: data is of one major version.
    ///
    /// # Errors
    /// When there is none of that version, or none at all.
    pub fn for_data(&self, data: &Path) -> Result<Binaries, Error> {
        let file = data.join("PG_VERSION");
        let text = std::fs::read_to_string(&file).map_err(Error::io("read", &file))?;
        let Some(needed) = Version::parse(&text).map(|it| it.major) else {
            let cause = std::io::Error::other("it has no version of PostgreSQL");
            return Err(Error::io("read", &file)(cause));
        };
        let mut found = Vec::new();
        for binaries in self.all() {
            if binaries.version.major == needed {
                return Ok(binaries);
            }
            found.push(binaries.version);
        }
        match found.is_empty() {
            true => Err(Error::NotFound { looked: self.folders.clone() }),
            false => Err(Error::DataVersion { data: data.to_owned(), needed, found }),
        }
    }

    fn all(&self) -> impl Iterator<Item = Binaries> {
        self.folders.iter().filter_map(|it| Binaries::in_folder(it))
    }
}

/// Of PostgreSQL, e.g. 15.18.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Data is of one of these.
    pub major: u32,
    /// 0 in what is not released.
    pub minor: u32,
}

impl Version {
    /// What this crate can run.
    pub const OLDEST: Self = Self { major: 12, minor: 0 };

    /// The first number in it, as `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
    fn parse(text: &str) -> Option<Self> {
        let word = text.split_whitespace().find(|it| it.starts_with(|first: char| first.is_ascii_digit()))?;
        let mut numbers = word.split(|it: char| !it.is_ascii_digit());
        let major = numbers.next()?.parse().ok()?;
        Some(Self { major, minor: numbers.next().and_then(|it| it.parse().ok()).unwrap_or(0) })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

fn pg_config(path: &OsStr) -> Option<PathBuf> {
    let program = std::env::split_paths(path).map(|it| it.join("pg_config")).find(|it| it.is_file())?;
    Some(output(&program, "--bindir")?.trim().into()).filter(|it: &PathBuf| it.is_absolute())
}

fn output(program: &Path, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The folders that the pattern stands for. It has at most one part with a `*`, at its end.
fn newest_first(pattern: &Path) -> Vec<PathBuf> {
    let Some((starred, name)) =
        pattern.ancestors().find_map(|it| Some((it, it.file_name()?.to_str()?.strip_suffix('*')?)))
    else {
        return vec![pattern.to_owned()];
    };
    let rest = pattern.strip_prefix(starred).unwrap_or(Path::new(""));
    let parent = starred.parent().unwrap_or(Path::new("/"));
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter_map(|it| {
            let version = it.file_name().to_str()?.strip_prefix(name)?.trim_start_matches(['@', '-']).to_owned();
            Some((version.parse::<f64>().unwrap_or(0.0), it.path()))
        })
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.into_iter().map(|(_, folder)| if rest.as_os_str().is_empty() { folder } else { folder.join(rest) }).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let version = |text| Version::parse(text).map(|it| it.to_string());
        assert_eq!(version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)").unwrap(), "15.18");
        assert_eq!(version("postgres (PostgreSQL) 19beta1\n").unwrap(), "19.0");
        assert_eq!(version("16\n").unwrap(), "16.0");
        assert_eq!(version("postgres"), None);
        assert!(Version { major: 9, minor: 6 } < Version::OLDEST);
    }

    #[test]
    fn the_newest_of_the_usual_folders_is_first() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["9.6", "15", "16", "postgresql@9", "postgresql@17", "postgresql", "other"] {
            std::fs::create_dir_all(folder.path().join(name).join("bin")).unwrap();
        }
        let found = |pattern: &str| {
            let found = newest_first(&folder.path().join(pattern));
            found.iter().map(|it| it.strip_prefix(folder.path()).unwrap().display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(found("*/bin")[..3], ["16/bin", "15/bin", "9.6/bin"]);
        assert_eq!(found("postgresql*/bin"), ["postgresql@17/bin", "postgresql@9/bin", "postgresql/bin"]);
        assert_eq!(found("postgresql*"), ["postgresql@17", "postgresql@9", "postgresql"]);
        assert_eq!(found("other/bin"), ["other/bin"]);
        assert!(found("nothing*/bin").is_empty());
    }

    #[test]
    fn what_is_looked_for_and_not_there_is_said() {
        let error = Search::of(["/nowhere/bin".into(), "/else/where".into()]).first().unwrap_err();
        insta::assert_snapshot!(error, @"PostgreSQL was not found on this machine: install the package `postgresql` (Debian, Ubuntu), `postgresql-server` (Fedora) or `postgresql@17` (Homebrew), or put the folder of its programs into `PATH`; looked for `postgres` and `initdb` in `/nowhere/bin`, `/else/where`");
    }
}
