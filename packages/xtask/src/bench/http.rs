use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

/// Sends `GET path` on a connection of its own and returns the status.
///
/// A client as small as this starts nothing that could be measured with the server.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<u16> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut head = [0; "HTTP/1.1 200".len()];
    stream.read_exact(&mut head)?;
    let status = std::str::from_utf8(&head[9..]).ok().and_then(|digits| digits.parse().ok());
    status.with_context(|| format!("not an HTTP answer: {}", String::from_utf8_lossy(&head)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn reads_the_status() {
        for (answer, status) in
            [("HTTP/1.1 503 Service Unavailable\r\n\r\n", Some(503)), ("220 mail.example\r\n", None)]
        {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                // All of it: closing a connection with something unread resets it.
                let head = BufReader::new(&stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
                let request = head.collect::<Vec<_>>();
                stream.write_all(answer.as_bytes()).unwrap();
                request
            });
            assert_eq!(get(address, "/ready").ok(), status);
            assert_eq!(server.join().unwrap()[0], "GET /ready HTTP/1.1");
        }
    }
}
