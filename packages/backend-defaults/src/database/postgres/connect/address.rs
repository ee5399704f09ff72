//! From a host to the places where it may be reached.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use super::Failure;
use crate::database::postgres::Host;

/// One place to connect to.
#[derive(Clone, Debug)]
pub(super) enum Address {
    Tcp { name: String, at: SocketAddr },
    Unix { directory: PathBuf, port: u16 },
}

impl Address {
    /// All of a host's, in the resolver's order.
    pub(super) async fn all(host: &Host) -> Result<Vec<Self>, Failure> {
        match host {
            Host::Unix { directory, port } => Ok(vec![Self::Unix { directory: directory.clone(), port: *port }]),
            Host::Tcp { name, address: Some(address), port } => {
                Ok(vec![Self::Tcp { name: name.clone(), at: SocketAddr::new(*address, *port) }])
            }
            Host::Tcp { name, address: None, port } => {
                let found = tokio::net::lookup_host((literal(name), *port)).await;
                let found = found.map_err(|cause| Failure::Lookup { name: name.clone(), cause: Arc::new(cause) })?;
                Ok(found.map(|at| Self::Tcp { name: name.clone(), at }).collect())
            }
        }
    }

    /// For messages: with the address, where the host's name does not say which one it was.
    pub(super) fn describe(&self, host: &Host) -> String {
        match self {
            Self::Tcp { name, at } if !name.is_empty() && literal(name).parse::<IpAddr>().is_err() => {
                format!("{host} ({})", at.ip())
            }
            _ => host.to_string(),
        }
    }
}

/// An address of IPv6 without the brackets that it has in URLs.
fn literal(name: &str) -> &str {
    name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name)
}
