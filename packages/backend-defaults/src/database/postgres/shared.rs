//! What the plugins on one server share while they start.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::{Connection as _, PgConnection};
use tokio::sync::MutexGuard;

use super::{PostgresServer, SessionSettings};
use crate::database::plan::{BudgetPlan, PostgresPlan};
use crate::database::server::{Budget, Outage, Slot};

/// Every server that plugins are on, by how it is shown.
#[derive(Default)]
pub(crate) struct Servers(Mutex<HashMap<String, Arc<SharedServer>>>);

/// One server.
pub(crate) struct SharedServer {
    pub(super) budget: Arc<Budget<PgConnection>>,
    /// What there are connections to, each once.
    places: Mutex<Vec<Place>>,
    /// Who holds it may make databases and schemas.
    turn: tokio::sync::Mutex<Option<Kept>>,
    /// How many hold or want it.
    makers: AtomicUsize,
    pub(super) outage: Outage,
}

/// What two plugins have in common whose connections can change hands: the rest is set anew.
#[derive(PartialEq, Eq)]
struct Place {
    server: PostgresServer,
    database: String,
}

/// The connection that databases were made with, for whoever makes the next.
struct Kept {
    connection: PgConnection,
    slot: Slot<PgConnection>,
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
    pub(crate) fn get(&self, name: String, budget: BudgetPlan) -> Arc<SharedServer> {
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let server = servers.entry(name).or_insert_with_key(|name| Arc::new(SharedServer::new(name.clone(), budget)));
        Arc::clone(server)
    }
}

impl SharedServer {
    fn new(name: String, budget: BudgetPlan) -> Self {
        let (budget, outage) = (Budget::new(name, budget), Outage::default());
        Self {
            budget,
            places: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            makers: AtomicUsize::new(0),
            outage,
        }
    }

    /// A number for what the plan's connections are to, but for what is set anew when they change hands.
    pub(super) fn place(&self, plan: &PostgresPlan) -> usize {
        let session = SessionSettings { application_name: String::new(), ..plan.server.session.clone() };
        let server = PostgresServer { session, ..plan.server.clone() };
        let place = Place { server, database: plan.database.clone() };
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.iter().position(|it| *it == place).unwrap_or_else(|| {
            places.push(place);
            places.len() - 1
        })
    }

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
    pub(super) async fn take(&mut self, user: &str, database: &str) -> Option<(PgConnection, Slot<PgConnection>)> {
        let kept = self.kept.take()?;
        if kept.user == user && kept.database == database {
            return Some((kept.connection, kept.slot));
        }
        close(kept.connection).await;
        None
    }

    /// Leaves the connection to the next one, or closes it if there is none.
    pub(super) async fn leave(
        mut self,
        (connection, slot): (PgConnection, Slot<PgConnection>),
        user: &str,
        database: &str,
    ) {
        if self.line.0.load(Ordering::Acquire) == 1 {
            return close(connection).await;
        }
        *self.kept = Some(Kept { connection, slot, user: user.to_owned(), database: database.to_owned() });
    }

    /// Closes what the one before left: who makes on another connection may need its place in the budget.
    pub(super) async fn alone(&mut self) {
        if let Some(kept) = self.kept.take() {
            close(kept.connection).await;
        }
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
