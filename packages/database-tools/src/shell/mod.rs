//! The engine's own program (`psql`, `sqlite3`, `mysql`), as it has to be called to be where a plugin's tables are.
//!
//! Passwords and keys are in its environment and in private files, never among its arguments.

mod files;
mod mysql;
mod psql;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use backend_defaults::database::{EnginePlan, SqlitePlace};

use self::files::Files;
use crate::Site;

/// A program that is ready to be run.
pub struct Shell {
    /// Not run yet.
    pub command: Command,
    /// What is not as one may think.
    pub note: Option<&'static str>,
    /// Deleted with this.
    _files: Files,
}

/// Why there is no shell to open.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// SQLite in memory.
    #[error("the database is in memory, in the backend that runs: there is nothing to open")]
    InMemory,
    /// SQLite in a file that was not made.
    #[error("there is no file `{}` yet: `backend db create` makes it", .0.display())]
    NoFile(PathBuf),
    /// The program is not installed.
    #[error("`{program}` is not on the `PATH`: install {package}")]
    NoProgram {
        /// Its name.
        program: &'static str,
        /// In which packages it is.
        package: &'static str,
    },
    /// It would be ambiguous to the program.
    #[error("`{0}` cannot be handed on: it has a line break in it")]
    LineBreak(&'static str),
    /// A certificate, a key, or the folder for them.
    #[error("cannot hand on {what}: {cause}")]
    File {
        /// What it is.
        what: String,
        /// Why not.
        cause: std::io::Error,
    },
}

const PSQL: &str = "`postgresql-client` (Debian, Ubuntu, Alpine), `postgresql` (Fedora) or `libpq` (Homebrew)";
const SQLITE: &str = "`sqlite3` (Debian, Ubuntu) or `sqlite` (Fedora, Alpine, Homebrew)";
const MYSQL: &str = "`default-mysql-client` (Debian, Ubuntu), `mariadb-client` (Alpine), `mariadb` (Fedora) or `mysql-client` \
                     (Homebrew)";

impl Site {
    /// What opens the plugin's database, with these arguments besides, such as `-c 'SELECT 1'`. `path` is where programs
    /// are looked for, and `options` what `PGOPTIONS` is. A private server runs until [`Site::close`].
    ///
    /// # Errors
    /// [`ShellError`]; or the password is not to be had, or the server not to be found.
    pub async fn shell(
        &self,
        arguments: &[OsString],
        path: Option<OsString>,
        options: Option<String>,
    ) -> anyhow::Result<Shell> {
        let find = |names: &[&'static str], package| {
            let found = names.iter().find_map(|it| on_path(path.as_deref()?, it));
            found.ok_or(ShellError::NoProgram { program: names[0], package })
        };
        match &self.plan.engine {
            EnginePlan::Sqlite(plan) => {
                let SqlitePlace::File(file) = &plan.place else { return Err(ShellError::InMemory.into()) };
                let mut command = Command::new(find(&["sqlite3"], SQLITE)?);
                if !tokio::fs::try_exists(file).await? {
                    return Err(ShellError::NoFile(file.clone()).into());
                }
                // As the plugin's connections have it.
                command.args(["-cmd", "PRAGMA foreign_keys = ON", "-cmd", ".timeout 5000"]);
                command.arg(std::path::absolute(file)?).args(arguments);
                Ok(Shell { command, note: None, _files: Files::new()? })
            }
            EnginePlan::Postgres(plan) => {
                let mut command = Command::new(find(&["psql"], PSQL)?);
                let (server, password) = self.access.postgres_login(plan).await?;
                let files = Files::new()?;
                let environment = psql::environment(plan, &server, password, options, &files).await?;
                for variable in psql::VARIABLES {
                    command.env_remove(variable);
                }
                command.args(arguments).envs(environment);
                Ok(Shell { command, note: psql::note(plan), _files: files })
            }
            EnginePlan::MySql(plan) => {
                let program = find(&["mysql", "mariadb"], MYSQL)?;
                let password = self.access.mysql_password(plan).await?;
                let files = Files::new()?;
                let text = mysql::defaults(plan, password, mysql::flavour(&program).await, &files).await?;
                let mut defaults = OsString::from("--defaults-file=");
                defaults.push(files.write("my.cnf", text.as_bytes())?);
                let mut command = Command::new(program);
                command.arg(defaults).args(arguments);
                // It would have the last word.
                command.env("MYSQL_TEST_LOGIN_FILE", files.nothing()).env_remove("MYSQL_PWD");
                Ok(Shell { command, note: None, _files: files })
            }
        }
    }
}

fn on_path(path: &std::ffi::OsStr, name: &str) -> Option<PathBuf> {
    std::env::split_paths(path).map(|it| it.join(name)).find(|it| is_program(it))
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    file.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

impl fmt::Debug for Shell {
    /// Without its environment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shell").field("program", &self.command.get_program()).finish_non_exhaustive()
    }
}
