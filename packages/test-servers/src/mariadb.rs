use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use embedded_postgres::Account;

use crate::Tls;
use crate::folder::{ServerFolder, at_a_free_port, pause};
use crate::programs::MariaDbPrograms;
use crate::scratch::{Login, Scratch, SqlServer, quoted};

/// Names the server that tests share: its port and its socket.
const SHARED: &str = "GREENROOM_TEST_MARIADB";
const USER: &str = "root";
const PASSWORD: &str = "it's \"super\"";
const TIMEOUT: Duration = Duration::from_secs(60);
/// Nothing is made sure to be on the disk.
const CARELESS: [&str; 5] = [
    "--debug-no-sync",
    "--innodb-flush-method=nosync",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=OFF",
    "--innodb-log-file-size=4M",
];

/// What is other than usual.
#[derive(Clone, Debug, Default)]
pub struct MariaDbOptions {
    /// Default: none.
    pub tls: Option<Tls>,
    /// As on the command line, without the dashes.
    pub settings: Vec<(&'static str, &'static str)>,
}

impl MariaDbOptions {
    /// For many tests at once.
    pub fn shared() -> Self {
        Self { settings: vec![("max-connections", "400")], ..Self::default() }
    }
}

/// A MariaDB server.
#[derive(Debug)]
pub struct MariaDb {
    address: MariaDbAddress,
    child: Child,
    settings: Vec<String>,
    programs: MariaDbPrograms,
    folder: ServerFolder,
}

impl MariaDb {
    /// Starts one, which ends when it is dropped, or with this process.
    ///
    /// # Errors
    /// When MariaDB is not there or does not start.
    pub fn start(options: &MariaDbOptions) -> Result<Self> {
        let programs = MariaDbPrograms::find()?;
        let account = Account::unless_root(&["mysql", "nobody"])?;
        let folder = ServerFolder::new(account, "greenroom-test-mariadb-", "pid")?;
        install(&programs, &folder)?;
        let mut settings = settings(&folder)?;
        if let Some(tls) = &options.tls {
            settings.extend(tls_settings(&folder, tls)?);
        }
        settings.extend(options.settings.iter().map(|(name, value)| format!("--{name}={value}")));
        at_a_free_port(|port| {
            let mut settings = settings.clone();
            settings.push(format!("--port={port}"));
            let child = run(&programs, &folder, &settings)?;
            Ok((child, settings, port))
        })
        .map(|(child, settings, port)| {
            let address = MariaDbAddress { port, socket: folder.path().join("socket") };
            Self { address, child, settings, programs, folder }
        })
    }

    /// The server that tests share: of `cargo xtask test`, or else one of this process, started when
    /// it is first asked for.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn shared() -> Result<&'static MariaDbAddress> {
        static ADDRESS: OnceLock<Result<MariaDbAddress, String>> = OnceLock::new();
        static OURS: OnceLock<MariaDb> = OnceLock::new();
        let address = ADDRESS.get_or_init(|| {
            if let Some(text) = std::env::var_os(SHARED) {
                return MariaDbAddress::from_variable(&text.to_string_lossy()).map_err(|it| format!("{it:#}"));
            }
            let server = Self::start(&MariaDbOptions::shared()).map_err(|it| format!("{it:#}"))?;
            Ok(OURS.get_or_init(|| server).address.clone())
        });
        address.as_ref().map_err(|it| anyhow!("{it}"))
    }

    /// Where its program is.
    ///
    /// # Errors
    /// When it is not there.
    pub fn program() -> Result<PathBuf> {
        Ok(MariaDbPrograms::find()?.server)
    }

    /// Where it is.
    pub fn address(&self) -> &MariaDbAddress {
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
        // A second time it has ended already.
        if self.child.try_wait()?.is_none() {
            self.address.sql("SHUTDOWN")?;
            self.child.wait()?;
        }
        Ok(())
    }

    /// As a crash would.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Stops it if it runs, and starts it at the same address with the same data.
    ///
    /// # Errors
    /// When it does not stop or start.
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.child = run(&self.programs, &self.folder, &self.settings)?;
        Ok(())
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        // The data goes with it.
        drop(self.kill());
    }
}

/// Where a server is, and how to get in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MariaDbAddress {
    port: u16,
    socket: PathBuf,
}

impl MariaDbAddress {
    /// `127.0.0.1`.
    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// Of TCP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The Unix socket.
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

    fn from_variable(text: &str) -> Result<Self> {
        let parts = text.split_once(' ').and_then(|(port, socket)| Some((port.parse().ok()?, socket.into())));
        let (port, socket) = parts.with_context(|| format!("`{SHARED}` is `{text}`, expected a port and a socket"))?;
        Ok(Self { port, socket })
    }
}

