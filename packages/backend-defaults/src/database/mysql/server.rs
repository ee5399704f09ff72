use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::database::postgres::{Identity, Login, Pem};

/// How to connect to a server; which database is said when connecting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MySqlServer {
    /// Where it listens.
    pub address: MySqlAddress,
    /// Who connects.
    pub login: Login,
    /// Encryption.
    pub tls: MySqlTls,
    /// Whether the server may have the password as it is, as it wants for tokens. Only when the
    /// connection is encrypted. mysql2: `enableCleartextPlugin`.
    pub cleartext: bool,
    /// How long connecting may take, with TLS and authentication. mysql2: `connectTimeout`.
    pub connect_timeout: Duration,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MySqlAddress {
    /// By name or address.
    Tcp {
        /// Looked up, and compared with the server's certificate.
        host: String,
        /// 3306, where none is said.
        port: u16,
    },
    /// A Unix socket. mysql2: `socketPath`.
    Unix(PathBuf),
}

/// Encryption. mysql2: `ssl`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MySqlTls {
    /// Whether, and what is checked.
    pub mode: MySqlTlsMode,
    /// Whose certificates are trusted beside those of public authorities.
    pub ca: Option<Pem>,
    /// What this side shows, with its key.
    pub identity: Option<Identity>,
}

/// Whether a connection is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MySqlTlsMode {
    /// Never.
    Disabled,
    /// If the server can. As MySQL's own programs; mysql2: not without `ssl`.
    #[default]
    Preferred,
    /// Always, with whom is not known.
    Unverified,
    /// Always, by a certificate that is trusted and has the host's name.
    Verified,
}

impl MySqlTls {
    pub(crate) fn is_always_on(&self) -> bool {
        matches!(self.mode, MySqlTlsMode::Unverified | MySqlTlsMode::Verified)
    }
}

impl fmt::Display for MySqlAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}
