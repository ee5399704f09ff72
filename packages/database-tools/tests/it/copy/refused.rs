use database_tools::Site;
use database_tools::transfer::{copy, source};
use insta::assert_snapshot;
use sea_orm_migration::sea_orm::ConnectionTrait as _;

use super::{migrated, quiet};
use crate::fixture::{LAYOUTS, Layout, Place, SAMPLE};

async fn refusal(from: &Site, to: &Site) -> String {
    let error = copy(from, to, &quiet()).await.unwrap_err();
    let location = to.plan.info().location;
    let text = format!("{:#}", anyhow::Error::from(error)).replace(&location, "<target>");
    text.replace(&from.plan.info().location, "<source>")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_with_rows_stays_as_it_is() {
    let from = Place::new(Layout::Files).await;
    let from = migrated(&from).await;
    for layout in LAYOUTS {
        let to = Place::new(layout).await;
        let to = migrated(&to).await;
        to.database.execute_unprepared("INSERT INTO tree (title) VALUES ('theirs'), ('too')").await.unwrap();
        assert_eq!(
            refusal(&from, &to).await,
            "the target <target> is not empty: table `settings` has 1 row, table `tree` has 2 rows; nothing was changed \
             there; name another, or empty it (`backend db truncate`)"
        );
        let theirs = to.database.execute_unprepared("UPDATE tree SET note = 'still there'").await.unwrap();
        assert_eq!(theirs.rows_affected(), 2, "{layout:?}");
        to.database.execute_unprepared("SELECT 1 FROM greenroom_copy").await.unwrap_err();
        to.close().await;
    }
    from.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_is_behind_and_has_rows_is_not_even_migrated() {
    let (from, to) = (Place::new(Layout::Files).await, Place::new(Layout::Postgres).await);
    let (from, to) = (migrated(&from).await, migrated(&to).await);
    to.migrator().roll_back(backend_app_api::MigrationList::Plugin, 1).await.unwrap();
    assert_snapshot!(refusal(&from, &to).await, @"the target <target> is not empty: table `settings` has 1 row; nothing was changed there; name another, or empty it (`backend db truncate`)");
    to.database.execute_unprepared("SELECT note FROM tree").await.unwrap_err();
    from.close().await;
    to.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_of_other_migrations_is_refused() {
    for layout in LAYOUTS {
        let (from, to) = (Place::new(layout).await, Place::new(Layout::Files).await);
        let (from, to) = (migrated(&from).await, to.site(SAMPLE));
        from.migrator().roll_back(backend_app_api::MigrationList::Plugin, 1).await.unwrap();
        assert_eq!(
            refusal(&from, &to).await,
            "the source <source> lacks migrations that this backend has: `m20260102_000001_add_note`; apply them there \
             first (`backend db migrate`)"
        );
        from.migrator().run().await.unwrap();
        let rename = "UPDATE greenroom_migrations SET version = 'm20990101_later' WHERE version LIKE '%add_note'";
        from.database.execute_unprepared(rename).await.unwrap();
        let insert = "INSERT INTO greenroom_migrations (list, version, ordinal, applied_by, in_transaction) \
                      SELECT list, 'm20260102_000001_add_note', 9, applied_by, in_transaction \
                      FROM greenroom_migrations WHERE version = 'm20990101_later'";
        from.database.execute_unprepared(insert).await.unwrap();
        assert_eq!(
            refusal(&from, &to).await,
            "the source <source> has migrations that this backend has not: `m20990101_later`; copy it by the version that \
             made it"
        );
        assert!(!to.exists().await.unwrap());
        from.close().await;
        to.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_not_there_is_not_made() {
    let to = Place::new(Layout::Files).await;
    let to = to.site(SAMPLE);
    for layout in LAYOUTS {
        let from = Place::new(layout).await;
        let from = from.site(SAMPLE);
        assert_eq!(refusal(&from, &to).await, "there is no source: <source> does not exist");
        assert!(!from.exists().await.unwrap());
        assert!(!to.exists().await.unwrap());
        from.close().await;
    }
    to.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_differ_are_all_told() {
    let (from, to) = (Place::new(Layout::Files).await, Place::new(Layout::PostgresSchema).await);
    let (from, to) = (migrated(&from).await, to.site(SAMPLE));
    for sql in ["CREATE TABLE extra (id INTEGER)", "ALTER TABLE tree ADD COLUMN own TEXT", "DROP TABLE computed"] {
        from.database.execute_unprepared(sql).await.unwrap();
    }
    assert_snapshot!(refusal(&from, &to).await, @"the tables of the source and of the target differ: the target has no table `extra`; the source has no table `computed`; the target has no column `own` in table `tree`");
    from.close().await;
    to.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reference_to_what_is_not_there_is_refused() {
    let from = Place::new(Layout::Files).await;
    let from = migrated(&from).await;
    let broken = "PRAGMA foreign_keys = OFF; INSERT INTO tree (parent_id, title) VALUES (99, 'lost')";
    from.database.execute_unprepared(broken).await.unwrap();
    let mut refusals = Vec::new();
    for layout in LAYOUTS {
        let to = Place::new(layout).await;
        let to = to.site(SAMPLE);
        refusals.push(format!("{layout:?}: {}", refusal(&from, &to).await));
        let tree = source(&to).await.unwrap().catalog().table("tree").unwrap().clone();
        assert_eq!(source(&to).await.unwrap().count(&tree).await.unwrap(), 0);
        to.close().await;
    }
    assert_snapshot!(refusals.join("\n"), @r#"
    Files: a row of `tree` refers to one of `tree` that is not there
    Postgres: foreign key `tree_parent` of table `tree` does not hold: insert or update on table "tree" violates foreign key constraint "tree_parent"; Key (parent_id)=(99) is not present in table "tree".
    PostgresSchema: foreign key `tree_parent` of table `tree` does not hold: insert or update on table "tree" violates foreign key constraint "tree_parent"; Key (parent_id)=(99) is not present in table "tree".
    MySql: table `tree` refers to `tree` (by `tree_parent`), which has no row `99`
    "#);
    from.close().await;
}

/// SQLite has no bounds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_is_told_with_its_row() {
    let from = Place::new(Layout::Files).await;
    let from = migrated(&from).await;
    let mut refusals = Vec::new();
    for (sql, layout) in [
        ("INSERT INTO everything (whole) VALUES (1), (3000000000)", Layout::Postgres),
        ("INSERT INTO everything (name) VALUES (replace(hex(zeroblob(51)), '0', 'a'))", Layout::PostgresSchema),
        ("INSERT INTO everything (flag) VALUES (1), (2)", Layout::Files),
        ("INSERT INTO everything (doc) VALUES ('{')", Layout::Postgres),
        ("INSERT INTO everything (exact) VALUES (0.12345678)", Layout::Postgres),
    ] {
        from.database.execute_unprepared("DELETE FROM everything").await.unwrap();
        from.database.execute_unprepared(sql).await.unwrap();
        let to = Place::new(layout).await;
        let to = to.site(SAMPLE);
        refusals.push(refusal(&from, &to).await);
        to.close().await;
    }
    assert_snapshot!(refusals.join("\n"), @r#"
    table `everything`: value "3000000000" is out of range for type integer; COPY everything, line 2, column whole: "3000000000"
    table `everything`: value too long for type character varying(100); COPY everything, line 1, column name: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa..."
    table `everything`: column `flag`, row 2 of its table: 2 is no truth value
    table `everything`: column `doc`, row 1 of its table: "{" is no JSON
    table `everything` would not keep what was copied into the target: other rows or values were there afterwards, such as numbers rounded to fewer digits
    "#);
    from.close().await;
}
