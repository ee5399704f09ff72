//! What the plugins on one server share while they start.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::{Connection as _, PgConnection};
use tokio::sync::MutexGuard;

use crate::database::server::Outage;

/// Every server that plugins are on, by how it is shown.
#[derive(Default)]
pub(crate) struct Servers(Mutex<HashMap<String, Arc<SharedServer>>>);

/// One server.
#[derive(Default)]
pub(crate) struct SharedServer {
    /// Who holds it may make databases and schemas.
    turn: tokio::sync::Mutex<Option<Kept>>,
    /// How many hold or want it.
    makers: AtomicUsize,
    pub(super) outage: Outage,
}

/// The connection that databases were made with, for whoever makes the next.
struct Kept {
    connection: PgConnection,
    user: String,
    database: String,
}

/// The right to make databases on a server.
pub(super) struct Maker<'a> {
    kept: MutexGuard<'a, Option<Kept>>,
    line: Line<'a>,
}

/// A place in the line of those who make databases.
struct Line<'a>(&'a AtomicUsize);

impl Servers {
    pub(crate) fn get(&self, name: &str) -> Arc<SharedServer> {
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(servers.entry(name.to_owned()).or_default())
    }
}

impl SharedServer {
    /// Waits in line: what makes databases goes one after another, else they disturb each other
    /// (`source database "template1" is being accessed by other users`).
    pub(super) async fn maker(&self) -> Maker<'_> {
        self.makers.fetch_add(1, Ordering::AcqRel);
        let line = Line(&self.makers);
        Maker { kept: self.turn.lock().await, line }
    }
}

impl Maker<'_> {
    /// The connection that the one before left, if it is of the same user to the same database.
    pub(super) async fn take(&mut self, user: &str, database: &str) -> Option<PgConnection> {
        let kept = self.kept.take()?;
        if kept.user == user && kept.database == database {
            return Some(kept.connection);
        }
        close(kept.connection).await;
        None
    }

    /// Leaves the connection to the next one, or closes it if there is none.
    pub(super) async fn leave(mut self, connection: PgConnection, user: &str, database: &str) {
        if self.line.0.load(Ordering::Acquire) == 1 {
            return close(connection).await;
        }
        *self.kept = Some(Kept { connection, user: user.to_owned(), database: database.to_owned() });
    }

    /// Closes what the one before left, if nobody waits for it.
    pub(super) async fn done(mut self) {
        if self.line.0.load(Ordering::Acquire) == 1
            && let Some(kept) = self.kept.take()
        {
            close(kept.connection).await;
        }
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

async fn close(connection: PgConnection) {
    if let Err(error) = connection.close().await {
        tracing::debug!("closing a connection: {error}");
    }
}
