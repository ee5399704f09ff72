//! A connection of who makes databases, roles and schemas.

use sqlx::PgConnection;

use super::cannot_make::CannotMake;
use super::connect::Connector;
use super::provision::Pool;
use super::shared::{Maker, SharedServer};
use crate::database::server::Slot;

/// The connection, and the right to make: one after another on each server.
pub(super) struct Making<'a> {
    pub(super) connection: PgConnection,
    slot: Slot<PgConnection>,
    maker: Maker<'a>,
    user: &'a str,
    database: &'a str,
}

impl<'a> Making<'a> {
    /// Waits for its turn; takes the connection of who was before, if it is of the same user to the same database.
    pub(super) async fn begin(
        server: &'a SharedServer,
        pool: &Pool,
        connector: &Connector,
        user: &'a str,
        database: &'a str,
    ) -> anyhow::Result<Self> {
        let mut maker = server.maker().await;
        let (connection, slot) = match maker.take(user, database).await {
            Some(kept) => kept,
            None => {
                let slot = pool.slot().await?;
                (connector.connect(database, &[]).await?, slot)
            }
        };
        Ok(Self { connection, slot, maker, user, database })
    }

    /// Leaves the connection to the next one, unless it may be lost.
    pub(super) async fn end<T>(self, made: &anyhow::Result<T>) {
        if matches!(made, Err(error) if !is_of_server(error)) {
            self.maker.done().await;
        } else {
            self.maker.leave((self.connection, self.slot), self.user, self.database).await;
        }
    }
}

/// Whether the server said it, so that the connection is as good as before.
fn is_of_server(error: &anyhow::Error) -> bool {
    let said = error.downcast_ref::<sqlx::Error>().is_some_and(|it| it.as_database_error().is_some());
    said || error.downcast_ref::<CannotMake>().is_some()
}
