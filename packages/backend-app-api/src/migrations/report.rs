use sea_orm::DbBackend;

use super::error::count;
use super::history::{Applied, VERSION};
use super::record;
use super::step::{MigrationId, MigrationList, Step, enumerate};

/// How a plugin's database and the migrations of this backend compare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationReport {
    /// What was applied just now, in that order.
    pub applied: Vec<MigrationId>,
    /// What was applied before, of what this backend has, oldest first: also what was edited since.
    pub done: Vec<MigrationId>,
    /// What is still to be applied, oldest first.
    pub pending: Vec<MigrationId>,
    /// What was another when it was applied.
    pub edited: Vec<EditedMigration>,
    /// What was applied and is not of this backend.
    pub unknown: Vec<UnknownMigration>,
}

/// A migration that was changed after it was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditedMigration {
    /// Which.
    pub id: MigrationId,
    /// The version of the backend that applied it.
    pub applied_by: String,
}

/// A migration that another version applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownMigration {
    /// Which.
    pub id: MigrationId,
    /// The version of the backend that applied it.
    pub applied_by: String,
    /// Whether it is later than all that this backend has.
    pub newer: bool,
}

impl MigrationReport {
    /// What an operator should know, a sentence each: nothing if all is well. None of it keeps a
    /// backend from starting, as the version before may run on the tables of the next one.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.edited.is_empty() {
            let edited = self.edited.iter().map(|it| format!("{} by greenroom {}", it.id, it.applied_by));
            warnings.push(format!(
                "{} edited after being applied ({}): the database is as it was then; undo the edit, and write another \
                 migration for the change",
                was(self.edited.len()),
                enumerate(edited)
            ));
        }
        let (newer, lost): (Vec<_>, Vec<_>) = self.unknown.iter().partition(|it| it.newer);
        if !newer.is_empty() {
            warnings.push(format!(
                "the database is newer than this backend, which is greenroom {VERSION}: {}; start that version, or \
                 roll back what it applied, unless an upgrade is under way",
                applied_by(&newer)
            ));
        }
        if !lost.is_empty() {
            warnings.push(format!(
                "the database has migrations that this backend, greenroom {VERSION}, does not: {}; they were renamed \
                 or removed, or come from another build",
                applied_by(&lost)
            ));
        }
        warnings
    }
}

fn was(number: usize) -> String {
    format!("{} {}", count(number, "migration"), if number == 1 { "was" } else { "were" })
}

fn applied_by(unknown: &[&UnknownMigration]) -> String {
    enumerate(unknown.iter().map(|it| format!("{} was applied by greenroom {}", it.id, it.applied_by)))
}

/// Compares. Costs no query: what was edited is found by recording each step that was applied.
pub(super) async fn compare(steps: &[Step<'_>], history: &[Applied], backend: DbBackend) -> MigrationReport {
    let mut report = MigrationReport::default();
    for step in steps {
        let id = step.id();
        let Some(applied) = history.iter().find(|it| it.id == id) else {
            report.pending.push(id);
            continue;
        };
        if is_edited(step, applied, backend).await {
            report.edited.push(EditedMigration { id: id.clone(), applied_by: applied.applied_by.clone() });
        }
        report.done.push(id);
    }
    for Applied { id, applied_by, .. } in history {
        if !steps.iter().any(|step| step.id() == *id) {
            let newer = newest(steps, id.list).is_none_or(|newest| *id.version > *newest);
            report.unknown.push(UnknownMigration { id: id.clone(), applied_by: applied_by.clone(), newer });
        }
    }
    report
}

fn newest<'a>(steps: &[Step<'a>], list: MigrationList) -> Option<&'a str> {
    steps.iter().filter(|it| it.list == list).map(|it| it.migration.name()).max()
}

async fn is_edited(step: &Step<'_>, applied: &Applied, backend: DbBackend) -> bool {
    let Some(then) = applied.checksum.as_deref().filter(|it| record::is_comparable(it)) else { return false };
    record::checksum_once(step.migration, backend).await.is_some_and(|now| now != then)
}