impl SqlServer for MariaDbAddress {
    fn sql(&self, sql: &str) -> Result<String> {
        let mut client = Command::new(MariaDbPrograms::find()?.client);
        client.args(["--no-defaults", "--batch", "--skip-column-names", "--user", USER, "--socket"]).arg(&self.socket);
        client.env("MYSQL_PWD", PASSWORD).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = client.spawn().context("cannot run `mariadb`")?;
        if let Some(mut input) = child.stdin.take() {
            // If it does not read, it has something to say.
            drop(input.write_all(sql.as_bytes()));
        }
        let output = child.wait_with_output().context("cannot run `mariadb`")?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    fn create(&self, Login { database, user, password }: &Login) -> Result<()> {
        let password = quoted(password);
        self.sql(&format!(
            "CREATE DATABASE {database}; CREATE USER {user}@'%' IDENTIFIED BY {password}; \
             GRANT ALL ON {database}.* TO {user}@'%'"
        ))?;
        Ok(())
    }

    fn drop_all(&self, prefix: &str) -> Result<()> {
        let begins = |column: &str| format!("LEFT({column}, {}) = {}", prefix.len(), quoted(prefix));
        let sessions = format!("SELECT id FROM information_schema.processlist WHERE {}", begins("db"));
        for session in self.sql(&sessions)?.lines() {
            // It may have ended by itself.
            drop(self.sql(&format!("KILL {session}")));
        }
        let databases = format!(
            "SELECT CONCAT('DROP DATABASE `', schema_name, '`;') FROM information_schema.schemata WHERE {}",
            begins("schema_name")
        );
        let users =
            format!("SELECT CONCAT('DROP USER `', user, '`@`', host, '`;') FROM mysql.user WHERE {}", begins("user"));
        let drops = self.sql(&format!("{databases}; {users}"))?;
        self.sql(&drops)?;
        Ok(())
    }
}

fn install(programs: &MariaDbPrograms, folder: &ServerFolder) -> Result<()> {
    let mut install = folder.account().command(&programs.install);
    install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
    install.arg(format!("--datadir={}", folder.path().join("data").display())).current_dir(folder.path());
    install.args(CARELESS);
    let output = install.output().with_context(|| format!("cannot run `{}`", programs.install.display()))?;
    if !output.status.success() {
        let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        bail!("`{}` failed: {} {}", programs.install.display(), said.trim(), errors.trim());
    }
    Ok(())
}

fn run(programs: &MariaDbPrograms, folder: &ServerFolder, settings: &[String]) -> Result<Child> {
    let mut server = folder.account().command(&programs.server);
    server.arg("--no-defaults").args(settings).current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = server.spawn().with_context(|| format!("cannot run `{}`", programs.server.display()))?;
    let until = Instant::now() + TIMEOUT;
    let log = || {
        let text = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        let errors: Vec<_> = text.lines().filter(|it| it.contains("[ERROR]")).collect();
        errors.join("; ")
    };
    while !greets(&folder.path().join("socket")) {
        if let Some(status) = child.try_wait()? {
            bail!("MariaDB did not start ({status}): {}", log());
        }
        if Instant::now() > until {
            child.kill()?;
            child.wait()?;
            bail!("MariaDB was not ready after {} s: {}", TIMEOUT.as_secs(), log());
        }
        pause();
    }
    Ok(child)
}

/// The server speaks first.
fn greets(socket: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(socket) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(1))).is_ok() && stream.read_exact(&mut [0]).is_ok()
}

fn settings(folder: &ServerFolder) -> Result<Vec<String>> {
    let password = quoted(PASSWORD);
    let users = format!(
        "CREATE USER IF NOT EXISTS root@'127.0.0.1';\n\
         GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n\
         ALTER USER root@localhost IDENTIFIED BY {password};\n\
         ALTER USER root@'127.0.0.1' IDENTIFIED BY {password};\n\
         DELETE FROM mysql.global_priv WHERE User = '';\n\
         FLUSH PRIVILEGES;\n"
    );
    let file = |name: &str| folder.path().join(name).display().to_string();
    let init = folder.write("init.sql", &users)?;
    Ok([
        format!("--datadir={}", file("data")),
        format!("--socket={}", file("socket")),
        format!("--pid-file={}", file("pid")),
        format!("--log-error={}", file("log")),
        format!("--init-file={}", init.display()),
        // In one that servers share, each that starts deletes the temporary tables of the others.
        format!("--tmpdir={}", folder.path().display()),
        "--bind-address=127.0.0.1".to_owned(),
        "--skip-name-resolve".to_owned(),
        "--innodb-buffer-pool-size=32M".to_owned(),
    ]
    .into_iter()
    .chain(CARELESS.map(str::to_owned))
    .collect())
}

fn tls_settings(folder: &ServerFolder, tls: &Tls) -> Result<Vec<String>> {
    let mut settings = vec![
        format!("--ssl-cert={}", folder.write("server.crt", &tls.certificate)?.display()),
        format!("--ssl-key={}", folder.write("server.key", &tls.key)?.display()),
    ];
    if let Some(ca) = &tls.client_ca {
        settings.push(format!("--ssl-ca={}", folder.write("clients.crt", ca)?.display()));
    }
    Ok(settings)
}
