//! Certificates of every kind that a server may have.

use std::fs;
use std::path::Path;
use std::process::Command;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};

/// PEM.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: String,
}

pub(super) struct Ca {
    pub(super) certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

fn params(names: &[&str], common: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().map(|&it| it.to_owned()).collect::<Vec<_>>()).unwrap();
    params.distinguished_name = DistinguishedName::new();
    if let Some(common) = common {
        params.distinguished_name.push(DnType::CommonName, common);
    }
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = params(&[], Some(name));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

impl Ca {
    pub(super) fn new(name: &str) -> Self {
        let (params, key) = (authority(name), KeyPair::generate().unwrap());
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    pub(super) fn of_the_past(name: &str) -> Self {
        let (mut params, key) = (authority(name), KeyPair::generate().unwrap());
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    pub(super) fn below(&self, name: &str) -> Self {
        let (params, key) = (authority(name), KeyPair::generate().unwrap());
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    pub(super) fn sign(&self, params: &CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        Pair { certificate: params.signed_by(&key, &self.issuer).unwrap().pem(), key: key.serialize_pem() }
    }

    pub(super) fn with_names(&self, names: &[&str]) -> Pair {
        self.sign(&params(names, Some("server")))
    }

    pub(super) fn with_common_name(&self, name: &str) -> Pair {
        self.sign(&params(&[], Some(name)))
    }

    pub(super) fn with_names_and_common_name(&self, names: &[&str], name: &str) -> Pair {
        self.sign(&params(names, Some(name)))
    }

    pub(super) fn expired(&self, name: &str) -> Pair {
        let mut params = params(&[name], None);
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
        self.sign(&params)
    }

    pub(super) fn for_clients_only(&self, name: &str) -> Pair {
        let mut params = params(&[name], None);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }
}

/// As PostgreSQL's documentation has it made: self-signed, a CA as well, with a common name alone.
pub(super) fn self_signed(directory: &Path, name: &str) -> Pair {
    let [certificate, key] = ["self.crt", "self.key"].map(|it| directory.join(it).display().to_string());
    let subject = format!("/CN={name}");
    openssl(&[
        "req",
        "-new",
        "-x509",
        "-days",
        "3",
        "-nodes",
        "-out",
        &certificate,
        "-keyout",
        &key,
        "-subj",
        &subject,
    ]);
    Pair { certificate: fs::read_to_string(certificate).unwrap(), key: fs::read_to_string(key).unwrap() }
}

/// As PostgreSQL's documentation has it made: signed by a CA, of version 1. The CA's certificate comes first.
pub(super) fn version_1(directory: &Path, name: &str) -> (String, Pair) {
    let ca = self_signed(directory, "root of version 1");
    let [ca_file, ca_key, request, certificate, key] =
        ["self.crt", "self.key", "v1.csr", "v1.crt", "v1.key"].map(|it| directory.join(it).display().to_string());
    let subject = format!("/CN={name}");
    openssl(&["req", "-new", "-nodes", "-out", &request, "-keyout", &key, "-subj", &subject]);
    let sign = ["x509", "-req", "-in", &request, "-days", "3", "-CA", &ca_file, "-CAkey", &ca_key, "-CAcreateserial"];
    openssl(&[&sign[..], &["-out", &certificate]].concat());
    let pair = Pair { certificate: fs::read_to_string(certificate).unwrap(), key: fs::read_to_string(key).unwrap() };
    (ca.certificate, pair)
}

fn openssl(arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
