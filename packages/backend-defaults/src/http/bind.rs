use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, lookup_host};

use super::config::ListenConfig;

/// How often a free port is looked for that is free on every address.
const TRIES: usize = 16;

/// Why the server cannot listen, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindError {
    #[error("cannot find the address of `{0}`")]
    Resolve(String, #[source] io::Error),
    #[error("cannot listen on {0}: the port is in use; choose another one, or set APP_CONFIG_backend_listen={1}")]
    InUse(SocketAddr, String),
    #[error("cannot listen on {0}: ports below 1024 are for the administrator; choose another one")]
    Denied(SocketAddr, #[source] io::Error),
    #[error("cannot listen on {0}: it is not an address of this machine")]
    NotHere(SocketAddr, #[source] io::Error),
    #[error("cannot listen on {0}: {1}")]
    Other(SocketAddr, #[source] io::Error),
}

/// Listens on every address that is meant, on the same port, or fails.
pub(crate) async fn bind(listen: &ListenConfig) -> Result<Vec<TcpListener>, BindError> {
    let addresses = addresses(listen).await?;
    let mut tries = if listen.port == 0 { TRIES } else { 1 };
    loop {
        tries -= 1;
        match bind_all(&addresses).await {
            Err((_, error)) if tries > 0 && error.kind() == ErrorKind::AddrInUse => {}
            bound => return bound.map_err(|(address, error)| explain(listen, address, error)),
        }
    }
}

#[derive(Clone, Copy)]
struct Address {
    at: SocketAddr,
    /// Whether it may be missing on this machine.
    optional: bool,
}

async fn addresses(listen: &ListenConfig) -> Result<Vec<Address>, BindError> {
    let port = listen.port;
    let required = |at| Address { at, optional: false };
    match listen.host.as_deref() {
        None | Some("localhost") => Ok(vec![
            required(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            Address { at: SocketAddr::from((Ipv6Addr::LOCALHOST, port)), optional: true },
        ]),
        Some(host) => {
            if let Ok(ip) = host.parse::<IpAddr>() {
                return Ok(vec![required(SocketAddr::from((ip, port)))]);
            }
            let found = lookup_host((host, port)).await.map_err(|error| BindError::Resolve(host.to_owned(), error))?;
            let mut addresses: Vec<Address> = found.map(required).collect();
            addresses.sort_by_key(|it| it.at);
            addresses.dedup_by_key(|it| it.at);
            if addresses.is_empty() {
                return Err(BindError::Resolve(host.to_owned(), ErrorKind::NotFound.into()));
            }
            Ok(addresses)
        }
    }
}

async fn bind_all(addresses: &[Address]) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let mut listeners: Vec<TcpListener> = Vec::with_capacity(addresses.len());
    for Address { mut at, optional } in addresses.iter().copied() {
        if let Some(Ok(first)) = listeners.first().map(TcpListener::local_addr) {
            at.set_port(first.port());
        }
        // Sets SO_REUSEADDR where that lets a server start again at once, and nothing more.
        match TcpListener::bind(at).await {
            Ok(listener) => listeners.push(listener),
            // A machine without IPv6; how it says so differs.
            Err(error) if optional && error.kind() != ErrorKind::AddrInUse => {}
            Err(error) => return Err((at, error)),
        }
    }
    Ok(listeners)
}

fn explain(listen: &ListenConfig, address: SocketAddr, error: io::Error) -> BindError {
    match error.kind() {
        ErrorKind::AddrInUse => BindError::InUse(address, listen.with_port(address.port().wrapping_add(1))),
        ErrorKind::PermissionDenied => BindError::Denied(address, error),
        ErrorKind::AddrNotAvailable => BindError::NotHere(address, error),
        _ => BindError::Other(address, error),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_says_what_to_do() {
        let taken = bind(&":0".parse().unwrap()).await.unwrap();
        let port = taken[0].local_addr().unwrap().port();
        let error = bind(&format!("127.0.0.1:{port}").parse().unwrap()).await.unwrap_err();
        let expected = format!(
            "cannot listen on 127.0.0.1:{port}: the port is in use; choose another one, \
             or set APP_CONFIG_backend_listen=127.0.0.1:{}",
            port + 1
        );
        assert_eq!(error.to_string(), expected);
    }

    #[tokio::test]
    async fn without_a_host_only_this_machine_is_served() {
        let listeners = bind(&":0".parse().unwrap()).await.unwrap();
        let addresses: Vec<_> = listeners.iter().map(|it| it.local_addr().unwrap()).collect();
        assert!(addresses.iter().all(|it| it.ip().is_loopback() && it.port() == addresses[0].port()), "{addresses:?}");
        assert_eq!(addresses[0].ip(), Ipv4Addr::LOCALHOST);
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_an_error() {
        let error = bind(&"203.0.113.1:0".parse().unwrap()).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot listen on 203.0.113.1:0: it is not an address of this machine");
    }
}
