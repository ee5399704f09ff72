use std::path::PathBuf;

use anyhow::{Context, Result};

/// Where servers are when they are not in `PATH`.
const USUAL: [&str; 6] = [
    "/usr/sbin",
    "/usr/libexec",
    "/usr/local/sbin",
    "/usr/local/mysql/bin",
    "/opt/homebrew/opt/mariadb/bin",
    "/usr/local/opt/mariadb/bin",
];

/// The programs of MariaDB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MariaDbPrograms {
    /// `mariadbd`.
    pub(crate) server: PathBuf,
    /// `mariadb-install-db`.
    pub(crate) install: PathBuf,
    /// `mariadb`.
    pub(crate) client: PathBuf,
}

impl MariaDbPrograms {
    /// Those in `PATH` or in the distributions' folders.
    ///
    /// # Errors
    /// Names the one that is missing.
    pub(crate) fn find() -> Result<Self> {
        let find = |names: [&str; 2]| find(&names, "mariadb-server");
        Ok(Self {
            server: find(["mariadbd", "mysqld"])?,
            install: find(["mariadb-install-db", "mysql_install_db"])?,
            client: find(["mariadb", "mysql"])?,
        })
    }
}

/// A program of `package`, by one of its names.
///
/// # Errors
/// When it is not there.
pub(crate) fn find(names: &[&str], package: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&path).chain(USUAL.map(PathBuf::from)).collect();
    let found = names.iter().flat_map(|name| folders.iter().map(move |it| it.join(name))).find(|it| it.is_file());
    found.with_context(|| format!("`{}` was not found: install the package `{package}`", names.join("` or `")))
}
