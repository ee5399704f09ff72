use std::ffi::OsString;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::lock::{Turn, Usage};
use crate::{Account, Error, Search, Server, Start, Version, initdb};

/// The superuser of every [`Cluster`].
pub const USER: &str = "postgres";

/// As whom PostgreSQL is run for root.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];
const PORT: u16 = 5432;
/// The most bytes in the path of a Unix socket are 103 on macOS and 107 on Linux.
const SOCKET_BYTES: usize = 100;
const OTHER_SOCKET: &str = "greenroom-postgres-";

/// Which server, and how it is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Of the data, the socket and the log. Made if it is not there.
    pub directory: PathBuf,
    /// As in `postgresql.conf`, e.g. `max_connections`; of the one who starts the server.
    pub settings: Vec<(String, String)>,
    /// Where PostgreSQL is looked for.
    pub search: Search,
    /// How long starting may take, with making the data folder and recovering from a crash.
    pub timeout: Duration,
}

impl Options {
    /// With PostgreSQL as [`Search::of_this_machine`] finds it, no settings, and a minute to start.
    pub fn new(directory: impl Into<PathBuf>, path: Option<OsString>) -> Self {
        let search = Search::of_this_machine(path);
        Self { directory: directory.into(), settings: Vec::new(), search, timeout: Duration::from_secs(60) }
    }
}

/// A server in use. Dropping it stops the server, if nobody else uses it.
#[derive(Debug)]
pub struct Cluster {
    directory: PathBuf,
    server: Server,
    version: Version,
    started: bool,
    /// Until it is stopped.
    usage: Option<Usage>,
}

impl Cluster {
    /// Uses the server of the folder, which is started if it does not run yet.
    ///
    /// # Errors
    /// Says what is missing, or has the last lines of the server's log.
    pub fn start(options: &Options) -> Result<Self, Error> {
        let directory = std::path::absolute(&options.directory).map_err(Error::io("find", &options.directory))?;
        let data = directory.join("data");
        let account = Account::of_folder(&data, &ACCOUNTS)?;
        account.make_folder(&directory)?;
        let turn = Turn::take(&directory, options.timeout)?;

        let has_data = data.join("PG_VERSION").exists();
        let binaries = if has_data { options.search.for_data(&data)? } else { options.search.first()? };
        let running = Server::running(&data, options.timeout)?;
        let started = running.is_none();
        let server = match running {
            Some(server) => server,
            None => {
                account.enters(&directory)?;
                if !has_data {
                    let trusted = ["--auth-local=trust", "--auth-host=reject"];
                    initdb(&binaries, &account, &data, USER, &trusted)?;
                }
                let settings = settings(&socket_folder(&directory, &account)?, &options.settings);
                let log = &directory.join("server.log");
                let timeout = options.timeout;
                let start =
                    Start { binaries: &binaries, account: &account, data: &data, log, settings: &settings, timeout };
                Server::start(start)?
            }
        };
        let usage = Some(Usage::take(&directory)?);
        drop(turn);
        Ok(Self { directory, server, version: binaries.version(), started, usage })
    }

    /// The folder of its Unix socket, with which [`USER`] connects without a password.
    pub fn socket(&self) -> &Path {
        self.server.socket()
    }

    /// Part of the socket's name: there is no TCP port.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// Of PostgreSQL.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether it was started here, rather than found running.
    pub fn was_started(&self) -> bool {
        self.started
    }

    /// What the server says, for people.
    pub fn log(&self) -> PathBuf {
        self.directory.join("server.log")
    }

    /// Stops the server if nobody else uses it.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(mut self) -> Result<(), Error> {
        self.release()
    }

    fn release(&mut self) -> Result<(), Error> {
        let Some(usage) = self.usage.take() else { return Ok(()) };
        let _turn = Turn::take(&self.directory, Duration::from_secs(60))?;
        if !usage.was_last() {
            return Ok(());
        }
        self.server.stop()?;
        let socket = self.server.socket();
        if socket.file_name().is_some_and(|it| it.to_string_lossy().starts_with(OTHER_SOCKET)) {
            std::fs::remove_dir_all(socket).map_err(Error::io("remove", socket))?;
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Whoever wants to know calls `stop`.
        drop(self.release());
    }
}

/// A folder that only the account, who runs the server, and root can enter.
fn socket_folder(directory: &Path, account: &Account) -> Result<PathBuf, Error> {
    let folder = directory.join("socket");
    if !can_name_a_socket(&folder) {
        return Ok(account.make_temporary_folder(&std::env::temp_dir(), OTHER_SOCKET)?.keep());
    }
    account.make_folder(&folder)?;
    // Whoever can enter it can connect.
    let private = std::fs::set_permissions(&folder, Permissions::from_mode(0o700));
    private.map_err(Error::io("close", &folder))?;
    Ok(folder)
}

/// To the system it must not be too long; to libpq what has a comma is a list of hosts.
fn can_name_a_socket(folder: &Path) -> bool {
    folder.to_str().is_some_and(|it| it.len() + "/.s.PGSQL.5432".len() <= SOCKET_BYTES && !it.contains(','))
}

fn settings(socket: &Path, own: &[(String, String)]) -> Vec<(String, String)> {
    // It is a list, in which quotes keep commas and spaces in their place.
    let socket = format!("\"{}\"", socket.display().to_string().replace('"', "\"\""));
    let ours = [
        ("listen_addresses", String::new()),
        ("port", PORT.to_string()),
        ("unix_socket_directories", socket),
        ("unix_socket_permissions", "0700".to_owned()),
    ];
    own.iter().cloned().chain(ours.map(|(name, value)| (name.to_owned(), value))).collect()
}
