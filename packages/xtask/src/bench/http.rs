use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

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

/// Sends a request without a body on a connection of its own and returns the status and the body.
///
/// # Errors
/// Also when the whole answer is not there in time.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str, timeout: Duration) -> Result<(u16, String)> {
    let until = Instant::now() + timeout;
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
    let (mut answer, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        ensure!(!left.is_zero(), "no answer within {timeout:?}");
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&part[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => bail!("no answer within {timeout:?}"),
            Err(error) => return Err(error.into()),
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    let parts = answer.split_once("\r\n\r\n").and_then(|(head, body)| Some((head.get(9..12)?.parse().ok()?, body)));
    let (status, body) = parts.with_context(|| format!("not an HTTP answer: {answer}"))?;
    Ok((status, body.to_owned()))
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

    #[test]
    fn reads_the_whole_answer_or_gives_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let head = BufReader::new(&stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
            let request = head.collect::<Vec<_>>();
            stream.write_all(b"HTTP/1.1 404 Not Found\r\n\r\nno ").unwrap();
            stream.write_all(b"such").unwrap();
            drop(stream);
            // The second one is not answered.
            (request, listener.accept().unwrap())
        });
        let answer = request(address, "PUT", "/here", Duration::from_secs(60)).unwrap();
        assert_eq!(answer, (404, "no such".to_owned()));
        let hung = request(address, "PUT", "/here", Duration::from_millis(20)).unwrap_err();
        assert_eq!(hung.to_string(), "no answer within 20ms");
        assert_eq!(server.join().unwrap().0[0], "PUT /here HTTP/1.1");
    }
}
