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
    /// Who holds it may make databases and schemas. It keeps the connection for the next one.
    maker: tokio::sync::Mutex<Option<PgConnection>>,
    /// How many hold or want it.
    makers: AtomicUsize,
    pub(super) outage: Outage,
}

/// The right to make databases on a server.
pub(super) struct Maker<'a> {
    server: &'a SharedServer,
    connection: MutexGuard<'a, Option<PgConnection>>,
}

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
        Maker { server: self, connection: self.maker.lock().await }
    }
}

impl Maker<'_> {
    /// The connection that the one before left, if there is one.
    pub(super) fn connection(&mut self) -> &mut Option<PgConnection> {
        &mut self.connection
    }

    /// Closes the connection, unless another wants it.
    pub(super) async fn done(mut self) {
        if self.server.makers.load(Ordering::Acquire) == 1
            && let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::debug!("closing a connection: {error}");
        }
    }
}

impl Drop for Maker<'_> {
    fn drop(&mut self) {
        self.server.makers.fetch_sub(1, Ordering::AcqRel);
    }
}
