use backend_plugin_api::PluginId;
use sea_orm::{DbBackend, DbErr};

use super::Runs;
use crate::migrations::history::Applied;
use crate::migrations::report::compare;
use crate::migrations::step::Step;
use crate::migrations::{MigrationError, MigrationId, MigrationList, record};

const FIRST: Runs = Runs { name: "m20260101_000001_first", up: &["CREATE TABLE a (id int)"], down: None };
const SECOND: Runs = Runs { name: "m20260102_000001_second", up: &["CREATE TABLE b (id int)"], down: None };

fn id(list: MigrationList, version: &str) -> MigrationId {
    MigrationId { list, version: version.to_owned() }
}

fn applied(version: &str, by: &str, checksum: Option<String>) -> Applied {
    let id = id(MigrationList::Plugin, version);
    Applied { id, ordinal: 1, applied_by: by.to_owned(), checksum }
}

fn steps() -> [Step<'static>; 2] {
    [&FIRST, &SECOND].map(|migration| Step { list: MigrationList::Plugin, migration })
}

#[tokio::test]
async fn each_difference_is_told_with_what_to_do() {
    let as_released = record::checksum(&FIRST, DbBackend::Sqlite).await;
    let other = record::checksum(&SECOND, DbBackend::Sqlite).await;
    let history = [
        applied("m20250101_000001_before", "0.0.9", None),
        applied(FIRST.name, "0.1.0", other),
        applied("m20270101_000001_later", "0.2.0", as_released.clone()),
        applied("m20270102_000001_last", "0.2.1", None),
    ];
    let report = compare(&steps(), &history, DbBackend::Sqlite).await;
    assert_eq!(report.pending, [id(MigrationList::Plugin, SECOND.name)]);
    insta::assert_snapshot!(report.warnings().join("\n"), @"
    1 migration was edited after being applied (`m20260101_000001_first` by greenroom 0.1.0): the database is as it was then; undo the edit, and write another migration for the change
    the database is newer than this backend, which is greenroom 0.1.0: `m20270101_000001_later` was applied by greenroom 0.2.0 and `m20270102_000001_last` was applied by greenroom 0.2.1; start that version, or roll back what it applied, unless an upgrade is under way
    the database has migrations that this backend, greenroom 0.1.0, does not: `m20250101_000001_before` was applied by greenroom 0.0.9; they were renamed or removed, or come from another build
    ");

    for checksum in [as_released, None, Some("0:of another scheme".to_owned())] {
        let history = [applied(FIRST.name, "0.1.0", checksum), applied(SECOND.name, "0.1.0", None)];
        let report = compare(&steps(), &history, DbBackend::Sqlite).await;
        assert_eq!((report.pending.len(), report.warnings().len()), (0, 0), "{report:?}");
    }
}

#[test]
fn errors_say_what_to_do() {
    let (host, first) = (id(MigrationList::Host, "m20260101_000001_stamp"), id(MigrationList::Plugin, FIRST.name));
    let cause = || DbErr::Custom("no such table: item".to_owned());
    let errors = [
        MigrationError::Pending { pending: vec![host.clone(), first.clone()] },
        MigrationError::Pending { pending: vec![first.clone()] },
        MigrationError::NoWayBack { steps: vec![first.clone(), host] },
        MigrationError::TooMany { plugin: PluginId::new("catalog"), asked: 3, applied: 1 },
        MigrationError::Step { step: first.clone(), cause: cause() },
        MigrationError::StepBack { step: first.clone(), cause: cause() },
        MigrationError::LockLost(first),
        MigrationError::History(cause()),
        MigrationError::Backstage { location: "db:5432/backstage_plugin_catalog".to_owned() },
    ];
    insta::assert_snapshot!(errors.map(|it| it.to_string()).join("\n"), @"
    2 migrations were not applied yet: `m20260101_000001_stamp` (of the host) and `m20260101_000001_first`; start one backend with `backend.database.migrations: run`, or have a job do it, before those that only verify
    1 migration was not applied yet: `m20260101_000001_first`; start one backend with `backend.database.migrations: run`, or have a job do it, before those that only verify
    `m20260101_000001_first` and `m20260101_000001_stamp` (of the host) cannot be rolled back: no way back was kept, as there is no `down` or it asks the database something; restore a backup instead
    `catalog` has 1 migration that was applied: 3 cannot be rolled back
    migration `m20260101_000001_first` failed: Custom Error: no such table: item
    migration `m20260101_000001_first` could not be rolled back: Custom Error: no such table: item
    the connection that held the lock on migrations was lost before `m20260101_000001_first`; start again to go on from there
    cannot read which migrations were applied: Custom Error: no such table: item
    the tables of db:5432/backstage_plugin_catalog are Backstage's (`knex_migrations`), which this backend neither reads nor changes; give its databases names of their own: by `backend.database.prefix`, with schemas `schemaPrefix`, with SQLite another `connection.directory`
    ");
}
