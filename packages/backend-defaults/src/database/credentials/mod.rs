//! Where passwords of database servers come from. They are asked for at each new connection.
//!
//! ```text
//! connection ──of_connection──> PasswordSource ──Keyring──> Passwords ──password──> what the server is told
//!   of the config                  a value                    one a source             kept while it is good
//! ```
//!
//! A [`Keyring`] is for the whole process, so that plugins with the same source share requests.
//! What the providers see of the world is an [`Outside`]: nothing here reads the process's environment.

mod aws;
mod azure;
mod cloudsql;
mod command;
mod error;
mod file;
mod google;
mod http;
mod outside;
mod parse;
mod passfile;
mod passwords;
mod rds;
mod sigv4;

use std::path::PathBuf;

use backend_plugin_api::Secret;

pub use azure::AzureLogin;
pub use cloudsql::{CloudSqlInstance, CloudSqlServer, IpAddressType};
pub use command::PasswordCommand;
pub use error::{CommandProblem, EndpointProblem, PasswordError};
pub use outside::{Endpoints, Limits, Outside, Variables};
pub use parse::Target;
pub use passfile::PassFile;
pub use passwords::{Keyring, Passwords};
pub use rds::RdsLogin;

/// Where a password comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PasswordSource {
    /// There is none.
    #[default]
    None,
    /// It is in the config, or in the environment.
    Literal(Secret<String>),
    /// The text of a file, without the line's end, read again each time.
    File(PathBuf),
    /// It may be in libpq's password file.
    PassFile(PassFile),
    /// What a program prints.
    Command(PasswordCommand),
    /// A token of AWS IAM, for RDS and Aurora.
    Rds(RdsLogin),
    /// A token of Microsoft Entra, for Azure Database.
    Azure(AzureLogin),
    /// A token of Google IAM, for Cloud SQL; with the instance, if the config names it.
    CloudSql(Option<CloudSqlInstance>),
}

impl PasswordSource {
    /// Whether it is a cloud's token, which is sent to the server as it is.
    pub fn is_token(&self) -> bool {
        matches!(self, Self::Rds(_) | Self::Azure(_) | Self::CloudSql(_))
    }
}
