//! Connections to PostgreSQL as libpq makes them.
//!
//! sqlx takes no stream of ours, so that there are two ways: plain TCP and Unix sockets are left to it, and
//! what it cannot do (TLS by libpq's rules, keep-alives) is done here and handed to it through a [`relay`].

mod address;
mod attempt;
mod error;
mod line;
mod offers;
mod relay;
mod session;
mod tls;
mod types;

pub use error::{ConnectError, Failure};
pub use offers::TlsOffers;
pub use tls::TlsFailure;

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use backend_plugin_api::Secret;
use sea_orm::DatabaseConnection;
use sqlx::postgres::PgConnectOptions;
use sqlx::{PgConnection, PgPool};

use self::address::Address;
use self::attempt::Attempt;
use self::session::Session;
use self::tls::Tls;
use super::{PostgresServer, TargetSessionAttrs};
use crate::database::credentials::Passwords;

/// Who knows the password. It is asked at each new connection.
#[async_trait]
pub trait PasswordProvider: Send + Sync {
    /// The password, if there is one; `fresh` if the last one given was refused, so that one that is kept
    /// will not do.
    async fn password(&self, fresh: bool) -> Result<Option<Secret<String>>, Arc<dyn Error + Send + Sync>>;
}

#[async_trait]
impl PasswordProvider for Passwords {
    async fn password(&self, fresh: bool) -> Result<Option<Secret<String>>, Arc<dyn Error + Send + Sync>> {
        Self::password(self, fresh).await.map_err(|error| Arc::new(error) as _)
    }
}

/// Makes connections to one server, or to the first of several that will do.
pub struct Connector {
    server: PostgresServer,
    tls: Tls,
    offers: Arc<TlsOffers>,
    passwords: Arc<dyn PasswordProvider>,
    statement_cache: usize,
    pooled: bool,
}

impl Connector {
    /// Connects to nothing yet.
    pub fn new(server: PostgresServer, passwords: Arc<dyn PasswordProvider>) -> Self {
        let tls = Tls::new(server.tls.clone());
        Self { server, tls, offers: Arc::default(), passwords, statement_cache: 100, pooled: false }
    }

    /// How many prepared statements a connection keeps. sqlx: 100.
    #[must_use]
    pub fn statement_cache(mut self, statements: usize) -> Self {
        self.statement_cache = statements;
        self
    }

    /// Through a pooler that gives each transaction another session: no settings are sent along, which it would
    /// refuse or lose, those of [`SessionSettings`](super::SessionSettings) neither, but for the application's name.
    #[must_use]
    pub fn behind_pooler(mut self) -> Self {
        self.pooled = true;
        self
    }

    /// What is known of servers, shared with other connectors.
    #[must_use]
    pub fn tls_offers(mut self, offers: Arc<TlsOffers>) -> Self {
        self.offers = offers;
        self
    }

    /// Where it connects to, and how.
    pub fn server(&self) -> &PostgresServer {
        &self.server
    }

    /// A connection to `database`, whose session starts with `parameters` (as `search_path` and `role`) after
    /// those of [`SessionSettings`](super::SessionSettings).
    ///
    /// # Errors
    /// When no host would do; the last failure says whether to wait.
    pub async fn connect(&self, database: &str, parameters: &[(&str, &str)]) -> Result<PgConnection, ConnectError> {
        self.open(database, parameters).await
    }

    /// The same for what works on pools, as migrations do: one connection. When it breaks there is no other.
    ///
    /// # Errors
    /// As [`Connector::connect`].
    pub async fn connect_alone(
        &self,
        database: &str,
        parameters: &[(&str, &str)],
    ) -> Result<DatabaseConnection, ConnectError> {
        self.open::<PgPool>(database, parameters).await.map(session::for_sea_orm)
    }

    async fn open<S: Session>(&self, database: &str, parameters: &[(&str, &str)]) -> Result<S, ConnectError> {
        let mut tried = Vec::new();
        match self.try_hosts(database, parameters, &mut tried).await {
            Some(session) => Ok(session),
            None => {
                let (database, user) = (database.to_owned(), self.server.login.user.clone());
                Err(ConnectError { database, user, tried })
            }
        }
    }

    /// Goes on to the next one where waiting might help; else the last failure is the one that decides.
    async fn try_hosts<S: Session>(
        &self,
        database: &str,
        parameters: &[(&str, &str)],
        tried: &mut Vec<(String, Failure)>,
    ) -> Option<S> {
        let mut password = Password::default();
        for wanted in passes(self.server.target) {
            tried.clear();
            for host in &self.server.hosts {
                let addresses = match self.in_time(Address::all(host)).await {
                    Ok(addresses) => addresses,
                    Err(failure) => {
                        tried.push((host.to_string(), failure));
                        continue;
                    }
                };
                for address in addresses {
                    let failure = match self.try_address(&address, database, parameters, &mut password).await {
                        Ok(session) => match self.suits(session, *wanted).await {
                            Ok(session) => return Some(session),
                            Err(failure) => failure,
                        },
                        Err(failure) => failure,
                    };
                    let (goes_on, is_up) = (failure.is_of_this_host(), matches!(failure, Failure::Unsuitable { .. }));
                    tried.push((address.describe(host), failure));
                    if !goes_on {
                        return None;
                    }
                    if is_up {
                        break;
                    }
                }
            }
        }
        None
    }

