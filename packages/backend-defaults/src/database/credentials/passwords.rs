use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use backend_plugin_api::Secret;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use super::outside::World;
use super::{CloudSqlInstance, CloudSqlServer, Outside, PasswordError, PasswordSource};
use super::{azure, cloudsql, command, file, google, passfile, rds};

/// After a token could not be renewed and the old one is still good, how long until it is tried again.
const RETRY: TimeDelta = TimeDelta::seconds(30);

/// The [`Passwords`] of every source of a process.
pub struct Keyring {
    world: Arc<World>,
    made: Mutex<Vec<Arc<Passwords>>>,
}

/// The password of one source, each time it is needed.
pub struct Passwords {
    source: PasswordSource,
    world: Arc<World>,
    last: tokio::sync::Mutex<Option<Outcome>>,
}

/// A password that is good for some time.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) password: Secret<String>,
    /// From when on another one is asked for.
    pub(super) renew: DateTime<Utc>,
    /// From when on it is refused.
    pub(super) expires: DateTime<Utc>,
}

/// How asking went, the last time.
struct Outcome {
    token: Result<Token, PasswordError>,
    at: Instant,
}

impl Keyring {
    /// With no passwords yet.
    pub fn new(outside: Outside) -> Self {
        Self { world: Arc::new(World::new(outside)), made: Mutex::default() }
    }

    /// Those of a source, the same for all who ask: they share tokens and requests.
    pub fn passwords(&self, source: &PasswordSource) -> Arc<Passwords> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(passwords) = made.iter().find(|it| it.source == *source) {
            return passwords.clone();
        }
        let (source, world) = (source.clone(), self.world.clone());
        let passwords = Arc::new(Passwords { source, world, last: tokio::sync::Mutex::default() });
        made.push(passwords.clone());
        passwords
    }

    /// Where a Cloud SQL instance listens, for a config that has no `host`. Asks the Cloud SQL Admin API each time.
    ///
    /// # Errors
    /// If the API cannot be asked, or the instance has no address of the type that the config wants.
    pub async fn locate(&self, instance: &CloudSqlInstance) -> Result<CloudSqlServer, PasswordError> {
        cloudsql::locate(instance, &self.world).await
    }
}

impl Passwords {
    /// The password to connect with, or `None` if the source has none.
    ///
    /// Tokens are kept until shortly before they expire, what a command prints for a minute; files are read each
    /// time. `fresh` says that the last one was refused: another is asked for. Who asks while somebody's request is
    /// under way gets what that one gets.
    ///
    /// # Errors
    /// If there has to be a password and there is none. Bounded by [`Limits`](super::Limits).
    pub async fn password(&self, fresh: bool) -> Result<Option<Secret<String>>, PasswordError> {
        let world = &*self.world;
        match &self.source {
            PasswordSource::None => return Ok(None),
            PasswordSource::Literal(password) => return Ok(Some(password.clone())),
            PasswordSource::PassFile(wanted) => return passfile::password(wanted).await,
            PasswordSource::File(path) => file::password(path).await,
            PasswordSource::Command(command) => self.kept(fresh, command::run(command, world)).await,
            PasswordSource::Rds(login) => self.kept(fresh, rds::token(login, world)).await,
            PasswordSource::Azure(login) => self.kept(fresh, azure::token(login, world)).await,
            PasswordSource::CloudSql(_) => self.kept(fresh, google::token(google::LOGIN_SCOPE, world)).await,
        }
        .map(Some)
    }

    async fn kept(
        &self,
        fresh: bool,
        ask: impl Future<Output = Result<Token, PasswordError>>,
    ) -> Result<Secret<String>, PasswordError> {
        let came = Instant::now();
        let mut last = self.last.lock().await;
        if let Some(last) = last.as_ref().filter(|it| it.answers(came, fresh, self.world.now())) {
            return last.password();
        }
        let mut token = ask.await;
        if let Err(error) = &token
            && let Some(old) = last.as_ref().filter(|_| !fresh).and_then(Outcome::token)
            && self.world.now() < old.expires
        {
            tracing::warn!(%error, "a database token could not be renewed; the old one is still good");
            token = Ok(Token { renew: self.world.now() + RETRY, ..old.clone() });
        }
        last.insert(Outcome { token, at: Instant::now() }).password()
    }
}

impl Outcome {
    /// Whether it is for somebody who came then: it was under way, or the token in it is still good.
    fn answers(&self, came: Instant, fresh: bool, now: DateTime<Utc>) -> bool {
        self.at >= came || (!fresh && self.token().is_some_and(|it| now < it.renew))
    }

    fn token(&self) -> Option<&Token> {
        self.token.as_ref().ok()
    }

    fn password(&self) -> Result<Secret<String>, PasswordError> {
        self.token.as_ref().map(|it| it.password.clone()).map_err(Clone::clone)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").finish_non_exhaustive()
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("source", &self.source).finish_non_exhaustive()
    }
}
