//! What PostgreSQL and MySQL have in common: connections in a bounded pool, and sessions on them.
//!
//! ```text
//! ServerPool ──Lease──> ServerSession      one a plugin, on deadpool: its own bound, its idle connections
//!     │ Opener                             opens one, or gets another plugin's
//! Budget                                   one a server: the bound of all plugins, and whose turn it is
//! ```
//!
//! **A connection goes back clean or not at all.** One whose settings were changed, or that failed for
//! good, is closed and replaced. What was begun and not committed is rolled back at once, by a task that
//! holds the connection until that is done.
//!
//! **A statement given up** is waited for on PostgreSQL: by the next one in its transaction, or for a
//! moment by a task; on MySQL, where sqlx has no way on from there, the connection is closed, and with it
//! its transaction.
//!
//! **What was not begun is begun again.** A connection that lay idle may have been lost meanwhile. What finds
//! that out and only reads, or begins a transaction, is run once more on another one.
//!
//! **A commit that did not commit is an error**: PostgreSQL answers `COMMIT` in an aborted
//! transaction with a roll-back that looks like success.

mod budget;
mod dialect;
mod lease;
mod opener;
mod patience;
mod pool;
mod reads;
mod role_text;
mod session;
#[cfg(test)]
mod tests;
mod text;
mod watch;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend_plugin_api::PluginId;

use crate::database::plan::PoolPlan;

pub(crate) use self::budget::{Budget, ServerLimit, Slot};
pub(crate) use self::dialect::Dialect;
pub(crate) use self::patience::{Outage, Patience};
pub(crate) use self::pool::ServerPool;
pub(crate) use self::session::ServerSession;

/// Why a connection could not be opened.
pub(crate) type ConnectError = Arc<dyn Error + Send + Sync>;

/// What differs between the servers of plugins.
#[async_trait]
pub(crate) trait Engine: Send + Sync + 'static {
    /// sqlx's.
    type Connection: Dialect;

    /// Opens a connection to the plugin's database, ready for statements. Given up when it takes
    /// longer than [`PoolPlan::create_timeout`].
    async fn connect(&self) -> Result<Self::Connection, ConnectError>;

    /// What the connections are to: another plugin's to the same place can be made to serve this one.
    fn place(&self) -> usize;

    /// Makes a connection that was another plugin's, and is to the same place, as one that [`Self::connect`]
    /// opens. To be written where two plugins can have the same place.
    async fn dress(&self, _: &mut Self::Connection) -> Result<(), sqlx::Error> {
        Ok(())
    }

    /// What is put behind each statement: connections keep what they prepared by its text, and two plugins'
    /// may mean different tables by the same one.
    fn tag(&self) -> &str {
        ""
    }

    /// How many connections the server takes, if it says so.
    async fn limit(&self, connection: &mut Self::Connection) -> Option<ServerLimit>;

    /// Whether a connection is a session of the server's, and stays the same one: not so behind a pooler.
    fn has_sessions(&self) -> bool {
        true
    }

    /// Whether it may be other in a moment: the server starts, or the network is down.
    fn is_passing(&self, error: &ConnectError) -> bool;
}

/// Whose connections they are.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    pub(crate) plugin: PluginId,
    /// Where each transaction gets another session, behind a pooler: what it begins with. Then statements are not
    /// kept prepared, each has a transaction, and what would be kept in a session is refused.
    pub(crate) prologue: Option<String>,
    /// As in [`DatabaseInfo`](backend_plugin_api::services::database::DatabaseInfo).
    pub(crate) location: String,
    /// They are to stay in the role that they begin with: `backend.database.isolation`.
    pub(crate) isolated: bool,
}

/// How many connections, and how long what may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) pool: PoolPlan,
    /// How long to wait for the server's answer to a statement, or for the next row of a stream;
    /// then the connection is given up. Without: for as long as the server is at it.
    pub(crate) query_timeout: Option<Duration>,
}
