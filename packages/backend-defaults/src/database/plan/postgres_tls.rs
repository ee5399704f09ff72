//! Encryption: node-postgres's `ssl`, else libpq's `sslmode`.

use std::net::IpAddr;
use std::path::PathBuf;

use backend_plugin_api::Secret;
use serde_json::{Map, Value};

use super::node_ssl::NodeSsl;
use super::settings::{Said, Settings};
use crate::database::environment::LibpqEnvironment;
use crate::database::postgres::{Host, Identity, Pem, Roots, SslMode, TlsPlan};

const MODES: [(&str, SslMode); 6] = [
    ("disable", SslMode::Disable),
    ("allow", SslMode::Allow),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];
/// Of node-postgres's `ssl`, which go to Node's `tls.connect`.
const SSL_KEYS: [&str; 5] = ["ca", "cert", "key", "rejectUnauthorized", "servername"];

/// `ssl` wins over `sslmode`, which wins over `PGSSLMODE`. Without any, TLS is used where it protects
/// something: a server that is reached over a network and has it is spoken to by TLS (libpq: `prefer`),
/// one on this machine only if it wants that (`allow`). Backstage: no TLS without `ssl`.
pub(super) fn tls(settings: &mut Settings, environment: &LibpqEnvironment, hosts: &[Host]) -> TlsPlan {
    let libpq = libpq(settings, environment, hosts);
    let Some(Said { value, key, .. }) = settings.value("ssl") else { return libpq };
    match value {
        Value::Bool(false) => TlsPlan { mode: SslMode::Disable, ..TlsPlan::default() },
        Value::Bool(true) => verified(libpq),
        Value::String(text) => match text.as_str() {
            "false" | "0" => TlsPlan { mode: SslMode::Disable, ..TlsPlan::default() },
            "true" | "1" => verified(libpq),
            "no-verify" => TlsPlan { mode: SslMode::Require, roots: Roots::None, ..libpq },
            _ => {
                settings.mistake(&key, "expected `true`, `false`, `no-verify` or an object");
                libpq
            }
        },
        Value::Object(map) => of_object(settings, &key, &map),
        _ => {
            settings.mistake(&key, "expected `true`, `false`, `no-verify` or an object");
            libpq
        }
    }
}

/// `ssl: true`: Node checks certificate and name, by public authorities if no others are named.
fn verified(libpq: TlsPlan) -> TlsPlan {
    let roots = match libpq.roots {
        Roots::Pem(pem) => Roots::Pem(pem),
        _ => Roots::System,
    };
    TlsPlan { mode: SslMode::VerifyFull, roots, ..libpq }
}

fn of_object(settings: &mut Settings, key: &str, map: &Map<String, Value>) -> TlsPlan {
    let mut ssl = NodeSsl::new(settings, key, map, &SSL_KEYS);
    let (mode, roots) = match (ssl.verifies(), ssl.ca()) {
        (false, _) => (SslMode::Require, Roots::None),
        (true, Some(ca)) => (SslMode::VerifyFull, Roots::Pem(ca)),
        (true, None) => (SslMode::VerifyFull, Roots::System),
    };
    TlsPlan { mode, roots, identity: ssl.identity(), server_name: ssl.text("servername") }
}

fn libpq(settings: &mut Settings, environment: &LibpqEnvironment, hosts: &[Host]) -> TlsPlan {
    let mut said = |name: &'static str, variable: &str| {
        let text = settings.text(name);
        text.or_else(|| {
            let value = environment.variable(variable)?.to_owned();
            Some(Said { value, key: variable.to_owned(), text_of: None })
        })
    };
    let (mode, roots) = (said("sslmode", "PGSSLMODE"), said("sslrootcert", "PGSSLROOTCERT"));
    let (cert, key) = (said("sslcert", "PGSSLCERT"), said("sslkey", "PGSSLKEY"));
    settings.forget("sslcompression");
    settings.forget("uselibpqcompat");
    let of_system = roots.as_ref().is_some_and(|it| it.value == "system");
    let default = match (of_system, hosts.iter().all(is_here)) {
        (true, _) => SslMode::VerifyFull,
        (false, true) => SslMode::Allow,
        (false, false) => SslMode::Prefer,
    };
    let no_verify = mode.as_ref().is_some_and(|it| it.value == "no-verify");
    let mode = match mode {
        None => default,
        Some(_) if no_verify => SslMode::Require,
        Some(said) => match MODES.iter().find(|(name, _)| *name == said.value) {
            Some((_, mode)) if of_system && *mode < SslMode::VerifyFull => {
                settings.mistake(&said.key, "with `sslrootcert=system` it has to be `verify-full`");
                *mode
            }
            Some((_, mode)) => *mode,
            None => {
                let names: Vec<_> = MODES.iter().map(|(name, _)| *name).collect();
                settings.mistake(&said.key, format!("expected one of {}", super::resolve::list(&names)));
                default
            }
        },
    };
    let roots = match roots {
        _ if no_verify => Roots::None,
        Some(_) if of_system => Roots::System,
        Some(Said { value, .. }) if is_pem(&value) => Roots::Pem(pem(value)),
        Some(Said { value, .. }) => Roots::LibpqFile(value.into()),
        None => environment.home_file(".postgresql/root.crt").map_or(Roots::None, Roots::LibpqFile),
    };
    let identity = match (cert, key) {
        (Some(certificate), Some(key)) => Some(Identity { certificate: pem(certificate.value), key: pem(key.value) }),
        (None, None) => None,
        (Some(it), None) | (None, Some(it)) => {
            settings.mistake(&it.key, "`sslcert` and `sslkey` belong together: one is missing");
            None
        }
    };
    TlsPlan { mode, roots, identity, server_name: None }
}

/// Whether what is said to it stays on this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix { .. } => true,
        Host::Tcp { address: Some(address), .. } => address.is_loopback(),
        Host::Tcp { name, .. } => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|it| it.is_loopback()),
    }
}

fn is_pem(text: &str) -> bool {
    text.trim_start().starts_with("-----BEGIN")
}

/// A file's name, if it is no PEM text.
pub(super) fn pem(text: String) -> Pem {
    if is_pem(&text) { Pem::Text(Secret::new(text)) } else { Pem::File(PathBuf::from(text)) }
}
