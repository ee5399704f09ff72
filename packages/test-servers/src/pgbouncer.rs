use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use embedded_postgres::Account;

use crate::PostgresAddress;
use crate::folder::{ServerFolder, at_a_free_port, pause};
use crate::programs;

const PACKAGE: &str = "pgbouncer";
const TIMEOUT: Duration = Duration::from_secs(60);

/// A PgBouncer in `transaction` mode before a PostgreSQL: whatever database is asked for is that server's, and
/// whoever is known there gets in, with the same password.
#[derive(Debug)]
pub struct PgBouncer {
    port: u16,
    child: Child,
    program: PathBuf,
    settings: PathBuf,
    folder: ServerFolder,
}

impl PgBouncer {
    /// Starts one, which ends when it is dropped, or with this process. It has at most `connections` to the
    /// server for each user in each database.
    ///
    /// # Errors
    /// When PgBouncer is not there or does not start.
    pub fn start(server: &PostgresAddress, connections: u32) -> Result<Self> {
        Self::that_ignores(server, connections, "")
    }

    /// The same that does not refuse these settings when connecting, and drops them: names with commas.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn that_ignores(server: &PostgresAddress, connections: u32, parameters: &str) -> Result<Self> {
        let program = Self::program()?;
        let account = Account::unless_root(&["postgres", "nobody"])?;
        let folder = ServerFolder::new(account, "greenroom-test-pgbouncer-", "pid")?;
        let (user, password) = (server.user(), server.password());
        // In this file a quote is doubled.
        folder.write("users", &format!("\"{user}\" \"{}\"\n", password.replace('"', "\"\"")))?;
        at_a_free_port(|port| {
            let settings = folder.write("pgbouncer.ini", &settings(&folder, server, port, connections, parameters))?;
            let child = run(&program, &folder, &settings, port)?;
            Ok((port, child, settings))
        })
        .map(|(port, child, settings)| Self { port, child, program, settings, folder })
    }

    /// Where its program is.
    ///
    /// # Errors
    /// When it is not there.
    pub fn program() -> Result<PathBuf> {
        programs::find(&["pgbouncer"], PACKAGE)
    }

    /// `127.0.0.1`.
    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// Of TCP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// As a crash would.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        // Whoever has its number now is not to be ended.
        drop(std::fs::remove_file(self.folder.path().join("pid")));
        Ok(())
    }

    /// Starts one that was killed, at the same address.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.child = run(&self.program, &self.folder, &self.settings, self.port)?;
        Ok(())
    }

    /// What it says, for people.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn log(&self) -> Result<String> {
        let log = self.folder.path().join("log");
        std::fs::read_to_string(&log).with_context(|| format!("cannot read `{}`", log.display()))
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.kill());
    }
}

fn settings(folder: &ServerFolder, server: &PostgresAddress, port: u16, connections: u32, ignored: &str) -> String {
    let (host, server_port, user) = (server.host(), server.port(), server.user());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (users, log, pid) = (file("users"), file("log"), file("pid"));
    format!(
        "[databases]\n\
         * = host={host} port={server_port}\n\
         [pgbouncer]\n\
         pool_mode = transaction\n\
         default_pool_size = {connections}\n\
         max_client_conn = 1000\n\
         server_idle_timeout = 10\n\
         server_login_retry = 1\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         ignore_startup_parameters = {ignored}\n\
         auth_type = scram-sha-256\n\
         auth_file = {users}\n\
         auth_user = {user}\n\
         logfile = {log}\n\
         pidfile = {pid}\n"
    )
}

fn run(program: &Path, folder: &ServerFolder, settings: &Path, port: u16) -> Result<Child> {
    let mut command = folder.account().command(program);
    command.arg("--quiet").arg(settings).current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().with_context(|| format!("cannot run `{}`", program.display()))?;
    let until = Instant::now() + TIMEOUT;
    let log = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if let Some(status) = child.try_wait()? {
            bail!("PgBouncer did not start ({status}): {}", log().trim());
        }
        if Instant::now() > until {
            child.kill()?;
            child.wait()?;
            bail!("PgBouncer was not ready after {} s: {}", TIMEOUT.as_secs(), log().trim());
        }
        pause();
    }
    Ok(child)
}
