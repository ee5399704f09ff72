use std::sync::Arc;
use std::time::Duration;

use sea_orm::{DbErr, RuntimeErr};

use super::{Flight, ServerSession};
use crate::database::server::Engine;
use crate::database::server::dialect::{Aftermath, Dialect, Trouble};
use crate::database::server::lease::Lease;
use crate::database::{DatabaseError, Outcome};

/// Why there is no result.
pub(super) enum Failure {
    /// It took longer than the `query_timeout`.
    Slow(Duration),
    Failed(sqlx::Error),
}

impl<E: Engine> ServerSession<E> {
    /// After each statement that was waited for.
    pub(super) fn after<T>(&mut self, result: Result<T, Failure>, kind: fn(RuntimeErr) -> DbErr) -> Result<T, DbErr> {
        let error = match result {
            Ok(value) => {
                self.flight = Flight::Landed;
                return Ok(value);
            }
            Err(Failure::Slow(waited)) => {
                self.give_up(Lease::discard);
                return Err(DatabaseError::QueryTimeout { plugin: self.shared.owner.plugin, waited }.into());
            }
            Err(Failure::Failed(error)) => error,
        };
        self.flight = Flight::Landed;
        self.doubtful = true;
        let (aftermath, trouble) = (E::Connection::aftermath(&error), self.trouble(&error));
        let error = Arc::new(error);
        let typed = self.typed(aftermath, trouble, &error);
        match aftermath {
            Aftermath::Lost => self.give_up(Lease::lost),
            Aftermath::Broken => self.give_up(Lease::discard),
            _ if trouble == Some(Trouble::ReadOnly) => self.give_up(Lease::retire),
            Aftermath::RolledBack => self.over = self.depth > 0,
            Aftermath::Spoilt => self.spoilt = true,
            Aftermath::Nothing => {}
        }
        Err(typed.map_or_else(|| kind(RuntimeErr::SqlxError(error)), DbErr::from))
    }

    /// What is wrong with the server. That it takes no changes is not, where the plugin asked for that.
    fn trouble(&self, error: &sqlx::Error) -> Option<Trouble> {
        E::Connection::trouble(error).filter(|it| *it != Trouble::ReadOnly || !self.reads_only && !self.spoilt)
    }

    /// What is not the statement's fault, by its name.
    fn typed(&self, aftermath: Aftermath, trouble: Option<Trouble>, cause: &Arc<sqlx::Error>) -> Option<DatabaseError> {
        let (plugin, location) = (self.shared.owner.plugin, || self.shared.owner.location.clone());
        let cause = || Arc::clone(cause);
        if aftermath == Aftermath::Lost {
            let undone = self.open && !self.committing;
            let outcome = if undone { Outcome::RolledBack } else { Outcome::Unknown };
            return Some(DatabaseError::Lost { plugin, location: location(), outcome, cause: cause() });
        }
        Some(match trouble? {
            Trouble::ReadOnly => DatabaseError::ReadOnly { plugin, location: location(), cause: cause() },
            Trouble::NoRoom => DatabaseError::NoRoom { plugin, location: location(), cause: cause() },
            Trouble::Cancelled => DatabaseError::Cancelled { plugin, cause: cause() },
        })
    }

    /// The connection is no more, and what was not committed was rolled back with it.
    pub(super) fn give_up(&mut self, how: fn(Lease<E>)) {
        if let Some(lease) = self.lease.take() {
            how(lease);
        }
        self.flight = Flight::Landed;
        (self.over, self.open, self.behind) = (true, false, false);
    }
}
