//! TLS as libpq does it, over rustls: what is checked depends on `sslmode` and on whether there are roots.

mod certificate;
mod error;
mod pem;
mod verifier;

pub use error::TlsFailure;
pub(super) use verifier::Trusted;

use std::net::IpAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use self::verifier::Verifier;
use crate::database::postgres::{Identity, Roots, SslMode, TlsPlan};

/// How connections are encrypted, and what is kept between them.
#[derive(Debug)]
pub(super) struct Tls {
    plan: TlsPlan,
    /// They are many, and take long to read.
    system: OnceCell<Arc<Trusted>>,
}

impl Tls {
    pub(super) fn new(plan: TlsPlan) -> Self {
        Self { plan, system: OnceCell::new() }
    }

    pub(super) fn mode(&self) -> SslMode {
        self.plan.mode
    }

    /// What is wrong whatever the server is like, so that no mode may fall back from it.
    pub(super) fn check(&self) -> Result<(), TlsFailure> {
        match (self.plan.mode, &self.plan.roots) {
            (SslMode::VerifyFull | SslMode::Disable, Roots::System) => Ok(()),
            (_, Roots::System) => Err(TlsFailure::WeakMode),
            _ => Ok(()),
        }
    }

    /// Encrypts a line to a server that has agreed to it.
    ///
    /// `name` is the host's as configured, `address` is where it was reached.
    pub(super) async fn handshake(
        &self,
        line: TcpStream,
        name: &str,
        address: IpAddr,
    ) -> Result<TlsStream<TcpStream>, TlsFailure> {
        let name = self.plan.server_name.as_deref().unwrap_or(name);
        let config = self.config(name).await?;
        // What cannot be asked for by name is not asked for; the verifier has the name that counts.
        let asked = ServerName::try_from(name.to_owned()).unwrap_or(ServerName::IpAddress(address.into()));
        TlsConnector::from(Arc::new(config)).connect(asked, line).await.map_err(TlsFailure::of_handshake)
    }

    async fn config(&self, name: &str) -> Result<ClientConfig, TlsFailure> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let checked = (self.plan.mode == SslMode::VerifyFull).then(|| name.to_owned());
        if checked.as_ref().is_some_and(String::is_empty) {
            return Err(TlsFailure::NoName);
        }
        let verifier = Verifier::new(self.trusted().await?, checked, provider.signature_verification_algorithms);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsFailure::Protocol)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let Some(Identity { certificate, key }) = &self.plan.identity else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = pem::certificates("the client certificate", certificate).await?;
        let key = provider.key_provider.load_private_key(pem::key(key).await?).map_err(TlsFailure::Protocol)?;
        // Not `with_client_auth_cert`: it refuses certificates of version 1, which the server may well take.
        let identity = SingleCertAndKey::from(CertifiedKey::new(chain, key));
        Ok(builder.with_client_cert_resolver(Arc::new(identity)))
    }

    /// By whom the server's certificate has to be signed; `None` checks nothing.
    async fn trusted(&self) -> Result<Option<Arc<Trusted>>, TlsFailure> {
        let verifies = self.plan.mode >= SslMode::VerifyCa;
        match &self.plan.roots {
            Roots::None if verifies => Err(TlsFailure::NoRoots),
            Roots::None => Ok(None),
            Roots::LibpqFile(path) if tokio::fs::metadata(path).await.is_err() => match verifies {
                true => Err(TlsFailure::RootsMissing(path.clone())),
                false => Ok(None),
            },
            Roots::LibpqFile(path) => Trusted::new(pem::certificates_of("the CA", path).await?).map(Some),
            Roots::Pem(pem) => Trusted::new(pem::certificates("the CA", pem).await?).map(Some),
            Roots::System => {
                let system = self.system.get_or_try_init(|| async { Trusted::new(pem::system().await?) });
                system.await.cloned().map(Some)
            }
        }
    }
}
