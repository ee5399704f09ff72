//! TLS, by rustls with aws-lc-rs, whatever the process's default is.

use std::path::PathBuf;
use std::sync::Arc;

use config::{Config, ConfigError};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::config::{Certificate, Https};
use super::dev_certificate;

const CERT_KEY: &str = "backend.https.certificate.cert";
const PRIVATE_KEY: &str = "backend.https.certificate.key";

/// Makes what speaks TLS; `None` for plain HTTP. `host`: what a certificate made here is for.
/// Reads files, so it blocks.
///
/// # Errors
/// Every file that cannot be read or has not what it should, with its key.
pub(crate) fn acceptor(
    https: Option<&Https>,
    host: &str,
    cache: Option<PathBuf>,
    config: &Config,
) -> anyhow::Result<Option<TlsAcceptor>> {
    let (chain, key) = match https {
        None | Some(Https::Off) => return Ok(None),
        Some(Https::SelfSigned) => {
            let pem = dev_certificate::get(host, cache.as_deref(), &|pem| {
                parse(pem, pem).and_then(|(chain, key)| server_config(chain, key)).is_ok()
            })?;
            parse(&pem, &pem)?
        }
        Some(Https::Certificate(certificate)) => read(certificate, config)?,
    };
    let server = server_config(chain, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => config.error(PRIVATE_KEY, "is not the key of the certificate"),
        error => config.error(CERT_KEY, error.to_string()),
    })?;
    Ok(Some(TlsAcceptor::from(Arc::new(server))))
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut server = builder.with_no_client_auth().with_single_cert(chain, key)?;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(server)
}

fn parse(cert: &str, key: &str) -> Result<Identity, rustls::Error> {
    let wrong = |error: rustls::pki_types::pem::Error| rustls::Error::General(error.to_string());
    let chain = CertificateDer::pem_slice_iter(cert.as_bytes()).collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    Ok((chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(wrong)?))
}

fn read(certificate: &Certificate, config: &Config) -> Result<Identity, config::ConfigErrors> {
    let chain = pem(&certificate.cert, CERT_KEY, config).and_then(|pem| {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes()).filter_map(Result::ok).collect();
        if chain.is_empty() { Err(config.error(CERT_KEY, "there is no PEM certificate in it")) } else { Ok(chain) }
    });
    let key = pem(certificate.key.expose(), PRIVATE_KEY, config).and_then(|pem| {
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes());
        key.map_err(|_| config.error(PRIVATE_KEY, "there is no PEM private key in it"))
    });
    match (chain, key) {
        (Ok(chain), Ok(key)) => Ok((chain, key)),
        (chain, key) => Err(chain.err().into_iter().chain(key.err()).collect()),
    }
}

/// The text itself, or what is in the file that it names. The key's text is never told.
fn pem(text: &str, at: &str, config: &Config) -> Result<String, ConfigError> {
    if text.contains("-----BEGIN") {
        return Ok(text.to_owned());
    }
    std::fs::read_to_string(text.trim()).map_err(|error| {
        let what = if at == CERT_KEY { format!("`{}`", text.trim()) } else { "the file".to_owned() };
        config.error(at, format!("expected PEM text or a file that has it, cannot read {what}: {error}"))
    })
}
