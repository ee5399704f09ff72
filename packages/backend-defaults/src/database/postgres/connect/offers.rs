use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Failure, line};
use crate::database::postgres::Keepalive;

/// How long an answer is good for.
const GOOD_FOR: Duration = Duration::from_secs(60);

/// Which servers do TLS, so that with `sslmode` `prefer` those that do not are asked once a minute, and not at
/// each connection: PostgreSQL starts a process to say no, which is half of what a connection costs.
#[derive(Debug, Default)]
pub struct TlsOffers {
    servers: std::sync::Mutex<HashMap<SocketAddr, Arc<Mutex<Option<Answer>>>>>,
}

#[derive(Clone, Copy, Debug)]
struct Answer {
    offers: bool,
    at: Instant,
}

impl TlsOffers {
    /// A line to a server that has agreed to TLS; `None` if it does none. Of those who do not know, one asks, and
    /// the others wait for that answer.
    pub(super) async fn line(
        &self,
        at: SocketAddr,
        keepalive: Option<Keepalive>,
    ) -> Result<Option<TcpStream>, Failure> {
        let server = self.server(at);
        let known = server.lock().await;
        let answer = known.filter(|it| it.at.elapsed() < GOOD_FOR).map(|it| it.offers);
        if answer == Some(false) {
            return Ok(None);
        }
        let asking = answer.is_none().then_some(known);
        let mut line = line::tcp(at, keepalive).await?;
        let offers = line::offers_tls(&mut line).await?;
        let mut known = match asking {
            Some(known) => known,
            None => server.lock().await,
        };
        *known = Some(Answer { offers, at: Instant::now() });
        Ok(offers.then_some(line))
    }

    fn server(&self, at: SocketAddr) -> Arc<Mutex<Option<Answer>>> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(servers.entry(at).or_default())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers all who ask the same, and counts them.
    async fn server(answer: u8) -> (SocketAddr, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (at, asked) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut line, _)) = listener.accept().await {
                line.read_exact(&mut [0; 8]).await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                line.write_all(&[answer]).await.unwrap();
            }
        });
        (at, asked)
    }

    async fn ask(offers: &TlsOffers, at: SocketAddr) -> Vec<bool> {
        let lines = join_all((0..5).map(|_| offers.line(at, None))).await;
        lines.into_iter().map(|it| it.unwrap().is_some()).collect()
    }

    #[tokio::test]
    async fn a_server_without_tls_is_asked_once() {
        let offers = TlsOffers::default();
        let (at, asked) = server(b'N').await;
        assert_eq!(ask(&offers, at).await, [false; 5]);
        assert_eq!(ask(&offers, at).await, [false; 5]);
        assert_eq!(asked.load(Ordering::SeqCst), 1);

        offers.server(at).lock().await.as_mut().unwrap().at -= GOOD_FOR;
        assert_eq!(ask(&offers, at).await, [false; 5]);
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_server_with_tls_is_asked_at_each_connection() {
        let offers = TlsOffers::default();
        let (at, asked) = server(b'S').await;
        assert_eq!(ask(&offers, at).await, [true; 5]);
        assert_eq!(asked.load(Ordering::SeqCst), 5);
    }
}
