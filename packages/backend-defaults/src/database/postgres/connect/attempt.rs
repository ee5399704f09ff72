//! One attempt at one place: which of plain and encrypted comes first, and when the other one is tried.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::Failure;
use super::address::Address;
use super::line::{self, Line};
use super::offers::TlsOffers;
use super::relay::{self, Relay};
use super::session::Session;
use super::tls::{Tls, TlsFailure};
use crate::database::postgres::{Keepalive, SslMode};

/// Everything that is the same for each place.
pub(super) struct Attempt<'a> {
    pub(super) tls: &'a Tls,
    pub(super) offers: &'a TlsOffers,
    pub(super) keepalive: Option<Keepalive>,
    /// All but where, and how encrypted.
    pub(super) options: PgConnectOptions,
    pub(super) with_password: bool,
}

/// What became of TLS.
enum Encrypted<S> {
    /// It is set up; the session may still be refused.
    Done(Result<S, Failure>),
    /// The handshake failed.
    Broken(TlsFailure),
    NotOffered,
}

impl Attempt<'_> {
    pub(super) async fn open<S: Session>(&self, address: &Address) -> Result<S, Failure> {
        let (name, at) = match address {
            Address::Unix { directory, port } if S::RECONNECTS => {
                return self.relayed(line::unix(directory, *port).await?).await;
            }
            Address::Unix { directory, port } => {
                return self.direct(self.options.clone().socket(directory).port(*port)).await;
            }
            Address::Tcp { name, at } => (name, *at),
        };
        // libpq: `PQconnectPoll`.
        match self.tls.mode() {
            SslMode::Disable => self.plain(at).await,
            SslMode::Allow => match self.plain(at).await {
                Err(plain) if plain.is_refusal() => match self.encrypted(name, at).await? {
                    Encrypted::Done(done) => done.map_err(|encrypted| Failure::both(encrypted, plain)),
                    Encrypted::Broken(encrypted) => Err(Failure::both(Failure::Tls(encrypted), plain)),
                    Encrypted::NotOffered => Err(plain),
                },
                done => done,
            },
            SslMode::Prefer => {
                let encrypted = match self.encrypted(name, at).await? {
                    Encrypted::Done(Err(encrypted)) if encrypted.is_refusal() => encrypted,
                    Encrypted::Done(done) => return done,
                    Encrypted::Broken(encrypted) => Failure::Tls(encrypted),
                    Encrypted::NotOffered => return self.plain(at).await,
                };
                self.plain(at).await.map_err(|plain| Failure::both(encrypted, plain))
            }
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => match self.encrypted(name, at).await? {
                Encrypted::Done(done) => done,
                Encrypted::Broken(encrypted) => Err(Failure::Tls(encrypted)),
                Encrypted::NotOffered => Err(Failure::Tls(TlsFailure::NotOffered)),
            },
        }
    }

    async fn plain<S: Session>(&self, at: SocketAddr) -> Result<S, Failure> {
        // The system's own times are not worth a relay, which adds 7 us to each statement.
        let keepalive = self.keepalive.is_some_and(|it| it != Keepalive::default());
        if S::RECONNECTS || keepalive {
            return self.relayed(line::tcp(at, self.keepalive).await?).await;
        }
        self.direct(self.options.clone().host(&at.ip().to_string()).port(at.port())).await
    }

    async fn encrypted<S: Session>(&self, name: &str, at: SocketAddr) -> Result<Encrypted<S>, Failure> {
        let line = match self.tls.mode() {
            SslMode::Prefer => self.offers.line(at, self.keepalive).await?,
            // What has to be encrypted is not given up for what the server said some time ago.
            _ => {
                let mut line = line::tcp(at, self.keepalive).await?;
                line::offers_tls(&mut line).await?.then_some(line)
            }
        };
        let Some(line) = line else { return Ok(Encrypted::NotOffered) };
        match self.tls.handshake(line, name, at.ip()).await {
            Ok(line) => Ok(Encrypted::Done(self.relayed(line).await)),
            Err(failure) => Ok(Encrypted::Broken(failure)),
        }
    }

    async fn direct<S: Session>(&self, options: PgConnectOptions) -> Result<S, Failure> {
        let options = options.ssl_mode(PgSslMode::Disable);
        S::open(&options).await.map_err(|error| Failure::of(error, self.with_password))
    }

    async fn relayed<S: Session>(&self, line: impl Line) -> Result<S, Failure> {
        let no_relay = |error: io::Error| Failure::Relay(Arc::new(error));
        let relay = Relay::new().map_err(no_relay)?;
        let options = self.options.clone().ssl_mode(PgSslMode::Disable).socket(relay.directory()).port(relay::PORT);
        let mut opening = std::pin::pin!(S::open(&options));
        let carrying = tokio::select! {
            biased;
            carrying = relay.accept(line) => carrying.map_err(no_relay)?,
            opened = &mut opening => return opened.map_err(|error| Failure::of(error, self.with_password)),
        };
        let error = match opening.await {
            Ok(session) => return Ok(session),
            Err(error) => error,
        };
        match error {
            // The line's own error says more than that the relay has ended.
            sqlx::Error::Io(error) => match carrying.await {
                Ok(Err(cause)) => Err(Failure::of_io(cause)),
                // sqlx's pool tries again by itself after these two errors, and finds the socket gone.
                _ if S::RECONNECTS && error.kind() == io::ErrorKind::NotFound => {
                    Err(Failure::NotUpYet("the server is starting, or takes no more connections".to_owned()))
                }
                _ => Err(Failure::of_io(error)),
            },
            error => Err(Failure::of(error, self.with_password)),
        }
    }
}
