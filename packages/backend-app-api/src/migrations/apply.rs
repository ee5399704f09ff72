//! What is done under the lock.

use sea_orm::{DatabaseConnection, DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait};
use sea_orm_migration::SchemaManager;

use super::MigrationError;
use super::error::KNEX_HISTORY;
use super::history::{self, Applied, VERSION};
use super::lock::Lock;
use super::record;
use super::report::{MigrationReport, compare};
use super::step::{MigrationId, Step};

/// So that SQLite's lock on writing is waited for before anything is done, not in the midst of it.
pub(super) const IMMEDIATE: TransactionOptions = TransactionOptions {
    isolation_level: None,
    access_mode: None,
    sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
};

/// Applies what is pending, no further than up to `last`; those that another applied meanwhile are not.
pub(super) async fn apply(
    connection: &DatabaseConnection,
    lock: &Lock,
    steps: &[Step<'_>],
    last: Option<&MigrationId>,
    location: &str,
) -> Result<MigrationReport, MigrationError> {
    let history = match history::read(connection).await.map_err(MigrationError::History)? {
        Some(history) => history,
        None => {
            refuse_backstages(connection, location).await?;
            history::create(connection).await.map_err(MigrationError::History)?;
            Vec::new()
        }
    };
    let mut report = compare(steps, &history, connection.get_database_backend()).await;
    let mut ordinal = history.last().map_or(0, |it| it.ordinal);
    let last = last.and_then(|last| steps.iter().position(|it| it.id() == *last));
    for id in std::mem::take(&mut report.pending) {
        let Some((index, step)) = steps.iter().enumerate().find(|(_, it)| it.id() == id) else { continue };
        if last.is_some_and(|last| index > last) {
            report.pending.push(id);
            continue;
        }
        ordinal += 1;
        apply_step(connection, lock, step, ordinal).await?;
        tracing::debug!("applied migration {id}");
        report.applied.push(id);
    }
    Ok(report)
}

/// Many of its plugins' tables have the names of ours, and another shape.
async fn refuse_backstages(connection: &DatabaseConnection, location: &str) -> Result<(), MigrationError> {
    let is_backstages = SchemaManager::new(connection).has_table(KNEX_HISTORY).await;
    match is_backstages.map_err(MigrationError::History)? {
        true => Err(MigrationError::Backstage { location: location.to_owned() }),
        false => Ok(()),
    }
}

async fn apply_step(
    connection: &DatabaseConnection,
    lock: &Lock,
    step: &Step<'_>,
    ordinal: i32,
) -> Result<(), MigrationError> {
    let backend = connection.get_database_backend();
    let checksum = record::checksum(step.migration, backend).await;
    let down = record::down(step.migration, backend).await;
    let applied = Applied { id: step.id(), ordinal, applied_by: VERSION.to_owned(), checksum };
    let in_transaction = step.in_transaction(backend);
    let failed = |cause: DbErr| MigrationError::Step { step: step.id(), cause };
    if in_transaction {
        let transaction = connection.begin_with_options(IMMEDIATE).await.map_err(failed)?;
        lock.check(&transaction, step.id()).await?;
        step.migration.up(&SchemaManager::new(&transaction)).await.map_err(failed)?;
        history::insert(&transaction, &applied, in_transaction, down.as_deref()).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)
    } else {
        lock.check(connection, step.id()).await?;
        step.migration.up(&SchemaManager::new(connection)).await.map_err(failed)?;
        history::insert(connection, &applied, in_transaction, down.as_deref()).await.map_err(failed)
    }
}
