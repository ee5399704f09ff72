//! Certificates and keys, from where they are kept.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsFailure;
use crate::database::postgres::Pem;

/// All that stand in it; `what` is for messages.
pub(super) async fn certificates(what: &'static str, pem: &Pem) -> Result<Vec<CertificateDer<'static>>, TlsFailure> {
    match pem {
        Pem::Text(text) => parse(what, text.expose().as_bytes()),
        Pem::File(path) => certificates_of(what, path).await,
    }
}

/// All that stand in the file; `what` is for messages.
pub(super) async fn certificates_of(
    what: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsFailure> {
    parse(what, &read(what, path).await?)
}

fn parse(what: &'static str, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsFailure> {
    match CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>() {
        Ok(found) if !found.is_empty() => Ok(found),
        // The error may quote the text.
        _ => Err(TlsFailure::Invalid(what)),
    }
}

/// The key of this side.
pub(super) async fn key(pem: &Pem) -> Result<PrivateKeyDer<'static>, TlsFailure> {
    const WHAT: &str = "the client certificate's key, which may not be encrypted,";
    let parse = |text: &[u8]| PrivateKeyDer::from_pem_slice(text).map_err(|_| TlsFailure::Invalid(WHAT));
    match pem {
        Pem::Text(text) => parse(text.expose().as_bytes()),
        Pem::File(path) => parse(&read(WHAT, path).await?),
    }
}

/// Those that the operating system trusts.
pub(super) async fn system() -> Result<Vec<CertificateDer<'static>>, TlsFailure> {
    let found = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
    match found {
        Ok(found) if found.certs.is_empty() => Err(TlsFailure::NoSystemRoots),
        Ok(found) => Ok(found.certs),
        // The runtime is being shut down.
        Err(_) => Err(TlsFailure::NoSystemRoots),
    }
}

async fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsFailure> {
    tokio::fs::read(path).await.map_err(|error| TlsFailure::Unreadable {
        what,
        path: path.to_owned(),
        cause: Arc::new(error),
    })
}
