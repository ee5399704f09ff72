use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use embedded_postgres::{Account, Binaries, Server, Start, initdb};

use crate::Tls;
use crate::folder::{ServerFolder, at_a_free_port};
use crate::scratch::{Login, Scratch, SqlServer, quoted};

/// Names the server that tests share: its port and the folder of its socket.
const SHARED: &str = "GREENROOM_TEST_POSTGRES";
const USER: &str = "postgres";
const PASSWORD: &str = "it's \"super\"";
const TIMEOUT: Duration = Duration::from_secs(60);

/// What is other than usual.
#[derive(Clone, Debug, Default)]
pub struct PostgresOptions {
    /// Default: none.
    pub tls: Option<Tls>,
    /// `pg_hba.conf`. Default: everybody with a password.
    pub hba: Option<String>,
    /// As in `postgresql.conf`.
    pub settings: Vec<(&'static str, &'static str)>,
}

impl PostgresOptions {
    /// For many tests at once.
    pub fn shared() -> Self {
        Self { settings: vec![("max_connections", "400")], ..Self::default() }
    }
}

/// A PostgreSQL server.
#[derive(Debug)]
pub struct Postgres {
    address: PostgresAddress,
    server: Server,
    settings: Vec<(String, String)>,
    binaries: Binaries,
    folder: ServerFolder,
}

impl Postgres {
    /// Starts one, which ends when it is dropped, or with this process.
    ///
    /// # Errors
    /// When PostgreSQL is not there or does not start.
    pub fn start(options: &PostgresOptions) -> Result<Self> {
        let binaries = binaries()?;
        let account = Account::unless_root(&["postgres", "nobody"])?;
        let folder = ServerFolder::new(account, "greenroom-test-postgres-", "data/postmaster.pid")?;
        let data = folder.path().join("data");
        let password = format!("--pwfile={}", folder.write("password", PASSWORD)?.display());
        let arguments = ["--auth=scram-sha-256", &password, "--no-sync", "--wal-segsize=1"];
        initdb(&binaries, folder.account(), &data, USER, &arguments)?;

        let mut settings = settings(folder.path());
        if let Some(hba) = &options.hba {
            folder.write("data/pg_hba.conf", hba)?;
        }
        if let Some(tls) = &options.tls {
            settings.extend(tls_settings(&folder, tls)?);
        }
        settings.extend(options.settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        at_a_free_port(|port| {
            let mut settings = settings.clone();
            settings.push(("port".to_owned(), port.to_string()));
            let server = run(&binaries, &folder, &settings)?;
            Ok((server, settings))
        })
        .map(|(server, settings)| {
            let address = PostgresAddress { port: server.port(), socket: folder.path().to_owned() };
            Self { address, server, settings, binaries, folder }
        })
    }

    /// The server that tests share: of `cargo xtask test`, or else one of this process, started when
    /// it is first asked for.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn shared() -> Result<&'static PostgresAddress> {
        static ADDRESS: OnceLock<Result<PostgresAddress, String>> = OnceLock::new();
        static OURS: OnceLock<Postgres> = OnceLock::new();
        let address = ADDRESS.get_or_init(|| {
            if let Some(text) = std::env::var_os(SHARED) {
                return PostgresAddress::from_variable(&text.to_string_lossy()).map_err(|it| format!("{it:#}"));
            }
            let server = Self::start(&PostgresOptions::shared()).map_err(|it| format!("{it:#}"))?;
            Ok(OURS.get_or_init(|| server).address.clone())
        });
        address.as_ref().map_err(|it| anyhow!("{it}"))
    }

    /// Where its program is.
    ///
    /// # Errors
    /// When it is not there.
    pub fn program() -> Result<PathBuf> {
        Ok(binaries()?.program("postgres"))
    }

    /// Where it is.
    pub fn address(&self) -> &PostgresAddress {
        &self.address
    }

    /// What a process is given, so that [`Self::shared`] is this one there.
    pub fn variable(&self) -> (&'static str, String) {
        (SHARED, format!("{} {}", self.address.port, self.address.socket.display()))
    }

    /// Ends what it is doing, and stops it.
    ///
    /// # Errors
    /// When it does not stop.
    pub fn stop(&mut self) -> Result<()> {
        Ok(self.server.stop()?)
    }

    /// As a crash would.
    ///
    /// # Errors
    /// When it does not end.
    pub fn kill(&mut self) -> Result<()> {
        Ok(self.server.kill()?)
    }

    /// Stops it if it runs, and starts it at the same address with the same data.
    ///
    /// # Errors
    /// When it does not stop or start.
    pub fn restart(&mut self) -> Result<()> {
        self.server.stop()?;
        self.server = run(&self.binaries, &self.folder, &self.settings)?;
        Ok(())
    }

