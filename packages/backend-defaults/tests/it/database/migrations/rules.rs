//! What a backend alone does.

use backend_app_api::{HistoryRow, MigrationError, MigrationId, MigrationList};
use backend_plugin_api::PluginId;
use backend_plugin_api::services::Database;
use sea_orm::{ConnectionTrait, TransactionSession, TransactionTrait};

use super::super::fixture::Fixture;
use super::steps::{Step, history, migrator, numbers, opened};

const PLUGIN: PluginId = PluginId::new("migrated");

/// An empty one.
async fn database(fixture: &Fixture) -> Database {
    opened(&fixture.config, PLUGIN).await
}

fn first() -> Step {
    let up = ["CREATE TABLE one (id INTEGER NOT NULL)", "CREATE INDEX one_id ON one (id)"];
    Step::new("m20260101_000001_first", &up).down(&["DROP TABLE one"])
}

fn second() -> Step {
    Step::new("m20260102_000001_second", &["INSERT INTO one VALUES (2)"])
        .down(&["DELETE FROM one WHERE id = 2"])
        .in_transaction(true)
}

fn third() -> Step {
    Step::new("m20260103_000001_third", &["ALTER TABLE one ADD COLUMN more INTEGER"])
        .down(&["ALTER TABLE one DROP COLUMN more"])
        .in_transaction(false)
}

fn ids(steps: &[Step]) -> Vec<MigrationId> {
    steps.iter().map(|it| MigrationId { list: MigrationList::Plugin, version: it.name.clone() }).collect()
}

pub(super) async fn each_step_is_applied_once(fixture: &Fixture) {
    let database = database(fixture).await;
    let report = migrator(PLUGIN, &database, &[first()]).run().await.unwrap();
    assert_eq!(report.applied.first().map(|it| it.list), Some(MigrationList::Host), "the host's come first");
    assert_eq!(report.applied.last(), ids(&[first()]).first());
    let all = [first(), second(), third()];
    let report = migrator(PLUGIN, &database, &all).run().await.unwrap();
    assert_eq!(report.applied, ids(&all[1..]));
    let report = migrator(PLUGIN, &database, &all).run().await.unwrap();
    let done = report.done.clone();
    assert!(!done.is_empty());
    assert_eq!(report, backend_app_api::MigrationReport { done, ..Default::default() });
    assert_eq!(history(&database).await, all.map(|it| it.name));
    assert_eq!(numbers(&database, "id", "one").await, [2]);
}

pub(super) async fn a_step_that_fails_leaves_nothing_behind(fixture: &Fixture) {
    let database = database(fixture).await;
    let wrong = Step::new("m2_wrong", &["INSERT INTO one VALUES (7)", "INSERT INTO nothing VALUES (1)"]);
    let error = migrator(PLUGIN, &database, &[first(), wrong.in_transaction(true), third()]).run().await.unwrap_err();
    assert!(matches!(&error, MigrationError::Step { step, .. } if step.version == "m2_wrong"), "{error}");
    assert!(error.to_string().starts_with("migration `m2_wrong` failed: "), "{error}");
    assert!(numbers(&database, "id", "one").await.is_empty());
    assert_eq!(history(&database).await, [first().name]);

    migrator(PLUGIN, &database, &[first(), second(), third()]).run().await.unwrap();
    assert_eq!(numbers(&database, "id", "one").await, [2]);
}

pub(super) async fn a_step_that_panics_frees_the_lock(fixture: &Fixture) {
    let database = database(fixture).await;
    let panics = Step { panics: true, ..Step::new("m1_panics", &[]) };
    let migrator_of_it = migrator(PLUGIN, &database, &[panics]);
    let failed = tokio::spawn(async move { migrator_of_it.run().await }).await;
    assert!(failed.unwrap_err().is_panic());
    migrator(PLUGIN, &database, &[first()]).run().await.unwrap();
    assert_eq!(history(&database).await, [first().name]);
}

pub(super) async fn what_differs_is_told(fixture: &Fixture) {
    let database = database(fixture).await;
    let all = [first(), second(), third()];
    migrator(PLUGIN, &database, &all).run().await.unwrap();

    let older = migrator(PLUGIN, &database, &all[..2]).start(|_| {}).await.unwrap();
    let unknown: Vec<_> = older.unknown.iter().map(|it| (it.id.clone(), it.newer)).collect();
    assert_eq!(unknown, [(ids(&all[2..])[0].clone(), true)]);
    assert_eq!(older.unknown[0].applied_by, env!("CARGO_PKG_VERSION"));

    let removed = migrator(PLUGIN, &database, &all[1..]).start(|_| {}).await.unwrap();
    let unknown: Vec<_> = removed.unknown.iter().map(|it| (it.id.clone(), it.newer)).collect();
    assert_eq!(unknown, [(ids(&all[..1])[0].clone(), false)]);

    let edited = Step { up: vec!["INSERT INTO one VALUES (3)".to_owned()], ..second() };
    let report = migrator(PLUGIN, &database, &[first(), edited, third()]).start(|_| {}).await.unwrap();
    let edited: Vec<_> = report.edited.iter().map(|it| it.id.clone()).collect();
    assert_eq!(edited, ids(&all[1..2]));
    assert_eq!((report.applied.len(), report.unknown.len(), report.warnings().len()), (0, 0, 1));
    assert_eq!(numbers(&database, "id", "one").await, [2]);
}

