use std::path::Path;
use std::process::Command;

use crate::{Account, Binaries, Error};

/// Makes the data folder `data`, which is not there or empty, with the superuser `user`: UTF-8, texts
/// sorted by code point, upper and lower case for all letters where the system knows them.
///
/// What is killed half-way leaves a folder beside it, and no `data`.
///
/// # Errors
/// When `initdb` fails: with what it said.
pub fn initdb(
    binaries: &Binaries,
    account: &Account,
    data: &Path,
    user: &str,
    arguments: &[&str],
) -> Result<(), Error> {
    let parent = data.parent().unwrap_or(Path::new("."));
    let name = data.file_name().unwrap_or_default().to_string_lossy();
    let half_made = format!("{name}.half-made-");
    remove_left_overs(parent, &half_made);
    let folder = account.make_temporary_folder(parent, &half_made)?;

    let mut refused = String::new();
    for locale in locales(binaries) {
        let mut command = account.command(binaries.program("initdb"));
        without_settings(&mut command).arg("--pgdata").arg(folder.path()).current_dir(folder.path());
        command.arg(format!("--username={user}")).arg("--encoding=UTF8").args(*locale).args(arguments);
        let output = command.output().map_err(Error::io("run", &binaries.program("initdb")))?;
        if output.status.success() {
            let made = folder.keep();
            return std::fs::rename(&made, data).map_err(Error::io("make", data));
        }
        refused = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        if !refused.contains("invalid locale name") {
            break;
        }
    }
    Err(Error::Initdb { data: data.to_owned(), output: refused })
}

/// Tried in this order.
fn locales(binaries: &Binaries) -> &'static [&'static [&'static str]] {
    match binaries.version().major {
        // PostgreSQL's own, which is the same on every system.
        17.. => &[&["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]],
        _ => &[&["--locale=C", "--lc-ctype=C.UTF-8"], &["--locale=C"]],
    }
}

/// Whatever the user's shell says of PostgreSQL is about another server; texts are in English.
pub(crate) fn without_settings(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|it| it.starts_with("PG") || it.starts_with("LC_") || it.starts_with("LANG")) {
            command.env_remove(name);
        }
    }
    command.env("LC_ALL", "C")
}

fn remove_left_overs(parent: &Path, prefix: &str) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            // If it cannot be removed it is only in the way of whoever wants the space.
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}
