//! What the backend that runs says of itself: its readiness.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use anyhow::{Context as _, bail};
use backend_defaults::http::config::{Https, HttpsConfig, ListenConfig};
use serde_json::Value;

/// Readiness asks the databases, which have two seconds to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
const READINESS: &str = "/.backstage/health/v1/readiness";

/// Where a backend of this config listens, as a URL; `None`: on a port that it chooses itself.
pub(super) fn address(listen: &ListenConfig, https: &HttpsConfig) -> Option<String> {
    let scheme = match https.0 {
        None | Some(Https::Off) => "http",
        Some(Https::SelfSigned | Https::Certificate(_)) => "https",
    };
    let host = match listen.host.as_deref() {
        // All addresses, and so this machine's own.
        None | Some("0.0.0.0") => Ipv4Addr::LOCALHOST.to_string(),
        Some("::") => format!("[{}]", Ipv6Addr::LOCALHOST),
        Some(host) if host.contains(':') => format!("[{host}]"),
        Some(host) => host.to_owned(),
    };
    (listen.port > 0).then(|| format!("{scheme}://{host}:{}", listen.port))
}

/// Asks for its readiness. An answer of 503 says as much as any.
///
/// # Errors
/// When none answers there, or something else does.
pub(super) async fn readiness(address: &str) -> anyhow::Result<Value> {
    // Its certificate is for the name that clients know it by; this is sent nothing that is secret.
    let client =
        reqwest::Client::builder().timeout(TIMEOUT).no_proxy().tls_danger_accept_invalid_certs(true).build()?;
    let response = client.get(format!("{address}{READINESS}")).send().await;
    let response = response.map_err(reqwest::Error::without_url)?;
    let readiness: Value = response.json().await.context("it is not a backend's readiness")?;
    if !readiness["plugins"].is_object() {
        bail!("it is not a backend's readiness");
    }
    Ok(readiness)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_where_it_listens() {
        let at = |listen: &str, https| address(&listen.parse().unwrap(), &HttpsConfig(https));
        assert_eq!(at("7007", None).unwrap(), "http://127.0.0.1:7007");
        assert_eq!(at("0.0.0.0:80", Some(Https::Off)).unwrap(), "http://127.0.0.1:80");
        assert_eq!(at("[::]:443", Some(Https::SelfSigned)).unwrap(), "https://[::1]:443");
        assert_eq!(at("[fd00::1]:443", Some(Https::SelfSigned)).unwrap(), "https://[fd00::1]:443");
        assert_eq!(at("localhost:7007", None).unwrap(), "http://localhost:7007");
        assert_eq!(at("0", None), None);
    }
}
