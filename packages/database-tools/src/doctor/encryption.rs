//! Whether others on the way can read along.

use std::net::IpAddr;

use backend_defaults::database::mysql::MySqlAddress;
use backend_defaults::database::postgres::Host;

use super::finding::{About, Finding};

const CHECK: &str = "encryption";
const WHY: &str = "who is on the way to the server can read and change what is sent, the data and the answers";

/// By the version of TLS that is in force, if any is.
pub(super) fn check(about: &About, tls: Option<&str>, is_near: bool) -> Finding {
    match tls.filter(|it| !it.is_empty()) {
        Some(tls) => about.ok(CHECK, tls),
        None if is_near => about.ok(CHECK, "none, to this machine"),
        None => {
            let mend = "set up TLS on the server, and `connection.ssl` in the config (`ssl: true`, or `ssl.ca`)";
            about.warning(CHECK, "connections to another machine are not encrypted", WHY, mend)
        }
    }
}

/// Whether what is sent stays on this machine.
pub(super) fn is_near(hosts: &[Host]) -> bool {
    hosts.iter().all(|host| match host {
        Host::Unix { .. } => true,
        Host::Tcp { address: Some(address), .. } => is_near_address(*address),
        Host::Tcp { name, address: None, .. } => is_near_name(name),
    })
}

pub(super) fn is_near_mysql(address: &MySqlAddress) -> bool {
    match address {
        MySqlAddress::Unix(_) => true,
        MySqlAddress::Tcp { host, .. } => is_near_name(host),
    }
}

fn is_near_name(name: &str) -> bool {
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse().is_ok_and(is_near_address)
}

fn is_near_address(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || address.is_unspecified()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::Severity;
    use super::*;

    #[test]
    fn what_leaves_the_machine_is_encrypted() {
        let tcp = |name: &str, address: Option<&str>| Host::Tcp {
            name: name.to_owned(),
            address: address.map(|it| it.parse().unwrap()),
            port: 5432,
        };
        assert!(is_near(&[
            tcp("localhost", None),
            tcp("[::1]", None),
            tcp("db", Some("127.0.0.2")),
            tcp("::ffff:127.0.0.1", None)
        ]));
        assert!(!is_near(&[tcp("localhost", None), tcp("db", None)]));
        assert!(!is_near(&[tcp("localhost", Some("10.0.0.1"))]));
        let severity = |tls, near| check(&About("db".to_owned()), tls, near).severity;
        assert_eq!(severity(None, false), Severity::Warning);
        assert_eq!(severity(Some(""), false), Severity::Warning);
        assert_eq!(severity(None, true), Severity::Ok);
        assert_eq!(severity(Some("TLSv1.3"), false), Severity::Ok);
    }
}
