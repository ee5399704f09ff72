//! Dropping, emptying and adopting.

use std::time::Duration;

use backend_defaults::database::EnginePlan;
use database_tools::Site;
use database_tools::change::{Action, Dropped, Refusal};
use database_tools::inspect::{Counting, Facts, Stamp};
use sea_orm_migration::sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::json;
use test_servers::{MariaDb, Postgres, SqlServer};

use crate::facts::{Opener, backstages, migrated, run};
use crate::fixture::{LAYOUTS, Layout, OTHER, Place, SAMPLE, site};

async fn facts(site: &Site) -> Facts {
    site.facts(Counting::Exact).await.unwrap()
}

async fn refusals(site: &Site, action: Action, force: bool) -> Vec<String> {
    let refusals = site.refusals(&facts(site).await, action, force).await.unwrap();
    refusals.iter().map(ToString::to_string).collect()
}

/// Without what differs between runs.
fn told(site: &Site, text: &str) -> String {
    text.replace(&site.plan.info().location, "<location>")
}

fn sql_in(site: &Site, sql: &str) -> String {
    match &site.plan.engine {
        EnginePlan::Postgres(plan) => Postgres::shared().unwrap().sql_in(&plan.database, sql).unwrap(),
        EnginePlan::MySql(plan) => MariaDb::shared().unwrap().sql(&format!("USE `{}`; {sql}", plan.database)).unwrap(),
        EnginePlan::Sqlite(_) => panic!("it is a file"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stamped_is_dropped_and_can_be_made_again() {
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        let [site, other] = migrated(&place).await;
        assert_eq!(refusals(&site, Action::Drop, false).await, [""; 0], "{layout:?}");
        assert_eq!(site.drop_database(&facts(&site).await, false).await.unwrap(), Dropped::default());
        assert!(!facts(&site).await.exists, "{layout:?}");
        // Dropping what is not there is done.
        site.drop_database(&facts(&site).await, false).await.unwrap();
        assert_eq!(facts(&other).await.tables.len(), 1, "{layout:?}");
        if let Some(file) = site.file() {
            let left: Vec<_> = file.parent().unwrap().read_dir().unwrap().map(|it| it.unwrap().file_name()).collect();
            assert_eq!(left, ["other.sqlite"]);
        }
        site.provision().await.unwrap();
        assert_eq!(site.migrator().run().await.unwrap().applied.len(), 3, "{layout:?}");
        site.close().await;
        assert_eq!(facts(&place.site(SAMPLE)).await.rows(), (1, true), "{layout:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_go_and_identities_begin_again() {
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        let [site, _] = migrated(&place).await;
        // Three refer to each other.
        run(
            &place,
            SAMPLE,
            "INSERT INTO tree (title) VALUES ('a'); INSERT INTO tree (title, parent_id) VALUES ('b', 1); \
             INSERT INTO author (best_id) VALUES (NULL); INSERT INTO book (author_id) VALUES (1); \
             UPDATE author SET best_id = 1",
        )
        .await;
        assert_eq!(refusals(&site, Action::Truncate, false).await, [""; 0], "{layout:?}");
        let before = facts(&site).await;
        assert_eq!(before.rows(), (5, true), "{layout:?}");
        site.truncate(&before, false).await.unwrap();
        let after = facts(&site).await;
        assert_eq!(after.rows(), (0, true), "{layout:?}");
        assert_eq!(after.tables.len(), before.tables.len());
        assert_eq!((after.migrations.done.len(), after.migrations.pending.len()), (3, 0), "{layout:?}");
        assert_eq!(after.stamp, before.stamp);
        run(
            &place,
            SAMPLE,
            "INSERT INTO tree (title) VALUES ('a'); INSERT INTO tree (title, parent_id) VALUES ('b', 1)",
        )
        .await;
        let site = place.site(SAMPLE);
        let ids = site.database.execute_unprepared("UPDATE tree SET note = 'x' WHERE id IN (1, 2)").await.unwrap();
        assert_eq!(ids.rows_affected(), 2, "{layout:?}");
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_made_is_left_alone_until_it_is_adopted() {
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        backstages(&place).await;
        let site = place.site(SAMPLE);
        for action in [Action::Drop, Action::Truncate] {
            let refused = told(&site, &refusals(&site, action, true).await.join("\n"));
            insta::allow_duplicates! { insta::assert_snapshot!(refused, @"`sample`: <location> is Backstage's (`knex_migrations`), not stamped as Greenroom's, so that it is left alone; if you vouch that it may be destroyed, stamp it first: `backend db adopt --plugin sample`") }
        }
        site.adopt(&facts(&site).await).await.unwrap();
        let adopted = facts(&site).await;
        assert!(adopted.stamp.is_ours(), "{layout:?}");
        assert_eq!(adopted.tables.len(), 1, "{layout:?}");
        // Once more changes nothing.
        site.adopt(&adopted).await.unwrap();
        assert_eq!(facts(&site).await, adopted, "{layout:?}");
        assert_eq!(refusals(&site, Action::Drop, false).await, [""; 0], "{layout:?}");
        site.drop_database(&adopted, false).await.unwrap();
        assert!(!facts(&site).await.exists, "{layout:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_adopted_keeps_what_was_said_of_it() {
    let place = Place::new(Layout::PostgresSchema).await;
    let [site, _] = migrated(&place).await;
    sql_in(&site, "COMMENT ON SCHEMA sample IS 'it''s; mine'; DELETE FROM sample.greenroom_stamp");
    assert_eq!(facts(&site).await.stamp, Stamp::None);
    site.adopt(&facts(&site).await).await.unwrap();
    let comment = sql_in(&site, "SELECT obj_description('sample'::regnamespace, 'pg_namespace')");
    assert!(comment.ends_with(" for plugin sample; before: it's; mine"), "{comment}");
    assert_eq!(facts(&site).await.stamp, Stamp::Comment);
    assert_eq!(sql_in(&site, "SELECT plugin FROM sample.greenroom_stamp"), "sample");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_another_plugins_is_left_alone() {
    let place = Place::new(Layout::PostgresSchema).await;
    let [site, _] = migrated(&place).await;
    sql_in(&site, "COMMENT ON SCHEMA sample IS 'made by greenroom 0.1.0 for plugin other'");
    let refused = told(&site, &refusals(&site, Action::Drop, false).await.join("\n"));
    insta::assert_snapshot!(refused, @"`sample`: <location> is stamped as that of plugin `other`");
    let error = site.adopt(&facts(&site).await).await.unwrap_err();
    insta::assert_snapshot!(told(&site, &error.to_string()), @"`sample`: <location> is stamped as that of plugin `other`");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_of_others_are_ended_if_that_is_said() {
    for layout in [Layout::Postgres, Layout::PostgresSchema, Layout::MySql] {
        for action in [Action::Truncate, Action::Drop] {
            let place = Place::new(layout).await;
            let [site, _] = migrated(&place).await;
            let user = place.site(SAMPLE);
            let transaction = user.database.begin().await.unwrap();
            transaction.execute_unprepared("UPDATE settings SET value = 'x'").await.unwrap();
            let found = facts(&site).await;
            let session = found.sessions[0].to_string();
            let refused = told(&site, &refusals(&site, action, false).await.join("\n")).replace(&session, "<session>");
            insta::allow_duplicates! { insta::assert_snapshot!(refused, @"`sample`: <location> is in use: <session>; stop them, or end their sessions by `--force`") }
            assert_eq!(refusals(&site, action, true).await, [""; 0], "{layout:?}");
            match action {
                Action::Drop => drop(site.drop_database(&found, true).await.unwrap()),
                Action::Truncate => site.truncate(&found, true).await.unwrap(),
            }
            assert_eq!(facts(&site).await.rows(), (0, true), "{layout:?}");
            transaction.execute_unprepared("UPDATE settings SET value = 'y'").await.unwrap_err();
            drop(transaction);
            user.close().await;
        }
    }
}

/// A database that somebody came to use after it was looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_came_later_is_not_thrown_out() {
    let place = Place::new(Layout::Postgres).await;
    let [site, _] = migrated(&place).await;
    let found = facts(&site).await;
    let user = place.site(SAMPLE);
    user.database.execute_unprepared("UPDATE settings SET value = 'x'").await.unwrap();
    let error = site.drop_database(&found, false).await.unwrap_err();
    assert!(format!("{error:#}").contains("is being accessed by other users"), "{error:#}");
    user.close().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_are_never_ended() {
    let place = Place::new(Layout::Files).await;
    let [site, _] = migrated(&place).await;
    let found = facts(&site).await;
    let opener = Opener::of(site.file().unwrap());
    let refused = refusals(&site, Action::Drop, true).await.join("\n");
    let refused = told(&site, &refused).replace(&opener.pid().to_string(), "<pid>");
    insta::assert_snapshot!(refused, @"`sample`: <location> is in use: pid <pid>, application `sleep`; stop them first: a file cannot be taken from a process");
    drop(opener);
    // Who came after it was looked at is found by its lock.
    let user = place.site(SAMPLE);
    user.provision().await.unwrap();
    let error = site.drop_database(&found, true).await.unwrap_err();
    assert!(format!("{error:#}").contains("another process uses"), "{error:#}");
    assert!(site.file().unwrap().exists());
    user.close().await;
    site.drop_database(&found, true).await.unwrap();
    assert!(!site.file().unwrap().exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_outside_of_the_schema_goes_with_it() {
    let place = Place::new(Layout::PostgresSchema).await;
    let [site, _] = migrated(&place).await;
    assert_eq!(refusals(&site, Action::Drop, false).await, [""; 0]);
    sql_in(
        &site,
        "CREATE SCHEMA reports; \
         CREATE TYPE sample.mood AS ENUM ('good'); \
         CREATE FUNCTION sample.one() RETURNS integer LANGUAGE sql AS 'SELECT 1'; \
         CREATE TABLE sample.part (id integer) PARTITION BY RANGE (id)",
    );
    // In it, all of this may refer to each other; and what others made there need not be readable.
    sql_in(
        &site,
        "CREATE VIEW sample.titles AS SELECT title, sample.one() FROM sample.tree; \
         CREATE TABLE sample.moods (mood sample.mood DEFAULT 'good', n integer DEFAULT sample.one() CHECK (n > sample.one())); \
         CREATE TRIGGER t BEFORE UPDATE ON sample.moods FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger(); \
         CREATE TABLE sample.part_1 PARTITION OF sample.part FOR VALUES FROM (1) TO (10)",
    );
    assert_eq!(facts(&site).await.rows(), (1, false));
    assert_eq!(refusals(&site, Action::Drop, false).await, [""; 0]);
    sql_in(
        &site,
        "CREATE VIEW reports.titles AS SELECT title FROM sample.tree; \
         CREATE TABLE reports.note (tree_id integer CONSTRAINT of_tree REFERENCES sample.tree, mood sample.mood, \
            n integer DEFAULT sample.one()); \
         CREATE TABLE reports.part_2 PARTITION OF sample.part FOR VALUES FROM (10) TO (20)",
    );
    let found = facts(&site).await;
    insta::assert_snapshot!(told(&site, &refusals(&site, Action::Drop, true).await.join("\n")), @"`sample`: what is outside of <location> depends on it: `column mood of table reports.note`, `constraint of_tree on table reports.note`, `default value for column n of table reports.note`, `rule _RETURN on view reports.titles`, `table reports.part_2`; drop that first, if it may go");
    insta::assert_snapshot!(told(&site, &refusals(&site, Action::Truncate, true).await.join("\n")), @"`sample`: what is outside of <location> depends on it: `constraint of_tree on table reports.note`; drop that first, if it may go");
    // The check is also made by who drops.
    let error = site.drop_database(&found, true).await.unwrap_err();
    assert!(matches!(error.downcast_ref::<Refusal>(), Some(Refusal::Dependents { .. })), "{error:#}");
    assert_eq!(sql_in(&site, "SELECT count(*) FROM reports.titles"), "0");
    sql_in(&site, "DROP SCHEMA reports CASCADE");
    site.drop_database(&facts(&site).await, false).await.unwrap();
    assert!(!facts(&site).await.exists);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_keys_of_another_mysql_database() {
    let place = Place::new(Layout::MySql).await;
    let [site, other] = migrated(&place).await;
    let EnginePlan::MySql(plan) = &site.plan.engine else { panic!("it is MySQL") };
    let sql = format!(
        "CREATE TABLE note (id INTEGER, CONSTRAINT of_tree FOREIGN KEY (id) REFERENCES `{}`.tree (id))",
        plan.database
    );
    run(&place, OTHER, &sql).await;
    let EnginePlan::MySql(of_other) = &other.plan.engine else { panic!("it is MySQL") };
    let refused = told(&site, &refusals(&site, Action::Drop, true).await.join("\n"));
    insta::assert_snapshot!(refused.replace(&of_other.database, "<other>"), @"`sample`: what is outside of <location> depends on it: `foreign key of_tree of <other>.note`; drop that first, if it may go");
}

/// A row in a schema says nothing of the whole database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_in_other_schemas_of_a_database() {
    let place = Place::new(Layout::Postgres).await;
    let [site, _] = migrated(&place).await;
    sql_in(&site, "CREATE SCHEMA sales; CREATE TABLE sales.orders (id integer)");
    assert_eq!(refusals(&site, Action::Drop, false).await, [""; 0]);
    place.forget_comments(SAMPLE);
    assert_eq!(facts(&site).await.stamp, Stamp::Row);
    insta::assert_snapshot!(told(&site, &refusals(&site, Action::Drop, true).await.join("\n")), @"`sample`: <location> has tables in schemas that nobody says are the plugin's: `sales.orders`; move them, or stamp the whole database: `backend db adopt --plugin sample`");
    site.adopt(&facts(&site).await).await.unwrap();
    assert_eq!(refusals(&site, Action::Drop, false).await, [""; 0]);
    let found = facts(&site).await;
    assert_eq!(found.tables.last().unwrap().to_string(), "sales.orders");
    site.truncate(&found, false).await.unwrap();
    site.drop_database(&found, false).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_administrator_makes_is_theirs_to_drop() {
    for layout in [Layout::Postgres, Layout::PostgresSchema, Layout::MySql] {
        let mut place = Place::new(layout).await;
        migrated(&place).await;
        place.config["ensureExists"] = json!(false);
        let site = place.site(SAMPLE);
        assert_eq!(refusals(&site, Action::Truncate, false).await, [""; 0], "{layout:?}");
        let refused = refusals(&site, Action::Drop, false).await.join("\n");
        let refused = told(&site, &refused);
        let expected = match layout {
            Layout::PostgresSchema => "let an administrator run `DROP SCHEMA \"sample\" CASCADE`".to_owned(),
            _ => format!("let an administrator run `DROP DATABASE {}", if layout == Layout::MySql { '`' } else { '"' }),
        };
        assert!(refused.contains(&expected) && refused.contains("`backend.database.ensureExists` is off"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plugins_own_role_goes_too_if_nothing_else_is_its() {
    for layout in [Layout::Postgres, Layout::PostgresSchema] {
        let server = Postgres::shared().unwrap();
        let scratch = server.scratch();
        let login = scratch.login().unwrap();
        server.sql(&format!("ALTER ROLE {0} CREATEROLE CREATEDB", login.user)).unwrap();
        let mut config = json!({
            "client": "pg", "isolation": "role", "prefix": scratch.prefix(),
            "connection": { "host": server.host(), "port": server.port(), "user": login.user, "password": login.password },
        });
        if layout == Layout::PostgresSchema {
            config["pluginDivisionMode"] = json!("schema");
            config["connection"]["database"] = json!(login.database);
        }
        let make = async |plugin| {
            let made = site(&config, plugin);
            made.provision().await.unwrap();
            made.migrator().run().await.unwrap();
            made.close().await;
            site(&config, plugin)
        };
        let of_sample = make(SAMPLE).await;
        assert_eq!(refusals(&of_sample, Action::Drop, false).await, [""; 0], "{layout:?}");
        of_sample.truncate(&facts(&of_sample).await, false).await.unwrap();
        let dropped = of_sample.drop_database(&facts(&of_sample).await, false).await.unwrap();
        assert_eq!(
            dropped,
            Dropped { role: Some(format!("{}sample", scratch.prefix())), left: Vec::new() },
            "{layout:?}"
        );
        let found = facts(&of_sample).await;
        assert!(!found.exists, "{layout:?}");

        let of_other = make(OTHER).await;
        let role = format!("{}other", scratch.prefix());
        server
            .sql_in(
                &login.database,
                &format!("CREATE TABLE public.theirs (); ALTER TABLE public.theirs OWNER TO {role}"),
            )
            .unwrap();
        let dropped = of_other.drop_database(&facts(&of_other).await, false).await.unwrap();
        assert_eq!(dropped.role, None);
        let left = dropped.left.join("\n").replace(scratch.prefix(), "");
        insta::allow_duplicates! { insta::assert_snapshot!(left, @r#"the role "other" is left, as other things are its: role "other" cannot be dropped because some objects depend on it"#) }
        assert!(!facts(&of_other).await.exists, "{layout:?}");
        server.sql_in(&login.database, "DROP TABLE public.theirs").unwrap();
        server.sql(&format!("COMMENT ON ROLE {role} IS 'mine'")).unwrap();
        let of_other = make(OTHER).await;
        let dropped = of_other.drop_database(&facts(&of_other).await, false).await.unwrap();
        let left = dropped.left.join("\n").replace(scratch.prefix(), "");
        insta::allow_duplicates! { insta::assert_snapshot!(left, @r#"the role "other" is left, as it is not stamped as Greenroom's"#) }
    }
}

/// A file that is none of SQLite's says so, and stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_database_is_not_looked_at() {
    let place = Place::new(Layout::Files).await;
    let [site, _] = migrated(&place).await;
    std::fs::write(site.file().unwrap(), "not a database, but a text that is long enough to be one").unwrap();
    let error = tokio::time::timeout(Duration::from_secs(60), site.facts(Counting::Exact)).await.unwrap().unwrap_err();
    assert!(format!("{error:#}").contains("file is not a database"), "{error:#}");
}