    /// What it says, for people.
    pub fn log(&self) -> Result<String> {
        let log = self.folder.path().join("log");
        std::fs::read_to_string(&log).with_context(|| format!("cannot read `{}`", log.display()))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // What does not stop is killed with its folder.
        drop(self.server.stop());
    }
}

/// Where a server is, and how to get in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresAddress {
    port: u16,
    socket: PathBuf,
}

impl PostgresAddress {
    /// `127.0.0.1`.
    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// Of TCP; and part of the socket's name.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the Unix socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The superuser.
    pub fn user(&self) -> &'static str {
        USER
    }

    /// The superuser's.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Names of one's own on this server.
    pub fn scratch(&self) -> Scratch<Self> {
        Scratch::new(self.clone())
    }

    /// `psql` of the server's version, quiet, that ends at the first error, with no other setting than
    /// what it is given.
    ///
    /// # Errors
    /// When PostgreSQL is not there.
    pub fn psql(&self) -> Result<Command> {
        let mut psql = Command::new(binaries()?.program("psql"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            psql.env_remove(name);
        }
        psql.args(["-XAtqw", "-F", "\t", "-v", "ON_ERROR_STOP=1"]);
        Ok(psql)
    }

    /// As [`SqlServer::sql`], in another database than `postgres`.
    ///
    /// # Errors
    /// With what the server said of the first statement that failed.
    pub fn sql_in(&self, database: &str, sql: &str) -> Result<String> {
        let mut psql = self.psql()?;
        psql.arg("-h").arg(&self.socket).args(["-U", USER, "-d", database, "-p", &self.port.to_string()]);
        psql.env("PGPASSWORD", PASSWORD).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = psql.spawn().context("cannot run `psql`")?;
        if let Some(mut input) = child.stdin.take() {
            // If it does not read, it has something to say.
            drop(input.write_all(sql.as_bytes()));
        }
        let output = child.wait_with_output().context("cannot run `psql`")?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    fn from_variable(text: &str) -> Result<Self> {
        let parts = text.split_once(' ').and_then(|(port, socket)| Some((port.parse().ok()?, socket.into())));
        let (port, socket) = parts.with_context(|| format!("`{SHARED}` is `{text}`, expected a port and a folder"))?;
        Ok(Self { port, socket })
    }
}

impl SqlServer for PostgresAddress {
    fn sql(&self, sql: &str) -> Result<String> {
        self.sql_in("postgres", sql)
    }

    fn create(&self, Login { database, user, password }: &Login) -> Result<()> {
        let user_with_password = format!("CREATE ROLE {user} LOGIN PASSWORD {};\n", quoted(password));
        self.sql(&format!("{user_with_password}CREATE DATABASE {database} OWNER {user};"))?;
        Ok(())
    }

    fn drop_all(&self, prefix: &str) -> Result<()> {
        let prefix = quoted(prefix);
        self.sql(&format!(
            "SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database WHERE starts_with(datname, {prefix})\\gexec\n\
             SELECT format('DROP ROLE %I', rolname) FROM pg_roles WHERE starts_with(rolname, {prefix})\\gexec\n"
        ))?;
        Ok(())
    }
}

fn binaries() -> Result<Binaries> {
    Ok(Binaries::find(std::env::var_os("PATH"))?)
}

fn run(binaries: &Binaries, folder: &ServerFolder, settings: &[(String, String)]) -> Result<Server> {
    let (data, log) = (&folder.path().join("data"), &folder.path().join("log"));
    Ok(Server::start(Start { binaries, account: folder.account(), data, log, settings, timeout: TIMEOUT })?)
}

fn settings(socket: &Path) -> Vec<(String, String)> {
    let socket = format!("\"{}\"", socket.display());
    let settings = [
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", &socket),
        ("fsync", "off"),
        ("synchronous_commit", "off"),
        ("full_page_writes", "off"),
        ("shared_buffers", "32MB"),
    ];
    settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

fn tls_settings(folder: &ServerFolder, tls: &Tls) -> Result<Vec<(String, String)>> {
    let mut settings = vec![
        ("ssl", "on".to_owned()),
        ("ssl_cert_file", folder.write("server.crt", &tls.certificate)?.display().to_string()),
        ("ssl_key_file", folder.write("server.key", &tls.key)?.display().to_string()),
    ];
    if let Some(ca) = &tls.client_ca {
        settings.push(("ssl_ca_file", folder.write("clients.crt", ca)?.display().to_string()));
    }
    Ok(settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
