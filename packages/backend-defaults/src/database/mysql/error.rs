use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use sqlx::mysql::MySqlDatabaseError;

use crate::database::credentials::PasswordError;

/// There is no connection, and why.
#[derive(Clone, Debug)]
pub struct MySqlConnectError {
    /// Where, as `db:3306`.
    pub server: String,
    /// As whom.
    pub user: String,
    /// Why.
    pub failure: MySqlFailure,
}

/// Why a server would not do.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MySqlFailure {
    /// It has no address, nobody listens, or the line broke.
    #[error("{0}")]
    Unreachable(#[source] Arc<io::Error>),
    /// It did not answer in time.
    #[error("no answer within {} ms (`connectTimeout`)", .0.as_millis())]
    TimedOut(Duration),
    /// It stops.
    #[error("{0}")]
    NotUpYet(String),
    /// It has as many connections as it takes.
    #[error("{0}: raise the limit on the server, or lower `knexConfig.pool.max`")]
    TooManyConnections(String),
    /// It has no such database.
    #[error("{0}")]
    DatabaseMissing(String),
    /// The user may not use the database, which may be missing too.
    #[error("{message}")]
    NotAllowed {
        /// What the server said.
        message: String,
        /// As the server knows the user, `'name'@'host'`.
        account: String,
    },
    /// It does not let the user in.
    #[error("{message} ({number}): {advice}")]
    Authentication {
        /// 1045 or another of its kind.
        number: u16,
        /// What the server said.
        message: String,
        /// What to do.
        advice: &'static str,
    },
    /// Its sort of password is not sent in the open.
    #[error(
        "the server keeps this user's password so (`caching_sha2_password` or `sha256_password`) that it wants an \
         encrypted connection: set `ssl`, and let the server have a certificate"
    )]
    WantsTls,
    /// There was no password to be had.
    #[error("cannot get the password: {0}")]
    Password(#[source] PasswordError),
    /// It could not be encrypted as asked.
    #[error("{0}")]
    Tls(String),
    /// Something else.
    #[error("{0}")]
    Refused(#[source] Arc<sqlx::Error>),
}

impl fmt::Display for MySqlConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot connect to {} as `{}`: {}", self.server, self.user, self.failure)
    }
}

impl Error for MySqlConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.failure.source()
    }
}

impl MySqlFailure {
    /// Whether it may work later without anybody changing anything, as with a server that starts.
    pub fn is_worth_waiting(&self) -> bool {
        match self {
            Self::Unreachable(error) => error.kind() != io::ErrorKind::PermissionDenied,
            Self::TimedOut(_) | Self::NotUpYet(_) | Self::TooManyConnections(_) => true,
            _ => false,
        }
    }

    pub(super) fn of(error: sqlx::Error, user: &str, with_password: bool) -> Self {
        match error {
            sqlx::Error::Io(error) => Self::of_io(error),
            sqlx::Error::Tls(error) if error.to_string().contains("does not support TLS") => {
                Self::Tls("the server cannot encrypt connections, and `ssl` asks for that".to_owned())
            }
            sqlx::Error::Tls(error) => Self::Tls(error.to_string()),
            sqlx::Error::Configuration(error) if error.to_string().contains("RSA auth") => Self::WantsTls,
            sqlx::Error::Database(error) => match error.try_downcast::<MySqlDatabaseError>() {
                Ok(error) => Self::of_server(*error, user, with_password),
                Err(error) => Self::Refused(Arc::new(sqlx::Error::Database(error))),
            },
            error => Self::Refused(Arc::new(error)),
        }
    }

    fn of_io(error: io::Error) -> Self {
        let tls = error.get_ref().and_then(|it| it.downcast_ref::<rustls::Error>());
        match tls {
            Some(rustls::Error::InvalidCertificate(why)) => Self::Tls(format!(
                "the server's certificate is not trusted ({why}): `ssl.ca` names who is, and `host` has to be a name in it"
            )),
            Some(why) => Self::Tls(format!("the encryption failed ({why}); `ssl: false` is without")),
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                let message = "the server closed the connection before it answered";
                Self::Unreachable(Arc::new(io::Error::new(error.kind(), message)))
            }
            None => Self::Unreachable(Arc::new(error)),
        }
    }

    fn of_server(error: MySqlDatabaseError, user: &str, with_password: bool) -> Self {
        let (number, message) = (error.number(), error.message().to_owned());
        match number {
            1053 => Self::NotUpYet(message),
            1040 | 1203 | 1226 => Self::TooManyConnections(message),
            1049 => Self::DatabaseMissing(message),
            1044 => Self::NotAllowed { account: account_in(&message, user), message },
            1045 | 1129 | 1130 | 1251 | 1524 | 1698 | 1820 | 1862 | 3118 | 4151 => {
                Self::Authentication { number, message, advice: advice(number, with_password) }
            }
            _ => Self::Refused(Arc::new(sqlx::Error::Database(Box::new(error)))),
        }
    }
}

/// The server names the account that it took the user for.
fn account_in(message: &str, user: &str) -> String {
    let found = message.split_once("user ").and_then(|(_, rest)| rest.split_once(" to database"));
    found.map_or_else(|| format!("'{user}'@'%'"), |(account, _)| account.to_owned())
}

/// What helps against being refused.
fn advice(number: u16, with_password: bool) -> &'static str {
    match number {
        1130 => "create the user for the host that this connects from, or for `%`",
        1129 => "let an administrator run `FLUSH HOSTS`",
        1251 | 1524 => "the server wants to know the user by a method that is not supported: give the user a password",
        1820 | 1862 => "let an administrator set a new password",
        3118 | 4151 => "let an administrator unlock the account",
        _ if with_password => "check `user` and `password`",
        _ => "no password is set: set `password`",
    }
}
