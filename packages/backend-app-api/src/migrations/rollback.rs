//! The way back: what `down` would do was kept when the step was applied, so that a backend can
//! undo what a newer one did.

use backend_plugin_api::PluginId;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};

use super::MigrationError;
use super::apply::IMMEDIATE;
use super::history::{self, Down};
use super::lock::Lock;
use super::step::{MigrationId, MigrationList};

/// Undoes the newest `count` steps of `list`, newest first.
pub(super) async fn roll_back(
    connection: &DatabaseConnection,
    lock: &Lock,
    plugin: PluginId,
    list: MigrationList,
    count: usize,
) -> Result<Vec<MigrationId>, MigrationError> {
    let history = history::read(connection).await.map_err(MigrationError::History)?.unwrap_or_default();
    let applied: Vec<_> = history.into_iter().map(|it| it.id).filter(|it| it.list == list).collect();
    if applied.len() < count {
        return Err(MigrationError::TooMany { plugin, asked: count, applied: applied.len() });
    }
    let (mut ways, mut without) = (Vec::new(), Vec::new());
    for id in applied.into_iter().rev().take(count) {
        match history::down(connection, &id).await.map_err(MigrationError::History)? {
            Some(down) => ways.push((id, down)),
            None => without.push(id),
        }
    }
    if !without.is_empty() {
        return Err(MigrationError::NoWayBack { steps: without });
    }
    for (id, down) in &ways {
        lock.check(connection, id.clone()).await?;
        undo(connection, id, down).await.map_err(|cause| MigrationError::StepBack { step: id.clone(), cause })?;
    }
    Ok(ways.into_iter().map(|(id, _)| id).collect())
}

async fn undo(connection: &DatabaseConnection, id: &MigrationId, down: &Down) -> Result<(), DbErr> {
    if !down.in_transaction {
        run(connection, down).await?;
        return history::delete(connection, id).await;
    }
    let transaction = connection.begin_with_options(IMMEDIATE).await?;
    run(&transaction, down).await?;
    history::delete(&transaction, id).await?;
    transaction.commit().await
}

async fn run(connection: &impl ConnectionTrait, down: &Down) -> Result<(), DbErr> {
    for statement in &down.statements {
        connection.execute_unprepared(statement).await?;
    }
    Ok(())
}