pub(super) async fn an_older_backend_rolls_back(fixture: &Fixture) {
    let database = database(fixture).await;
    let all = [first(), second(), third()];
    migrator(PLUGIN, &database, &all).run().await.unwrap();
    let older = migrator(PLUGIN, &database, &all[..1]);
    let undone = older.roll_back(MigrationList::Plugin, 2).await.unwrap();
    assert_eq!(undone, [ids(&all[2..]), ids(&all[1..2])].concat(), "newest first");
    assert_eq!(history(&database).await, [first().name]);
    assert!(numbers(&database, "id", "one").await.is_empty());

    let error = older.roll_back(MigrationList::Plugin, 2).await.unwrap_err();
    insta::allow_duplicates! { insta::assert_snapshot!(error, @"`migrated` has 1 migration that was applied: 2 cannot be rolled back") };
    // And there again.
    assert_eq!(migrator(PLUGIN, &database, &all).run().await.unwrap().applied, ids(&all[1..]));
    assert_eq!(numbers(&database, "id", "one").await, [2]);
    assert_eq!(older.roll_back(MigrationList::Plugin, 3).await.unwrap().len(), 3);
    assert!(database.execute_unprepared("SELECT id FROM one").await.is_err());
}

pub(super) async fn no_further_than_asked_for(fixture: &Fixture) {
    let database = database(fixture).await;
    let all = [first(), second(), third()];
    let migrator = migrator(PLUGIN, &database, &all);
    // The host's are first.
    let known = migrator.known();
    assert_eq!((known[0].list, &known[1..]), (MigrationList::Host, &ids(&all)[..]));
    assert_eq!(migrator.applied().await.unwrap(), []);
    let error = migrator.run_to("m20260102_second").await.unwrap_err();
    insta::allow_duplicates! { insta::assert_snapshot!(error, @"`migrated` has no migration `m20260102_second`") };
    let report = migrator.run_to(&second().name).await.unwrap();
    assert_eq!((&report.applied[..], report.pending), (&known[..3], ids(&all[2..])));
    let report = migrator.run_to(&first().name).await.unwrap();
    assert_eq!((report.applied, report.pending), (Vec::new(), ids(&all[2..])));
    let applied: Vec<_> = migrator.applied().await.unwrap().iter().filter_map(HistoryRow::id).collect();
    assert_eq!(applied, known[..3]);
}

pub(super) async fn what_has_no_way_back_is_named(fixture: &Fixture) {
    let database = database(fixture).await;
    let one_way = Step { down: None, ..second() };
    migrator(PLUGIN, &database, &[first(), one_way, third()]).run().await.unwrap();
    let error = migrator(PLUGIN, &database, &[]).roll_back(MigrationList::Plugin, 3).await.unwrap_err();
    insta::allow_duplicates! { insta::assert_snapshot!(error, @"`m20260102_000001_second` cannot be rolled back: no way back was kept, as there is no `down` or it asks the database something; restore a backup instead") };
    assert_eq!(history(&database).await.len(), 3, "none is undone");
}

pub(super) async fn what_somebody_else_made_is_not_stamped(fixture: &Fixture) {
    let empty = database(fixture).await;
    migrator(PLUGIN, &empty, &[]).run().await.unwrap();
    let stamps = |database: Database| async move {
        let select = super::steps::select("plugin", "greenroom_stamp");
        database.query_all(&select).await.unwrap().len()
    };
    assert_eq!(stamps(empty).await, 1);

    let other = PluginId::new("found");
    let found = opened(&fixture.config, other).await;
    found.execute_unprepared("CREATE TABLE theirs (id INTEGER NOT NULL)").await.unwrap();
    migrator(other, &found, &[first()]).run().await.unwrap();
    assert_eq!(stamps(found).await, 0);
}

pub(super) async fn what_backstage_made_is_left_as_it_is(fixture: &Fixture) {
    let plugin = PluginId::new("found");
    let found = opened(&fixture.config, plugin).await;
    found.execute_unprepared("CREATE TABLE knex_migrations (id INTEGER NOT NULL)").await.unwrap();
    let error = migrator(plugin, &found, &[first()]).run().await.unwrap_err();
    assert!(matches!(error, MigrationError::Backstage { .. }), "{error}");
    assert!(found.execute_unprepared("SELECT * FROM greenroom_migrations").await.is_err(), "nothing was made");
    found.execute_unprepared("DROP TABLE knex_migrations").await.unwrap();
    migrator(plugin, &found, &[first()]).run().await.unwrap();
}

pub(super) async fn nothing_pending_waits_for_nobody(fixture: &Fixture) {
    let database = database(fixture).await;
    migrator(PLUGIN, &database, &[first()]).run().await.unwrap();
    let transaction = database.begin().await.unwrap();
    transaction.execute_unprepared("UPDATE greenroom_migrations SET ordinal = ordinal").await.unwrap();
    assert!(migrator(PLUGIN, &database, &[first()]).start(|_| {}).await.unwrap().pending.is_empty());
    transaction.rollback().await.unwrap();
}
