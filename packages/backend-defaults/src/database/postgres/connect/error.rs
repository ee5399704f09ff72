//! Why there is no connection, and whether waiting helps.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::super::TargetSessionAttrs;
use super::tls::TlsFailure;

/// No host would do: the ones tried, in order, and why each failed.
#[derive(Clone, Debug)]
pub struct ConnectError {
    /// Which database was asked for.
    pub database: String,
    /// As whom.
    pub user: String,
    /// Each place, as `db:5432`, with its failure. The last decided. Never empty.
    pub tried: Vec<(String, Failure)>,
}

/// Why one host would not do.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Its name has no address.
    #[error("cannot find the address of `{name}`: {cause}")]
    Lookup {
        /// The host's.
        name: String,
        /// What the resolver said.
        cause: Arc<io::Error>,
    },
    /// Nobody listens, or the line broke.
    #[error("{0}")]
    Unreachable(#[source] Arc<io::Error>),
    /// It did not answer in time.
    #[error("no answer within {} ms (`connectionTimeoutMillis`)", .0.as_millis())]
    TimedOut(Duration),
    /// It is starting, stopping or recovering.
    #[error("{0}")]
    NotUpYet(String),
    /// Another kind of server was asked for.
    #[error("the server is {found}, and `target_session_attrs` is `{wanted}`")]
    Unsuitable {
        /// What was asked for.
        wanted: TargetSessionAttrs,
        /// What it is.
        found: &'static str,
    },
    /// It has no such database.
    #[error("{0}")]
    DatabaseMissing(String),
    /// It does not let the user in.
    #[error("{message} ({sqlstate}): {advice}")]
    Authentication {
        /// 28P01 or another of its class.
        sqlstate: String,
        /// What the server said.
        message: String,
        /// What to do.
        advice: &'static str,
    },
    /// Neither with TLS nor without, and for different reasons.
    #[error("with TLS: {encrypted}; without: {plain}")]
    Both {
        /// Why not with TLS.
        encrypted: Box<Failure>,
        /// Why not without.
        plain: Box<Failure>,
    },
    /// There was no password to be had.
    #[error("cannot get the password: {0}")]
    Password(#[source] Arc<dyn Error + Send + Sync>),
    /// It could not be encrypted as asked.
    #[error(transparent)]
    Tls(TlsFailure),
    /// It has as many connections as it takes.
    #[error("{0}: raise the limit on the server, or lower `knexConfig.pool.max`")]
    TooManyConnections(String),
    /// Something else that the server said.
    #[error("{message} ({sqlstate})")]
    Refused {
        /// Its code.
        sqlstate: String,
        /// What the server said.
        message: String,
    },
    /// This process cannot carry an encrypted connection.
    #[error("cannot make a socket in the temporary folder: {0}")]
    Relay(#[source] Arc<io::Error>),
    /// Whoever listens there does not speak as PostgreSQL does.
    #[error("{0}")]
    Protocol(Arc<sqlx::Error>),
}

impl ConnectError {
    /// The failure that decided.
    pub fn failure(&self) -> &Failure {
        &self.tried[self.tried.len() - 1].1
    }

    /// Whether it may work later without anybody changing anything, as with a server that starts.
    pub fn is_worth_waiting(&self) -> bool {
        self.failure().is_worth_waiting()
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { database, user, tried } = self;
        match tried.as_slice() {
            [(place, failure)] => {
                write!(f, "cannot connect to database `{database}` at {place} as `{user}`: {failure}")
            }
            _ => {
                write!(f, "cannot connect to database `{database}` as `{user}`")?;
                tried.iter().enumerate().try_for_each(|(index, (place, failure))| {
                    let mark = if index == 0 { ": " } else { "; " };
                    write!(f, "{mark}{place}: {failure}")
                })
            }
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.failure().source()
    }
}

/// PgBouncer, whose code for almost everything is 08P01: it has no connection to the server, for now.
const AWAY: [&str; 3] = ["query_wait_timeout", "server down", "server_login_retry"];

impl Failure {
    /// Whether it may work later without anybody changing anything.
    pub fn is_worth_waiting(&self) -> bool {
        match self {
            Self::Lookup { .. } | Self::Unreachable(_) | Self::TimedOut(_) | Self::Tls(TlsFailure::Broken(_)) => true,
            Self::NotUpYet(_) | Self::Unsuitable { .. } | Self::TooManyConnections(_) => true,
            Self::DatabaseMissing(_) | Self::Authentication { .. } | Self::Tls(_) | Self::Both { .. } => false,
            Self::Password(_) | Self::Refused { .. } | Self::Relay(_) | Self::Protocol(_) => false,
        }
    }

    /// Whether it may be that a session cannot begin with its `role`: there is none, or it may not be taken.
    pub(in super::super) fn may_be_of_role(&self) -> bool {
        // PostgreSQL: `check_role`.
        matches!(self, Self::Refused { sqlstate, .. } if ["22023", "42501"].contains(&sqlstate.as_str()))
    }

    /// Whether the next host is to be asked. libpq: not where this one answered, and refused.
    pub(super) fn is_of_this_host(&self) -> bool {
        self.is_worth_waiting() && !matches!(self, Self::TooManyConnections(_))
    }

    /// Whether the server was reached and did not let the user in.
    pub(super) fn is_refusal(&self) -> bool {
        match self {
            Self::Authentication { .. } => true,
            Self::Both { encrypted, plain } => encrypted.is_refusal() || plain.is_refusal(),
            _ => false,
        }
    }

    /// What both ways of connecting came to. One that got further than to be refused says it all.
    pub(super) fn both(encrypted: Self, plain: Self) -> Self {
        let refused = |it: &Self| matches!(it, Self::Tls(_) | Self::Authentication { .. });
        if !refused(&encrypted) {
            encrypted
        } else if !refused(&plain) || plain.to_string() == encrypted.to_string() {
            plain
        } else {
            Self::Both { encrypted: Box::new(encrypted), plain: Box::new(plain) }
        }
    }

    /// What an error that came up while connecting means.
    pub(super) fn of(error: sqlx::Error, with_password: bool) -> Self {
        match error {
            sqlx::Error::Io(error) => Self::of_io(error),
            sqlx::Error::Database(error) => {
                let sqlstate = error.code().unwrap_or_default();
                Self::of_sqlstate(&sqlstate, error.message(), with_password)
            }
            error => Self::Protocol(Arc::new(error)),
        }
    }

    /// What a broken line means: TLS breaks with errors of its own.
    pub(super) fn of_io(error: io::Error) -> Self {
        match TlsFailure::of(&error) {
            Some(failure) => Self::Tls(failure),
            None if error.kind() == io::ErrorKind::UnexpectedEof => Self::Unreachable(Arc::new(io::Error::new(
                error.kind(),
                "the server closed the connection before it answered",
            ))),
            None => Self::Unreachable(Arc::new(error)),
        }
    }

    fn of_sqlstate(sqlstate: &str, message: &str, with_password: bool) -> Self {
        let message = message.to_owned();
        match sqlstate {
            // `cannot_connect_now`, `admin_shutdown`, `crash_shutdown`
            "57P03" | "57P01" | "57P02" => Self::NotUpYet(message),
            "3D000" => Self::DatabaseMissing(message),
            "53300" => Self::TooManyConnections(message),
            "08P01" if AWAY.iter().any(|it| message.contains(it)) => Self::NotUpYet(message),
            "08P01" if message.contains("max_client_conn") => Self::TooManyConnections(message),
            "08P01" if message.contains("authentication failed") => {
                let advice = advice(&message, with_password);
                Self::Authentication { sqlstate: sqlstate.to_owned(), message, advice }
            }
            _ if sqlstate.starts_with("28") => {
                let advice = advice(&message, with_password);
                Self::Authentication { sqlstate: sqlstate.to_owned(), message, advice }
            }
            _ => Self::Refused { sqlstate: sqlstate.to_owned(), message },
        }
    }
}

/// What helps against being refused. The server says no more than its message does.
fn advice(message: &str, with_password: bool) -> &'static str {
    let says = |part| message.contains(part);
    if says("client certificate") || says("certificate authentication") {
        "give the certificate that the server asks for, `ssl.cert` and `ssl.key`"
    } else if says("pg_hba.conf") && (says("no encryption") || says("SSL off")) {
        "set `ssl` if the server wants encryption, or let this user in from here in its `pg_hba.conf`"
    } else if says("pg_hba.conf") {
        "let this user in from here in the server's `pg_hba.conf`"
    } else if says("does not exist") || says("not permitted to log in") {
        "create the role with `LOGIN`, or set `user`"
    } else if with_password {
        "check `user` and `password`"
    } else {
        "no password is set: set `password`"
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;

    #[test]
    fn what_pgbouncer_says_is_told_apart() {
        let of = |message| Failure::of_sqlstate("08P01", message, true);
        for message in [
            "query_wait_timeout",
            "client_login_timeout (server down)",
            "server login has been failing, try again later (server_login_retry)",
            "no more connections allowed (max_client_conn)",
        ] {
            assert!(of(message).is_worth_waiting(), "{message}");
        }
        assert!(of("SASL authentication failed").is_refusal());
        assert!(matches!(of("unsupported startup parameter: options"), Failure::Refused { .. }));
    }
}
