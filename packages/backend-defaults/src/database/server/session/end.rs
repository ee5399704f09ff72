//! What becomes of a session that is dropped.

use std::time::Duration;

use sqlx::Connection as _;

use super::{Flight, ServerSession};
use crate::database::server::Engine;
use crate::database::server::dialect::Dialect;
use crate::database::server::lease::Lease;
use crate::database::server::opener::TIDY_TIMEOUT;

/// How long the end of a statement is waited for that nobody waits for any more. Most are short, and
/// another connection would have to be opened for the next.
const GIVEN_UP_TIMEOUT: Duration = Duration::from_secs(1);

impl<E: Engine> Drop for ServerSession<E> {
    /// Rolls back what was not committed. A connection that something is still running on, or that
    /// is not as it was, is closed: that ends and rolls back everything.
    fn drop(&mut self) {
        let Some(mut lease) = self.lease.take() else { return };
        let runs = self.flight != Flight::Landed;
        if !runs && !self.open && !self.spoilt {
            return;
        }
        // Until it is known to be clean.
        lease.set_dirty(true);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if !runs && self.spoilt => drop(runtime.spawn(lease.close())),
            Ok(runtime) if !runs || E::Connection::CAN_WAIT_FOR_GIVEN_UP && !self.spoilt => {
                drop(runtime.spawn(tidy_up(lease, runs, self.open)));
            }
            _ => lease.discard(),
        }
    }
}

/// Gives back a connection on which nothing runs any more, and that has no transaction, if that can be
/// had soon.
async fn tidy_up<E: Engine>(mut lease: Lease<E>, runs: bool, open: bool) {
    let connection = lease.connection();
    let tidied = async {
        // It may have failed, which the first answer tells instead.
        if runs && connection.ping().await.is_err() {
            connection.ping().await?;
        }
        if open {
            connection.execute_text("ROLLBACK".to_owned()).await?;
        }
        Ok::<_, sqlx::Error>(())
    };
    match tokio::time::timeout(if runs { GIVEN_UP_TIMEOUT } else { TIDY_TIMEOUT }, tidied).await {
        Ok(Ok(())) => lease.set_dirty(false),
        Ok(Err(_)) => lease.lost(),
        Err(_) => lease.discard(),
    }
}
