use std::any::Any;
use std::fmt;
use std::ops::Deref;

use sea_orm::{DatabaseConnection, DbErr};

/// A connection of its own for migrations, counted among those that the backend may have.
pub struct MigrationConnection {
    connection: DatabaseConnection,
    /// Its place among them, for as long as it is open.
    _place: Box<dyn Any + Send + Sync>,
}

impl MigrationConnection {
    /// `place` is dropped when the connection is closed.
    pub fn new(connection: DatabaseConnection, place: impl Any + Send + Sync) -> Self {
        Self { connection, _place: Box::new(place) }
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it cannot be ended in order; it is gone all the same.
    pub async fn close(self) -> Result<(), DbErr> {
        self.connection.close_by_ref().await
    }
}

impl Deref for MigrationConnection {
    type Target = DatabaseConnection;

    fn deref(&self) -> &DatabaseConnection {
        &self.connection
    }
}

impl fmt::Debug for MigrationConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MigrationConnection").field(&self.connection).finish()
    }
}
