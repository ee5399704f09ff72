//! Where the server's transaction is, and where the holder thinks it is.

use sea_orm::{AccessMode, DbBackend, DbErr, TransactionOptions};
use sqlx::Connection as _;

use super::failure::Failure;
use super::{Flight, ServerSession, bounded};
use crate::database::server::Engine;
use crate::database::server::dialect::Dialect;
use crate::database::server::lease::Lease;

impl<E: Engine> ServerSession<E> {
    /// Brings the server to where the holder thinks it is: waits for a statement that was given up,
    /// and rolls back what was dropped.
    pub(super) async fn settle(&mut self) -> Result<(), DbErr> {
        if self.flight == Flight::Waiting && !E::Connection::CAN_WAIT_FOR_GIVEN_UP {
            self.give_up(Lease::discard);
        }
        if self.flight != Flight::Landed {
            self.wait_for_given_up().await?;
        }
        if self.behind && self.depth == 0 && self.open {
            self.text("ROLLBACK".to_owned()).await?;
            self.open = false;
        } else if self.behind && !self.over {
            let rolled_back = self.text(E::Connection::rollback_to_sql(&savepoint(self.depth))).await;
            // Without its savepoint it is not known what is left of the transaction.
            self.over |= rolled_back.is_err();
            rolled_back?;
        }
        self.behind = false;
        Ok(())
    }

    async fn wait_for_given_up(&mut self) -> Result<(), DbErr> {
        let limit = self.limit();
        // It may have failed, which the first answer tells instead.
        for _ in 0..2 {
            self.flight = Flight::Waiting;
            let answer = bounded(&limit, self.connection()?.ping()).await;
            let failed = matches!(answer, Err(Failure::Failed(sqlx::Error::Database(_))));
            let result = self.after(answer, DbErr::Exec);
            self.doubtful = true;
            if !failed || self.lease.is_none() {
                return result;
            }
        }
        self.give_up(Lease::discard);
        Ok(())
    }

    /// On another connection, if this one was lost while it lay idle.
    pub(super) async fn begin_somewhere(
        &mut self,
        options: TransactionOptions,
        may_have_been_lost: bool,
    ) -> Result<(), DbErr> {
        let begun = self.begin_outermost(options).await;
        match may_have_been_lost && self.replaced(&begun, true).await {
            true => self.begin_outermost(options).await,
            false => begun,
        }
    }

    pub(super) async fn begin_outermost(&mut self, options: TransactionOptions) -> Result<(), DbErr> {
        (self.over, self.doubtful) = (false, false);
        self.reads_only = matches!(options.access_mode, Some(AccessMode::ReadOnly));
        // Also if this is given up before its end.
        self.open = true;
        let begin = E::Connection::begin_sql(options);
        let begin = match &self.shared.owner.prologue {
            Some(prologue) => format!("{begin}; {prologue}"),
            None => begin,
        };
        let begun = self.text(begin).await;
        self.open &= begun.is_ok();
        // Half of it may have been done.
        self.spoilt |= begun.is_err();
        begun
    }

    pub(super) async fn commit_outermost(&mut self) -> Result<(), DbErr> {
        if self.doubtful && E::Connection::BACKEND == DbBackend::Postgres {
            // In an aborted transaction `COMMIT` rolls back and calls that a success.
            let aborted = self.text("SELECT 1".to_owned()).await.is_err();
            if aborted {
                self.over = true;
                return Err(self.rolled_back().into());
            }
        }
        self.committing = true;
        let committed = self.text("COMMIT".to_owned()).await;
        self.committing = false;
        if committed.is_err() {
            self.over = true;
        }
        // One that failed to be committed is no more. MySQL's may be: it is rolled back to be sure.
        self.open = committed.is_err() && E::Connection::BACKEND == DbBackend::MySql && self.lease.is_some();
        committed
    }
}

/// Below which a transaction at `depth` is nested.
pub(super) fn savepoint(depth: usize) -> String {
    format!("_greenroom_{depth}")
}
