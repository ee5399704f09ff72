use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::{AlertDescription, CertificateError};

/// Why a connection could not be encrypted as asked.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The server has no TLS.
    #[error(
        "the server does not offer TLS, and `sslmode` wants it: turn `ssl` on in its `postgresql.conf`, \
         or leave `ssl` out of the connection"
    )]
    NotOffered,
    /// The system's roots are everybody's.
    #[error("the system's CAs sign for everybody, so that `sslmode` has to be `verify-full` with them")]
    WeakMode,
    /// There is nothing to verify by.
    #[error("`sslmode` verifies the server's certificate, and no CA is given: set `ssl.ca`, or `sslrootcert`")]
    NoRoots,
    /// libpq's file of roots is not there.
    #[error(
        "`sslmode` verifies the server's certificate, and the CA's file `{}` is not there: put it there, \
         or set `ssl.ca` or `sslrootcert`", .0.display()
    )]
    RootsMissing(PathBuf),
    /// The operating system trusts nobody.
    #[error("the system has no CAs: install its `ca-certificates`, or set `ssl.ca`")]
    NoSystemRoots,
    /// The only CAs that are trusted are of another time.
    #[error("the CA has expired, or is not valid yet: set `ssl.ca` to one that is valid")]
    ExpiredRoots,
    /// A file could not be read.
    #[error("cannot read {what} (`{}`): {cause}", path.display())]
    Unreadable {
        /// `the CA` or the like.
        what: &'static str,
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        cause: Arc<io::Error>,
    },
    /// What was read is something else.
    #[error("{0} is not well-formed PEM (`-----BEGIN ...`) of that kind")]
    Invalid(&'static str),
    /// The certificate is another server's.
    #[error(
        "the server's certificate is for {}, not for `{wanted}`: connect to a name that it has, or set \
         `ssl.servername` to one",
        listed(names)
    )]
    Name {
        /// The host's, or `ssl.servername`.
        wanted: String,
        /// Those of the certificate.
        names: Vec<String>,
    },
    /// No name was configured to compare with the certificate's.
    #[error("`sslmode` is `verify-full`, and the host has no name to verify: set `host`, or `ssl.servername`")]
    NoName,
    /// The certificate is signed by nobody who is trusted.
    #[error(
        "the server's certificate is not signed by a CA that is trusted here: set `ssl.ca` to the CA that signed it"
    )]
    Untrusted,
    /// The certificate is of another time.
    #[error("the server's certificate {0}: renew it, or set the clock")]
    Time(&'static str),
    /// The server did not take the certificate of this side, or wants one.
    #[error(
        "the server refused the connection with `{0:?}`: give a certificate that it trusts, `ssl.cert` and `ssl.key`"
    )]
    Client(AlertDescription),
    /// The line broke in the handshake.
    #[error("the connection broke while TLS was being set up: {0}")]
    Broken(#[source] Arc<io::Error>),
    /// Anything else.
    #[error("TLS failed: {0}")]
    Protocol(#[source] rustls::Error),
}

impl TlsFailure {
    /// The one that an error of the line carries, if it does.
    pub(in crate::database::postgres::connect) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().map(Self::of_rustls)
    }

    /// The one of a handshake that failed.
    pub(super) fn of_handshake(error: io::Error) -> Self {
        Self::of(&error).unwrap_or_else(|| Self::Broken(Arc::new(error)))
    }

    fn of_rustls(error: &rustls::Error) -> Self {
        use rustls::AlertDescription as Alert;
        match error {
            rustls::Error::InvalidCertificate(error) => match error {
                CertificateError::Other(other) => match other.0.downcast_ref::<Self>() {
                    Some(failure) => failure.clone(),
                    None => Self::Protocol(rustls::Error::InvalidCertificate(error.clone())),
                },
                CertificateError::UnknownIssuer => Self::Untrusted,
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Time("has expired"),
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    Self::Time("is not valid yet")
                }
                _ => Self::Protocol(rustls::Error::InvalidCertificate(error.clone())),
            },
            rustls::Error::AlertReceived(
                alert @ (Alert::CertificateRequired
                | Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::AccessDenied),
            ) => Self::Client(*alert),
            error => Self::Protocol(error.clone()),
        }
    }

    /// As rustls carries it through a handshake.
    pub(super) fn into_rustls(self) -> rustls::Error {
        let other = rustls::OtherError(Arc::new(self) as Arc<dyn Error + Send + Sync>);
        rustls::Error::InvalidCertificate(CertificateError::Other(other))
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "no name at all".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}
