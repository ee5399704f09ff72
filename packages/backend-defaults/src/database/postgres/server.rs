//! What it takes to connect to a PostgreSQL server, as values: what config and libpq's environment come to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use backend_plugin_api::Secret;

use crate::database::credentials::PasswordSource;

/// How to connect to a server; which database is said when connecting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresServer {
    /// Tried in this order. None where they are only known later: a private server's, and those that a cloud is
    /// asked for.
    pub hosts: Vec<Host>,
    /// Which of them will do.
    pub target: TargetSessionAttrs,
    /// Who connects.
    pub login: Login,
    /// Encryption. Not in use through Unix sockets, as with libpq.
    pub tls: TlsPlan,
    /// What the session starts with.
    pub session: SessionSettings,
    /// How long connecting to one host may take, with TLS and authentication.
    /// libpq: `connect_timeout`; node-postgres: `connectionTimeoutMillis`.
    pub connect_timeout: Option<Duration>,
    /// How long the answer to a statement may take before the connection is given up.
    /// node-postgres: `query_timeout`.
    pub query_timeout: Option<Duration>,
    /// TCP keep-alives; `None` is without. Without times of their own they are on where that is free: on
    /// connections with TLS, but not on plain ones. libpq: on everywhere, with the system's times.
    pub keepalive: Option<Keepalive>,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// By name or address.
    Tcp {
        /// For TLS and messages; looked up if there is no `address`.
        name: String,
        /// libpq: `hostaddr`.
        address: Option<IpAddr>,
        /// 5432, where none is said.
        port: u16,
    },
    /// The folder of a Unix socket, which is `.s.PGSQL.<port>` in it.
    Unix {
        /// Where the socket is.
        directory: PathBuf,
        /// Part of the socket's name.
        port: u16,
    },
}

impl fmt::Display for Host {
    /// As messages name it: `db.example.com:5432`, `/run/postgresql/.s.PGSQL.5432`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { name, address: Some(address), port } if name.is_empty() => {
                write!(f, "{}", SocketAddr::new(*address, *port))
            }
            Self::Tcp { name, port, .. } => match name.parse() {
                Ok(address) => write!(f, "{}", SocketAddr::new(address, *port)),
                Err(_) => write!(f, "{name}:{port}"),
            },
            Self::Unix { directory, port } => write!(f, "{}", socket_path(directory, *port).display()),
        }
    }
}

/// Where a server puts its Unix socket.
pub(super) fn socket_path(directory: &Path, port: u16) -> PathBuf {
    directory.join(format!(".s.PGSQL.{port}"))
}

/// Who connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The role.
    pub user: String,
    /// Asked at each new connection.
    pub password: PasswordSource,
}

/// libpq: `target_session_attrs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetSessionAttrs {
    /// Whichever answers.
    #[default]
    Any,
    /// Not read-only.
    ReadWrite,
    /// Read-only.
    ReadOnly,
    /// Not in recovery.
    Primary,
    /// In recovery.
    Standby,
    /// A standby if there is one, else any.
    PreferStandby,
}

impl fmt::Display for TargetSessionAttrs {
    /// As libpq writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any",
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
            Self::Primary => "primary",
            Self::Standby => "standby",
            Self::PreferStandby => "prefer-standby",
        })
    }
}

/// Encryption.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsPlan {
    /// Whether, and what is checked.
    pub mode: SslMode,
    /// Whose certificates are trusted, where `mode` checks them.
    pub roots: Roots,
    /// What this side shows, with its key.
    pub identity: Option<Identity>,
    /// The name that the server's certificate has to have, where it is not the host's.
    pub server_name: Option<String>,
}

/// libpq: `sslmode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    /// Never encrypted.
    Disable,
    /// Encrypted only if the server refuses else.
    Allow,
    /// Encrypted if the server can.
    #[default]
    Prefer,
    /// Encrypted; the certificate is checked only if there are [`Roots`] to check it by.
    Require,
    /// Encrypted, by a certificate that is trusted.
    VerifyCa,
    /// And that has the host's name.
    VerifyFull,
}

/// Whose certificates are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Roots {
    /// Nobody's: nothing is checked, and [`SslMode::VerifyCa`] and up fail.
    #[default]
    None,
    /// These alone. As libpq's root file: it has to be there to verify, and if it is there, every mode
    /// verifies as `VerifyCa` does. libpq: `sslrootcert`, `~/.postgresql/root.crt`.
    LibpqFile(PathBuf),
    /// These alone. node-postgres: `ssl.ca`.
    Pem(Pem),
    /// The operating system's; they want [`SslMode::VerifyFull`], as anybody can have a certificate of theirs.
    /// libpq: `sslrootcert=system`; node-postgres: `ssl: true`.
    System,
}

/// A certificate of this side and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// With those between it and the root.
    pub certificate: Pem,
    /// Not encrypted. Who else can read it is not checked, as libpq does: mounted secrets are often everybody's.
    pub key: Pem,
}

/// PEM text, or the file that has it, read at each new connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pem {
    /// As text in the config.
    Text(Secret<String>),
    /// In a file.
    File(PathBuf),
}

/// What a session starts with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionSettings {
    /// Backstage: `backstage_plugin_<id>`.
    pub application_name: String,
    /// Settings by name, from `options` (`-c name=value`) and from those that have keys of their own,
    /// such as `statement_timeout`.
    pub parameters: Vec<(String, String)>,
}

/// TCP keep-alives: `None` leaves the system's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keepalive {
    /// Before the first. libpq: `keepalives_idle`; node-postgres: `keepAliveInitialDelayMillis`.
    pub idle: Option<Duration>,
    /// Between two. libpq: `keepalives_interval`.
    pub interval: Option<Duration>,
    /// How many may be lost. libpq: `keepalives_count`.
    pub count: Option<u32>,
}

impl fmt::Display for PostgresServer {
    /// E.g. `db.example.com:5432`, several with commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let PasswordSource::CloudSql(Some(instance)) = &self.login.password
            && self.hosts.is_empty()
        {
            return write!(f, "{}:{}:{}", instance.project, instance.region, instance.name);
        }
        let hosts: Vec<_> = self.hosts.iter().map(ToString::to_string).collect();
        f.write_str(&hosts.join(","))
    }
}
