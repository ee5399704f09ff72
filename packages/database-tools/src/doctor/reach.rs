//! Why a server cannot be connected to, and what helps.

use backend_defaults::database::mysql::{MySqlConnectError, MySqlFailure};
use backend_defaults::database::postgres::{ConnectError, Failure};

use super::finding::{About, Finding};
use super::pooler;

const CHECK: &str = "reach";
const WHY: &str = "the plugins there do not start";

/// What an error of connecting means.
pub(super) fn cannot(about: &About, error: &anyhow::Error) -> Finding {
    if let Some(error) = error.downcast_ref::<ConnectError>() {
        return of_postgres(about, error);
    }
    match error.downcast_ref::<MySqlConnectError>() {
        Some(error) => of_mysql(about, error),
        None => about.error(CHECK, format!("{error:#}"), WHY, SEE),
    }
}

const SEE: &str = "see what the server's log says of it";

const LISTENS: &str =
    "check `host` and `port` of `backend.database.connection`, and that the server runs and listens there";
const ANSWERS: &str = "check `host` and `port`, and what is between here and there, such as a firewall";
const LOGIN: &str = "check `user` and `password` of `backend.database.connection`, and what the server lets in";
const WAIT: &str = "wait until the server is up and has connections to give, or give it more";

fn of_postgres(about: &About, error: &ConnectError) -> Finding {
    let text = match error.tried.as_slice() {
        [(_, failure)] => format!("cannot connect as `{}`: {failure}", error.user),
        _ => error.to_string(),
    };
    let mend = match error.failure() {
        Failure::Lookup { .. } => "check the name in `connection.host`, and the resolver of this machine",
        Failure::Unreachable(_) => LISTENS,
        Failure::TimedOut(_) => ANSWERS,
        Failure::NotUpYet(_) | Failure::TooManyConnections(_) => WAIT,
        Failure::Unsuitable { .. } => "check `target_session_attrs`, and which of the hosts is the primary",
        Failure::Authentication { .. } | Failure::Password(_) => LOGIN,
        Failure::Tls(_) | Failure::Both { .. } => "check `connection.ssl`, and the server's certificate",
        Failure::Refused { message, .. } if message.contains("startup parameter") => {
            return pooler::undeclared(about, text);
        }
        _ => SEE,
    };
    about.error(CHECK, text, WHY, mend)
}

fn of_mysql(about: &About, error: &MySqlConnectError) -> Finding {
    let mend = match &error.failure {
        MySqlFailure::Unreachable(_) => LISTENS,
        MySqlFailure::TimedOut(_) => ANSWERS,
        MySqlFailure::TooManyConnections(_) | MySqlFailure::NotUpYet(_) => WAIT,
        MySqlFailure::Authentication { .. } => LOGIN,
        MySqlFailure::WantsTls | MySqlFailure::Tls(_) => "check `connection.ssl`, and the server's certificate",
        _ => SEE,
    };
    about.error(CHECK, format!("cannot connect as `{}`: {}", error.user, error.failure), WHY, mend)
}
