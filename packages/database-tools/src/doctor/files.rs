//! SQLite's files.

use std::path::Path;

use rusqlite::Connection;
use rustix::fs::{Access, access, stat};
use rustix::process::geteuid;

use super::finding::{About, Finding};
use crate::inspect::sqlite::look_into;

/// Above this the quick check is made, in bytes.
const LARGE: u64 = 1 << 30;
/// The first whose log of changes cannot be overwritten while another process writes it back. sqlite.org: 3.51.3.
const FIRST_GOOD: (i32, &str) = (3_051_003, "3.51.3");
/// As many mistakes as are told.
const MOST: usize = 5;

/// The library's, which all files are opened by.
pub(super) fn library() -> Finding {
    judge_library(rusqlite::version_number(), rusqlite::version())
}

fn judge_library(number: i32, version: &str) -> Finding {
    let about = About("SQLite".to_owned());
    let (first, name) = FIRST_GOOD;
    match number >= first {
        true => about.ok("version", version),
        false => about.warning(
            "version",
            format!("{version}, and {name} is the first without a mistake in its log (WAL reset)"),
            "a file may break when two processes write to it at the same time",
            "build the backend with a newer SQLite",
        ),
    }
}

/// One file: blocks on it.
pub(super) fn check(file: &Path) -> Vec<Finding> {
    let about = About(file.display().to_string());
    if !file.exists() {
        return vec![about.ok("file", "made by the next start")];
    }
    let mut findings = rights(&about, file);
    match look_into(file) {
        Ok(connection) => {
            findings.push(integrity(&about, &connection, file));
            findings.push(journal(&about, &connection));
        }
        Err(error) => findings.push(broken(&about, &error.to_string())),
    }
    findings
}

fn rights(about: &About, file: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    if access(file, Access::READ_OK | Access::WRITE_OK).is_err() {
        let mend = "give it to who runs the backend, by `chown`";
        findings.push(about.error("rights", "may not be read and written", "the plugin cannot start", mend));
    }
    let owner = stat(file).map(|it| it.st_uid).ok();
    findings.extend(owner.and_then(|owner| owned(about, owner, geteuid().as_raw())));
    if findings.is_empty() {
        findings.push(about.ok("rights", "may be read and written"));
    }
    findings
}

fn owned(about: &About, owner: u32, me: u32) -> Option<Finding> {
    let what = format!("belongs to user {owner}, and this is user {me}");
    let why = "what one of them makes beside it, such as its log, the other may not be able to write";
    let mend = "run commands as the user who runs the backend, or give the file to that one by `chown`";
    (owner != me).then(|| about.warning("rights", what, why, mend))
}

fn integrity(about: &About, connection: &Connection, file: &Path) -> Finding {
    let is_large = file.metadata().is_ok_and(|it| it.len() > LARGE);
    let pragma = if is_large { "quick_check" } else { "integrity_check" };
    let said = connection
        .prepare(&format!("PRAGMA {pragma}({MOST})"))
        .and_then(|mut it| it.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>());
    match said {
        Ok(said) if said == ["ok"] => about.ok("integrity", format!("`{pragma}` finds nothing")),
        Ok(said) => broken(about, &said.join("; ").replace('\n', "; ")),
        Err(error) => broken(about, &error.to_string()),
    }
}

fn broken(about: &About, what: &str) -> Finding {
    about.error(
        "integrity",
        format!("the file is broken: {what}"),
        "what is read may be wrong, and what is written may break more of it",
        "stop the backend and restore a backup (`backend db restore`); without one, save what can be read by `sqlite3 .recover`",
    )
}

fn journal(about: &About, connection: &Connection) -> Finding {
    match connection.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0)) {
        Ok(mode) if mode.eq_ignore_ascii_case("wal") => about.ok("journal", "WAL"),
        Ok(mode) => about.warning(
            "journal",
            format!("`{mode}`, and not WAL"),
            "readers and the writer keep each other waiting",
            "start the backend, which sets it; if that does not help, another program sets it back",
        ),
        Err(error) => broken(about, &error.to_string()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::Severity;
    use super::*;

    #[test]
    fn a_file_of_another_is_told() {
        let about = About("todo.sqlite".to_owned());
        assert_eq!(owned(&about, 1000, 1000), None);
        assert_eq!(owned(&about, 0, 1000).unwrap().what, "belongs to user 0, and this is user 1000");
    }

    #[test]
    fn a_library_with_the_mistake_is_told() {
        assert_eq!(judge_library(3_051_002, "3.51.2").severity, Severity::Warning);
        assert_eq!(judge_library(3_051_003, "3.51.3").severity, Severity::Ok);
    }
}
