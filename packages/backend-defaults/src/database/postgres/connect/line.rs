//! A line to a server: TCP, with what has to be set on it, and PostgreSQL's way into TLS.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::Failure;
use crate::database::postgres::{Keepalive, server};

/// Bytes both ways.
pub(super) trait Line: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Line for T {}

pub(super) async fn tcp(at: SocketAddr, keepalive: Option<Keepalive>) -> Result<TcpStream, Failure> {
    let line = TcpStream::connect(at).await.map_err(Failure::of_io)?;
    prepare(&line, keepalive).map_err(Failure::of_io)?;
    Ok(line)
}

fn prepare(line: &TcpStream, keepalive: Option<Keepalive>) -> io::Result<()> {
    line.set_nodelay(true)?;
    let Some(Keepalive { idle, interval, count }) = keepalive else { return Ok(()) };
    let socket = SockRef::from(line);
    socket.set_keepalive(true)?;
    if idle.is_none() && interval.is_none() && count.is_none() {
        return Ok(());
    }
    let mut times = TcpKeepalive::new();
    if let Some(idle) = idle {
        times = times.with_time(idle);
    }
    if let Some(interval) = interval {
        times = times.with_interval(interval);
    }
    if let Some(count) = count {
        times = times.with_retries(count);
    }
    socket.set_tcp_keepalive(&times)
}

pub(super) async fn unix(directory: &Path, port: u16) -> Result<UnixStream, Failure> {
    UnixStream::connect(server::socket_path(directory, port)).await.map_err(Failure::of_io)
}

/// Asks the server whether it does TLS. It has read nothing yet, and sends nothing but the answer.
pub(super) async fn offers_tls(line: &mut TcpStream) -> Result<bool, Failure> {
    // The length, and the code that stands where a start-up message has its version.
    const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
    let answer = async {
        line.write_all(&SSL_REQUEST).await?;
        line.read_u8().await
    };
    match answer.await.map_err(Failure::of_io)? {
        b'S' => Ok(true),
        b'N' => Ok(false),
        // An error, in words that nobody has vouched for: libpq does not show them either.
        b'E' => Err(Failure::NotUpYet("the server answered the request for TLS with an error".to_owned())),
        _ => Err(Failure::of_io(io::Error::new(io::ErrorKind::InvalidData, "what listens there is not PostgreSQL"))),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn keep_alives_are_set_as_far_as_they_are_said() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let times =
            Keepalive { idle: Some(Duration::from_secs(1234)), interval: Some(Duration::from_secs(7)), count: Some(3) };
        let read = |line: &TcpStream| {
            let socket = SockRef::from(line);
            let (idle, interval) = (socket.tcp_keepalive_time().unwrap(), socket.tcp_keepalive_interval().unwrap());
            (socket.keepalive().unwrap(), idle, interval, socket.tcp_keepalive_retries().unwrap())
        };
        let without = read(&tcp(at, None).await.unwrap());
        assert!(!without.0);
        let (_, idle, interval, count) = without;
        let system = read(&tcp(at, Some(Keepalive::default())).await.unwrap());
        assert_eq!(system, (true, idle, interval, count));
        let all = read(&tcp(at, Some(times)).await.unwrap());
        assert_eq!(all, (true, Duration::from_secs(1234), Duration::from_secs(7), 3));
        let one = Keepalive { idle: None, count: None, ..times };
        assert_eq!(read(&tcp(at, Some(one)).await.unwrap()), (true, idle, Duration::from_secs(7), count));
    }
}
