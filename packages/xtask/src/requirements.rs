//! The programs that a command needs: found, or installed from the distribution's packages.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;

use anyhow::{Result, bail};
use test_servers::{MariaDb, PgBouncer, Postgres};

use crate::sh;

/// A program and the packages that have it.
pub(crate) struct Requirement {
    /// Its name.
    pub(crate) program: &'static str,
    /// What it is for, as shown.
    pub(crate) purpose: &'static str,
    /// On Debian and Ubuntu.
    apt: &'static str,
    /// On Fedora and its relatives.
    dnf: &'static str,
    /// Finds it by its name.
    find: fn(&str) -> Option<PathBuf>,
}

pub(crate) const CC: Requirement =
    Requirement { program: "cc", purpose: "builds SQLite and the TLS library", apt: "gcc libc6-dev", dnf: "gcc", find };
pub(crate) const GIT: Requirement =
    Requirement { program: "git", purpose: "lists the files that the layout test reads", apt: "git", dnf: "git", find };
pub(crate) const MARIADB: Requirement = Requirement {
    program: "mariadbd",
    purpose: "runs for the tests",
    apt: "mariadb-server",
    dnf: "mariadb-server",
    find: |_| MariaDb::program().ok(),
};
pub(crate) const NODE: Requirement =
    Requirement { program: "node", purpose: "runs Backstage's loader", apt: "nodejs", dnf: "nodejs", find };
pub(crate) const PGBOUNCER: Requirement = Requirement {
    program: "pgbouncer",
    purpose: "runs for the tests",
    apt: "pgbouncer",
    dnf: "pgbouncer",
    find: |_| PgBouncer::program().ok(),
};
pub(crate) const POSTGRES: Requirement = Requirement {
    program: "postgres",
    purpose: "runs for the tests",
    apt: "postgresql",
    dnf: "postgresql-server postgresql-contrib",
    find: |_| Postgres::program().ok(),
};
pub(crate) const SQLITE: Requirement =
    Requirement { program: "sqlite3", purpose: "opens and fills files", apt: "sqlite3", dnf: "sqlite", find };
pub(crate) const WRK: Requirement =
    Requirement { program: "wrk", purpose: "sends requests", apt: "wrk", dnf: "wrk", find };

/// Finds each, or installs it, and says so.
pub(crate) fn ensure(requirements: &[Requirement]) -> Result<()> {
    for it in requirements {
        let found = match (it.find)(it.program) {
            Some(path) => path,
            None => install(it)?,
        };
        eprintln!("{:<10}{} ({})", it.program, found.display(), it.purpose);
    }
    Ok(())
}

/// Where `program` is.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    find_in(env::var_os("PATH").as_deref().unwrap_or_default(), program)
}

fn find_in(path: &OsStr, program: &str) -> Option<PathBuf> {
    env::split_paths(path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn install(it: &Requirement) -> Result<PathBuf> {
    eprintln!("{:<10}not found ({}), installing it", it.program, it.purpose);
    if find("apt-get").is_some() {
        let packages = format!("apt-get install -y --no-install-recommends {}", it.apt);
        // A fresh container has no package lists.
        if as_root(&packages).is_err() {
            as_root("apt-get update")?;
            as_root(&packages)?;
        }
    } else if find("dnf").is_some() {
        as_root(&format!("dnf install -y {}", it.dnf))?;
    }
    match (it.find)(it.program) {
        Some(path) => Ok(path),
        None => bail!("`{}` is needed and was not found: install it with your system's packages", it.program),
    }
}

fn as_root(line: &str) -> Result<()> {
    let root = sh::output(sh::command("id").arg("-u"))?.trim() == "0";
    let line = if root { line.to_owned() } else { format!("sudo -n {line}") };
    let mut words = line.split(' ');
    let mut command = sh::command(words.next().unwrap_or_default());
    sh::run(command.args(words).env("DEBIAN_FRONTEND", "noninteractive"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_a_file_in_one_of_the_folders() {
        let folder = env::current_exe().unwrap();
        let (folder, program) = (folder.parent().unwrap(), folder.file_name().unwrap().to_str().unwrap());
        assert_eq!(find_in(folder.as_os_str(), program), Some(folder.join(program)));
        assert_eq!(find_in(folder.parent().unwrap().as_os_str(), program), None);
        assert_eq!(find_in(folder.parent().unwrap().as_os_str(), "deps"), None, "a folder is no program");
    }
}
