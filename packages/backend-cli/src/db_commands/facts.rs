//! What was found of databases, for people and for machines.

use backend_app_api::{MigrationId, MigrationReport};
use backend_defaults::database::{DatabasePlan, EnginePlan};
use database_tools::inspect::{Facts, OtherSession, Stamp, TableFacts};
use indicatif::HumanBytes;
use serde_json::{Value, json};

/// E.g. `4`, `~2500000`.
pub(super) fn rows(facts: &Facts) -> String {
    let (rows, exact) = facts.rows();
    format!("{}{rows}", if exact { "" } else { "~" })
}

/// E.g. `7.62 MiB`.
pub(super) fn size(facts: &Facts) -> String {
    HumanBytes(facts.bytes).to_string()
}

/// E.g. `4`, `4 + 1 pending`, `4, 1 unknown`.
pub(super) fn migrations(report: &MigrationReport) -> String {
    let mut parts = vec![report.done.len().to_string()];
    if !report.pending.is_empty() {
        parts = vec![format!("{} + {} pending", parts[0], report.pending.len())];
    }
    for (number, what) in [(report.unknown.len(), "unknown"), (report.edited.len(), "edited")] {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    parts.join(", ")
}

/// `yes`, `no`, `of todo`.
pub(super) fn stamp(stamp: &Stamp) -> String {
    match stamp {
        Stamp::None => "no".to_owned(),
        Stamp::Comment | Stamp::Row => "yes".to_owned(),
        Stamp::Other(plugin) => format!("of {plugin}"),
    }
}

/// Its database on the server; a file.
pub(super) fn database(plan: &DatabasePlan) -> String {
    match &plan.engine {
        EnginePlan::Sqlite(_) => plan.info().location,
        EnginePlan::Postgres(it) => it.database.clone(),
        EnginePlan::MySql(it) => it.database.clone(),
    }
}

pub(super) fn schema(plan: &DatabasePlan) -> Option<String> {
    match &plan.engine {
        EnginePlan::Postgres(it) => it.schema.clone(),
        EnginePlan::Sqlite(_) | EnginePlan::MySql(_) => None,
    }
}

/// All that was found.
pub(super) fn json(facts: &Facts) -> Value {
    let (rows, exact) = facts.rows();
    let MigrationReport { done, pending, unknown, edited, .. } = &facts.migrations;
    let ids = |ids: &[MigrationId]| ids.iter().map(|it| it.version.clone()).collect::<Vec<_>>();
    json!({
        "exists": facts.exists,
        "bytes": facts.exists.then_some(facts.bytes),
        "tables": facts.tables.iter().map(table).collect::<Vec<_>>(),
        "hostTables": facts.host_tables.iter().map(table).collect::<Vec<_>>(),
        "rows": rows,
        "rowsExact": exact,
        "connections": facts.sessions.iter().map(session).collect::<Vec<_>>(),
        "migrations": {
            "applied": ids(done),
            "pending": ids(pending),
            "unknown": unknown.iter().map(|it| it.id.version.clone()).collect::<Vec<_>>(),
            "edited": edited.iter().map(|it| it.id.version.clone()).collect::<Vec<_>>(),
        },
        "stamp": match &facts.stamp {
            Stamp::None => json!(null),
            Stamp::Comment => json!({ "by": "comment" }),
            Stamp::Row => json!({ "by": "table" }),
            Stamp::Other(plugin) => json!({ "plugin": plugin }),
        },
    })
}

fn table(table: &TableFacts) -> Value {
    json!({ "schema": table.schema, "name": table.name, "rows": table.rows, "exact": table.exact })
}

fn session(session: &OtherSession) -> Value {
    let OtherSession { id, application, user, address } = session;
    json!({ "id": id, "application": application, "user": user, "address": address })
}

#[cfg(test)]
mod tests {
    use backend_app_api::{EditedMigration, MigrationList, UnknownMigration};

    use super::*;

    #[test]
    fn migrations_are_told_in_few_words() {
        let id = || MigrationId { list: MigrationList::Plugin, version: "m1".to_owned() };
        let by = || "0.1.0".to_owned();
        let mut report = MigrationReport { done: vec![id(); 4], ..MigrationReport::default() };
        assert_eq!(migrations(&report), "4");
        report.unknown = vec![UnknownMigration { id: id(), applied_by: by(), newer: true }];
        assert_eq!(migrations(&report), "4, 1 unknown");
        report.pending = vec![id()];
        report.edited = vec![EditedMigration { id: id(), applied_by: by() }; 2];
        assert_eq!(migrations(&report), "4 + 1 pending, 1 unknown, 2 edited");
        assert_eq!(migrations(&MigrationReport::default()), "0");
    }

    #[test]
    fn what_is_estimated_is_marked() {
        let table = |rows, exact| TableFacts { schema: None, name: "a".to_owned(), rows, exact };
        let mut facts = Facts { tables: vec![table(3, true)], ..Facts::default() };
        assert_eq!(rows(&facts), "3");
        facts.tables.push(table(2_000_000, false));
        assert_eq!(rows(&facts), "~2000003");
    }
}
