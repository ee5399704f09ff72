//! Keeps two backends from migrating the same database at the same time. A backend that is killed
//! lets go of it by dying.

mod file;
mod mysql;
mod postgres;

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use backend_plugin_api::PluginId;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend};
use sha2::{Digest, Sha256};

use self::file::FileLock;
use super::waiting::Waiting;
use super::{MigrationError, MigrationId};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The lock on a plugin's database, held by the connection that it was acquired with.
#[derive(Debug)]
pub(super) struct Lock(Kind);

#[derive(Debug)]
enum Kind {
    Postgres(postgres::Key),
    MySql(mysql::Name),
    File(FileLock),
    /// Nobody else can reach the database.
    Unneeded,
}

/// Who has it, as far as the engine tells.
#[derive(Debug, Default)]
struct Holder(Vec<String>);

impl Lock {
    /// Waits without a bound, and says so.
    pub(super) async fn acquire(
        connection: &DatabaseConnection,
        plugin: PluginId,
        shared: bool,
    ) -> Result<Self, MigrationError> {
        let wanted = Wanted::find(connection, plugin, shared).await.map_err(MigrationError::Lock)?;
        wanted.wait(connection, plugin).await.map(Self).map_err(MigrationError::Lock)
    }

    /// Fails if the connection is not the one that acquired it: a pool may have replaced it.
    pub(super) async fn check(
        &self,
        connection: &impl ConnectionTrait,
        next: MigrationId,
    ) -> Result<(), MigrationError> {
        let held = match &self.0 {
            Kind::Postgres(key) => key.is_held(connection).await,
            Kind::MySql(name) => name.is_held(connection).await,
            Kind::File(_) | Kind::Unneeded => Ok(true),
        };
        match held.map_err(|error| MigrationError::Lock(error.into()))? {
            true => Ok(()),
            false => Err(MigrationError::LockLost(next)),
        }
    }

    /// Lets go of it. Should that fail, closing the connection does.
    pub(super) async fn release(self, connection: &DatabaseConnection) {
        let released = match self.0 {
            Kind::Postgres(key) => key.release(connection).await,
            Kind::MySql(name) => name.release(connection).await,
            Kind::File(lock) => {
                lock.release().await;
                Ok(())
            }
            Kind::Unneeded => Ok(()),
        };
        if let Err(error) = released {
            tracing::debug!("releasing the lock on migrations: {error}");
        }
    }
}

/// What is to be locked.
enum Wanted {
    Postgres(postgres::Key),
    MySql(mysql::Name),
    File(file::Place),
    Nothing,
}

impl Wanted {
    async fn find(connection: &DatabaseConnection, plugin: PluginId, shared: bool) -> Result<Self> {
        Ok(match connection.get_database_backend() {
            DbBackend::Postgres => Self::Postgres(postgres::Key::of(connection, plugin).await?),
            DbBackend::MySql => Self::MySql(mysql::Name::of(connection, plugin).await?),
            _ if shared => file::Place::of(connection).await?.map_or(Self::Nothing, Self::File),
            _ => Self::Nothing,
        })
    }

    async fn try_lock(&self, connection: &DatabaseConnection) -> Result<Option<Kind>> {
        Ok(match self {
            Self::Postgres(key) => key.try_lock(connection).await?.then(|| Kind::Postgres(key.clone())),
            Self::MySql(name) => name.try_lock(connection).await?.then(|| Kind::MySql(name.clone())),
            Self::File(place) => place.try_lock().await?.map(Kind::File),
            Self::Nothing => Some(Kind::Unneeded),
        })
    }

    /// Asks again and again. A statement that waits in the server for the lock would hold a
    /// snapshot, and `CREATE INDEX CONCURRENTLY` of who has it would wait for that for ever.
    async fn wait(self, connection: &DatabaseConnection, plugin: PluginId) -> Result<Kind> {
        let mut waiting = Waiting::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            if let Some(lock) = self.try_lock(connection).await? {
                return Ok(lock);
            }
            if waiting.is_to_be_told() {
                let holder = self.holder(connection).await;
                let waited = waiting.shown();
                let plugin = plugin.as_str();
                tracing::info!(plugin, "waiting {waited} for another backend that migrates `{plugin}`{holder}");
            }
            waiting.pause().await;
        }
    }

    /// For a message alone: not to know is no mistake.
    async fn holder(&self, connection: &DatabaseConnection) -> Holder {
        match self {
            Self::Postgres(key) => key.holder(connection).await.unwrap_or_default(),
            Self::MySql(name) => name.holder(connection).await.unwrap_or_default(),
            Self::File(place) => place.holder().await,
            Self::Nothing => Holder::default(),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " ({})", self.0.join(", ")) }
    }
}

/// The same for the same plugin in the same place, in every version of this backend.
fn digest(place: &str, plugin: PluginId) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in ["greenroom migrations", place, plugin.as_str()] {
        hash.update(part);
        hash.update([0]);
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash.finalize()[..16]);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_never_change() {
        let catalog = PluginId::new("catalog");
        assert_eq!(digest("public", catalog)[..4], [129, 58, 111, 146]);
        assert_ne!(digest("public", catalog), digest("public", PluginId::new("todo")));
        assert_ne!(digest("a", PluginId::new("b")), digest("ab", PluginId::new("c")));
    }
}