    /// With a fresh password once, if the first is refused and they differ.
    async fn try_address<S: Session>(
        &self,
        address: &Address,
        database: &str,
        parameters: &[(&str, &str)],
        password: &mut Password,
    ) -> Result<S, Failure> {
        if let (Address::Tcp { .. }, Err(failure)) = (address, self.tls.check()) {
            return Err(Failure::Tls(failure));
        }
        password.ask_first(&*self.passwords).await?;
        loop {
            let attempt = Attempt {
                tls: &self.tls,
                offers: &self.offers,
                keepalive: self.server.keepalive,
                options: self.options(database, parameters, password.known.as_ref()),
                with_password: password.known.is_some(),
            };
            match self.in_time(attempt.open(address)).await {
                Err(failure) if failure.is_refusal() && password.is_renewed(&*self.passwords).await? => {}
                done => return done,
            }
        }
    }

    /// All but where. Whatever sqlx takes from the environment is set again, as config has the last word; but to
    /// `PGOPTIONS` it only adds, so that there it is the last word on each setting.
    fn options(
        &self,
        database: &str,
        parameters: &[(&str, &str)],
        password: Option<&Secret<String>>,
    ) -> PgConnectOptions {
        let session = &self.server.session;
        let options = PgConnectOptions::new_without_pgpass()
            .username(&self.server.login.user)
            .password(password.map_or("", |password| password.expose()))
            .database(database)
            .application_name(&session.application_name)
            .statement_cache_capacity(self.statement_cache)
            // Servers since version 12 do by themselves what it is for, and poolers refuse it.
            .extra_float_digits(None);
        if self.pooled {
            return options;
        }
        let configured = session.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        options.options(configured.chain(parameters.iter().copied()))
    }

    async fn suits<S: Session>(&self, mut session: S, wanted: TargetSessionAttrs) -> Result<S, Failure> {
        if self.pooled {
            self.in_time(async { session.learn_types().await.map_err(|error| Failure::of(error, true)) }).await?;
        }
        if wanted == TargetSessionAttrs::Any {
            return Ok(session);
        }
        let state = self.in_time(async { session.state().await.map_err(|error| Failure::of(error, true)) }).await?;
        match unsuitable(wanted, state) {
            None => Ok(session),
            Some(found) => {
                session.close().await;
                Err(Failure::Unsuitable { wanted: self.server.target, found })
            }
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        match self.server.connect_timeout {
            None => work.await,
            Some(limit) => tokio::time::timeout(limit, work).await.unwrap_or(Err(Failure::TimedOut(limit))),
        }
    }
}

/// What is asked of the hosts, one round after the other.
fn passes(target: TargetSessionAttrs) -> &'static [TargetSessionAttrs] {
    use TargetSessionAttrs as Target;
    match target {
        Target::Any => &[Target::Any],
        Target::ReadWrite => &[Target::ReadWrite],
        Target::ReadOnly => &[Target::ReadOnly],
        Target::Primary => &[Target::Primary],
        Target::Standby => &[Target::Standby],
        Target::PreferStandby => &[Target::Standby, Target::Any],
    }
}

/// What the server is, if that is not what was wanted.
fn unsuitable(wanted: TargetSessionAttrs, (in_recovery, read_only): (bool, bool)) -> Option<&'static str> {
    match wanted {
        TargetSessionAttrs::ReadWrite if read_only => Some("read-only"),
        TargetSessionAttrs::ReadOnly if !read_only => Some("not read-only"),
        TargetSessionAttrs::Primary if in_recovery => Some("a standby"),
        TargetSessionAttrs::Standby if !in_recovery => Some("not a standby"),
        _ => None,
    }
}

/// What is known of the password while connecting.
#[derive(Default)]
struct Password {
    known: Option<Secret<String>>,
    asked: bool,
    renewed: bool,
}

impl Password {
    async fn ask_first(&mut self, passwords: &dyn PasswordProvider) -> Result<(), Failure> {
        if !self.asked {
            self.known = passwords.password(false).await.map_err(Failure::Password)?;
            self.asked = true;
        }
        Ok(())
    }

    /// Asks for a fresh one, once: whether there is another.
    async fn is_renewed(&mut self, passwords: &dyn PasswordProvider) -> Result<bool, Failure> {
        if self.renewed {
            return Ok(false);
        }
        self.renewed = true;
        let fresh = passwords.password(true).await.map_err(Failure::Password)?;
        let differs = fresh != self.known;
        self.known = fresh;
        Ok(differs)
    }
}
