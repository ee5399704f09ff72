use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::TlsFailure;
use super::certificate::{self, Names};

/// By whom a server's certificate has to be signed.
#[derive(Debug)]
pub(in crate::database::postgres::connect) struct Trusted {
    anchors: RootCertStore,
    certificates: Vec<CertificateDer<'static>>,
}

impl Trusted {
    /// Those of `certificates` that can be read. OpenSSL does not trust those that have expired.
    pub(super) fn new(mut certificates: Vec<CertificateDer<'static>>) -> Result<Arc<Self>, TlsFailure> {
        let all = certificates.len();
        certificates.retain(|it| certificate::is_valid(it, UnixTime::now()));
        let mut anchors = RootCertStore::empty();
        anchors.add_parsable_certificates(certificates.iter().cloned());
        match (anchors.is_empty(), certificates.len() < all) {
            (false, _) => Ok(Arc::new(Self { anchors, certificates })),
            (true, true) => Err(TlsFailure::ExpiredRoots),
            (true, false) => Err(TlsFailure::Invalid("the CA")),
        }
    }
}

/// libpq's check of a server's certificate: what there is to check it by, and no more.
#[derive(Debug)]
pub(super) struct Verifier {
    /// `None` checks nothing.
    trusted: Option<Arc<Trusted>>,
    /// `None` takes any.
    name: Option<String>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(super) fn new(
        trusted: Option<Arc<Trusted>>,
        name: Option<String>,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Self {
        Self { trusted, name, algorithms }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        // May stand in for one that TLS cannot ask for.
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trusted) = &self.trusted else { return Ok(ServerCertVerified::assertion()) };
        let signed = ParsedCertificate::try_from(leaf).and_then(|parsed| {
            let Trusted { anchors, .. } = &**trusted;
            verify_server_cert_signed_by_trust_anchor(&parsed, anchors, intermediates, now, self.algorithms.all)
        });
        if let Err(error) = signed
            && !certificate::is_plainly_trusted(leaf, &trusted.certificates, now)
        {
            return Err(error);
        }
        let Some(wanted) = &self.name else { return Ok(ServerCertVerified::assertion()) };
        let parsed = certificate::parse(leaf).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let names = Names::of(&parsed);
        match names.cover(wanted) {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(TlsFailure::Name { wanted: wanted.clone(), names: names.into_list() }.into_rustls()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // Without roots anybody may be the server: who holds the certificate's key says nothing.
        match self.trusted {
            Some(_) => verify_tls12_signature(message, leaf, signature, &self.algorithms),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.trusted.is_none() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        if ParsedCertificate::try_from(leaf).is_ok() {
            return verify_tls13_signature(message, leaf, signature, &self.algorithms);
        }
        // Of version 1, which webpki does not read.
        let parsed = certificate::parse(leaf).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let key = SubjectPublicKeyInfoDer::from(parsed.public_key().raw);
        verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
