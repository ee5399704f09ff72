//! What rustls does not tell of a certificate, or does not accept where OpenSSL does.

use std::net::IpAddr;

use rustls::pki_types::{CertificateDer, UnixTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Version;

/// Whom a certificate is for.
#[derive(Debug, Default)]
pub(super) struct Names {
    dns: Vec<String>,
    addresses: Vec<IpAddr>,
    common: Option<String>,
}

impl Names {
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Self {
        let mut names = Self::default();
        if let Ok(Some(alternative)) = certificate.subject_alternative_name() {
            for name in &alternative.value.general_names {
                match name {
                    GeneralName::DNSName(name) => names.dns.push((*name).to_owned()),
                    GeneralName::IPAddress(octets) => names.addresses.extend(address(octets)),
                    _ => {}
                }
            }
        }
        let common = certificate.subject().iter_common_name().next();
        names.common = common.and_then(|name| name.as_str().ok()).map(str::to_owned);
        names
    }

    /// Whether they have the host's. libpq 15: a common name counts only if there is no alternative one of the
    /// host's kind, name or address.
    pub(super) fn cover(&self, host: &str) -> bool {
        let address = host.parse::<IpAddr>().ok();
        let same_kind = if address.is_some() { !self.addresses.is_empty() } else { !self.dns.is_empty() };
        self.dns.iter().any(|name| matches(name, host))
            || address.is_some_and(|address| self.addresses.contains(&address))
            || (!same_kind && self.common.as_ref().is_some_and(|name| matches(name, host)))
    }

    /// For messages: those that count.
    pub(super) fn into_list(self) -> Vec<String> {
        let mut list = self.dns;
        list.extend(self.addresses.iter().map(IpAddr::to_string));
        if list.is_empty() { self.common.into_iter().collect() } else { list }
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

/// libpq: `*.` at the start stands for one label.
fn matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(rest) => {
            host.split_once('.').is_some_and(|(label, of)| !label.is_empty() && of.eq_ignore_ascii_case(rest))
        }
        None => pattern.eq_ignore_ascii_case(host),
    }
}

/// The certificate, if it can be read at all.
pub(super) fn parse<'a>(der: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate)
}

/// Whether it is neither too old nor too new, as far as it can be read.
pub(super) fn is_valid(der: &CertificateDer<'_>, now: UnixTime) -> bool {
    parse(der).is_none_or(|certificate| is_in_time(&certificate, now))
}

fn is_in_time(certificate: &X509Certificate<'_>, now: UnixTime) -> bool {
    let now = i64::try_from(now.as_secs()).ok().and_then(|now| ASN1Time::from_timestamp(now).ok());
    now.is_some_and(|now| certificate.validity().is_valid_at(now))
}

/// Whether OpenSSL trusts a certificate that webpki does not look at: a root that is the server's own as well,
/// or one of version 1 that a root signed, as the commands in PostgreSQL's documentation make them.
pub(super) fn is_plainly_trusted(leaf: &CertificateDer<'_>, roots: &[CertificateDer<'_>], now: UnixTime) -> bool {
    let Some(certificate) = parse(leaf).filter(|it| is_in_time(it, now)) else { return false };
    if roots.contains(leaf) {
        return certificate.verify_signature(None).is_ok() && is_for_servers(&certificate);
    }
    certificate.version() == X509Version::V1
        && roots.iter().filter_map(parse).any(|root| {
            (root.is_ca() || root.version() == X509Version::V1)
                && root.subject().as_raw() == certificate.issuer().as_raw()
                && certificate.verify_signature(Some(root.public_key())).is_ok()
        })
}

fn is_for_servers(certificate: &X509Certificate<'_>) -> bool {
    match certificate.extended_key_usage() {
        Ok(usage) => usage.is_none_or(|usage| usage.value.any || usage.value.server_auth),
        Err(_) => false,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn names(dns: &[&str], addresses: &[&str], common: Option<&str>) -> Names {
        Names {
            dns: dns.iter().map(|&it| it.to_owned()).collect(),
            addresses: addresses.iter().map(|it| it.parse().unwrap()).collect(),
            common: common.map(str::to_owned),
        }
    }

    #[test]
    fn a_star_stands_for_one_label() {
        let names = names(&["*.example.com", "db"], &[], None);
        for host in ["a.example.com", "A.Example.COM", "db", "DB"] {
            assert!(names.cover(host), "{host}");
        }
        for host in ["example.com", ".example.com", "a.b.example.com", "a.example.com.evil", "x", ""] {
            assert!(!names.cover(host), "{host}");
        }
    }

    #[test]
    fn a_common_name_counts_where_there_is_no_other_of_its_kind() {
        assert!(names(&[], &[], Some("db")).cover("db"));
        assert!(names(&[], &["10.0.0.1"], Some("db")).cover("db"));
        assert!(!names(&["other"], &[], Some("db")).cover("db"));
        assert!(names(&["other"], &[], Some("10.0.0.1")).cover("10.0.0.1"));
        assert!(!names(&[], &["10.0.0.2"], Some("10.0.0.1")).cover("10.0.0.1"));
        assert!(names(&[], &["::1"], None).cover("0:0::1"));
    }
}
