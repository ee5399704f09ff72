//! `db create`, `db migrate` and `db rollback`.

use insta::assert_snapshot;
use serde_json::{Value, json};
use test_servers::{MariaDb, Postgres};

use super::run;
use crate::process::Home;

/// `backend.database` for each layout, and what keeps its names until the test is over.
fn layouts() -> Vec<(Home, Box<dyn std::any::Any>)> {
    let home = |database: &Value| {
        Home::shipped(&json!({ "backend": { "listen": "127.0.0.1:0", "database": database } }).to_string())
    };
    let files = home(&json!({ "connection": { "directory": "data" } }));
    let server = Postgres::shared().unwrap();
    let connection =
        json!({ "host": server.host(), "port": server.port(), "user": server.user(), "password": server.password() });
    let databases = server.scratch();
    let postgres =
        home(&json!({ "client": "pg", "prefix": databases.prefix(), "connection": connection, "ensureExists": false }));
    let schemas = server.scratch();
    let mut connection = connection;
    connection["database"] = format!("{}portal", schemas.prefix()).into();
    let schema =
        home(&json!({ "client": "pg", "pluginDivisionMode": "schema", "connection": connection, "isolation": "role",
        "prefix": schemas.prefix(), "skipMigrations": true }));
    let server = MariaDb::shared().unwrap();
    let connection =
        json!({ "host": server.host(), "port": server.port(), "user": server.user(), "password": server.password() });
    let names = server.scratch();
    let mysql = home(
        &json!({ "client": "mysql2", "prefix": names.prefix(), "connection": connection, "migrations": "verify" }),
    );
    vec![(files, Box::new(())), (postgres, Box::new(databases)), (schema, Box::new(schemas)), (mysql, Box::new(names))]
}

#[tokio::test]
async fn made_migrated_and_back() {
    for (home, _names) in layouts() {
        let db = |args: &[&str]| run(&mut home.command(), args);
        let (code, text, stderr) = db(&["create", "--json"]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        let made: Value = serde_json::from_str(&text).unwrap();
        for plugin in ["catalog", "todo"] {
            assert!(!made["plugins"][plugin]["made"].as_array().unwrap().is_empty(), "{text}");
        }
        assert_eq!(
            db(&["create"]),
            (Some(0), "catalog: all of it was there\ntodo: all of it was there\n".to_owned(), String::new())
        );

        insta::allow_duplicates! {
            assert_snapshot!(db(&["migrate", "--plugin", "todo"]).1, @r"
            todo: applied
              `m20260101_000001_stamp` (of the host)
              `m20260101_000001_create_todos`
            ");
            assert_snapshot!(db(&["migrate"]).1, @r"
            catalog: applied
              `m20260101_000001_stamp` (of the host)
              `m20260101_create_catalog`
            todo: nothing to apply
            ");
            assert_snapshot!(db(&["migrate", "--plugin", "catalog", "--json"]).1, @r#"
            {
              "plugins": {
                "catalog": {
                  "applied": [],
                  "pending": [],
                  "ephemeral": false
                }
              }
            }
            "#);
        }
        let (code, text, _) = db(&["plan"]);
        assert_eq!(code, Some(0), "{text}");

        let (code, text, stderr) = db(&["rollback", "--plugin", "todo"]);
        assert_eq!((code, text.as_str()), (Some(2), ""), "{stderr}");
        let (code, text, stderr) = db(&["rollback", "--plugin", "todo", "--yes"]);
        assert_eq!(code, Some(0), "{stderr}");
        insta::allow_duplicates! { assert_snapshot!(text, @r"
        todo: undone
          `m20260101_000001_create_todos`
        ") };
        assert!(stderr.starts_with("these are undone, with the data that is in what they made:\ntodo ("), "{stderr}");
        assert!(stderr.ends_with("):\n  `m20260101_000001_create_todos`\n"), "{stderr}");
        assert_eq!(db(&["rollback", "--plugin", "todo", "--yes"]).1, "todo: nothing to undo\n");
        // A start that skips migrations has nothing to do.
        let skips = made["plugins"]["todo"]["made"].as_array().unwrap().iter().any(|it| it["kind"] == "role");
        assert_eq!(db(&["plan"]).0, Some(if skips { 0 } else { 3 }));
        assert!(db(&["migrate"]).1.ends_with("todo: applied\n  `m20260101_000001_create_todos`\n"));
        assert_eq!(db(&["plan"]).0, Some(0));
    }
}

#[test]
fn what_was_made() {
    let (home, _names) = layouts().remove(0);
    assert_snapshot!(run(&mut home.command(), &["create"]).1, @r"
    catalog: made file `data/catalog.sqlite`
    todo: made file `data/todo.sqlite`
    ");
    let home = Home::shipped("");
    assert_snapshot!(run(&mut home.command(), &["create"]).1, @r"
    catalog: in memory, made by each start
    todo: in memory, made by each start
    ");
    assert_snapshot!(run(&mut home.command(), &["migrate"]).1, @r"
    catalog: in memory, migrated by each start
    todo: in memory, migrated by each start
    ");
}

#[test]
fn migrated_as_far_as_asked_for() {
    let (home, _names) = layouts().remove(0);
    let db = |args: &[&str]| run(&mut home.command(), args);
    assert_snapshot!(db(&["migrate", "--plugin", "todo", "--to", "m20260101_000001_create_todo"]).2, @"error: plugin `todo` has no migration `m20260101_000001_create_todo`; did you mean `m20260101_000001_create_todos`?");
    let (code, _, stderr) = db(&["migrate", "--to", "x"]);
    assert_eq!(code, Some(2));
    assert_snapshot!(stderr, @"error: `--to` is a migration of one plugin: say which, by one `--plugin`");
    assert_snapshot!(db(&["migrate", "--plugin", "todo", "--to", "x"]).2, @"error: plugin `todo` has no migration `x`; there are `m20260101_000001_create_todos`");
    assert!(!home.path().join("data").exists());
    let (code, text, _) = db(&["migrate", "--plugin", "todo", "--to", "m20260101_000001_create_todos"]);
    assert_eq!(code, Some(0));
    assert_snapshot!(text, @r"
    todo: applied
      `m20260101_000001_stamp` (of the host)
      `m20260101_000001_create_todos`
    ");
}

#[test]
fn what_is_not_undone() {
    let (home, _names) = layouts().remove(0);
    let db = |args: &[&str]| run(&mut home.command(), &[&["rollback", "--yes"], args].concat());
    let refused = |args: &[&str]| {
        let (code, text, stderr) = db(args);
        assert_eq!((code, text.as_str()), (Some(2), ""), "{stderr}");
        stderr
    };
    assert_snapshot!(refused(&[]), @"error: say whose migrations are to be undone, by `--plugin`");
    assert_snapshot!(refused(&["--plugin", "todo", "--plugin", "catalog", "--to", "x"]), @"error: `--to` is a migration of one plugin: say which, by one `--plugin`");
    assert_snapshot!(refused(&["--plugin", "todo", "--to", "x"]), @"error: plugin `todo` has no migration that was applied");
    assert!(refused(&["--plugin", "todo", "--steps", "0"]).contains("--steps"));
    assert!(!home.path().join("data").exists());
    assert_eq!(run(&mut home.command(), &["migrate"]).0, Some(0));
    assert_snapshot!(refused(&["--plugin", "todo", "--steps", "2"]), @"error: plugin `todo` has applied 1 migration: 2 cannot be undone");
    assert_snapshot!(refused(&["--plugin", "todo", "--to", "m20260101_000001_create_todo"]), @"error: plugin `todo` has not applied the migration `m20260101_000001_create_todo`; did you mean `m20260101_000001_create_todos`?");
    let to_the_last = db(&["--plugin", "todo", "--to", "m20260101_000001_create_todos", "--json"]);
    assert_snapshot!(to_the_last.1, @r#"
    {
      "plugins": {
        "todo": {
          "undone": []
        }
      }
    }
    "#);
    let production = run(home.command().env("BACKSTAGE_ENV", "production"), &["rollback", "--plugin", "todo", "--yes"]);
    assert_eq!(production.0, Some(1));
    assert_snapshot!(production.2, @"error: `BACKSTAGE_ENV` says that this is production: nothing is destroyed here without `--production`");
    let production = ["rollback", "--plugin", "todo", "--yes", "--production"];
    assert_eq!(run(home.command().env("BACKSTAGE_ENV", "production"), &production).0, Some(0));
}

/// One that cannot be made does not keep the other from it.
#[test]
fn who_may_not() {
    let server = Postgres::shared().unwrap();
    let scratch = server.scratch();
    let login = scratch.login().unwrap();
    let home = Home::with_config(
        &json!({ "backend": { "database": { "client": "pg", "prefix": scratch.prefix(),
        "connection": { "host": server.host(), "port": server.port(), "user": login.user, "password": login.password },
        "plugin": { "catalog": { "connection": { "database": login.database } } } } } })
        .to_string(),
    );
    let (code, text, stderr) = run(&mut home.command(), &["create"]);
    assert_eq!((code, text.as_str()), (Some(1), "catalog: all of it was there\n"));
    assert_snapshot!(stderr.replace(scratch.prefix(), "<p>"), @r#"error: plugin `todo`: role "<p>0" may not create the database "<p>todo": let a superuser run `ALTER ROLE "<p>0" CREATEDB`, or `CREATE DATABASE "<p>todo" OWNER "<p>0"`; or name who may in `backend.database.admin`"#);
    let (code, text, stderr) = run(&mut home.command(), &["migrate"]);
    assert_eq!(code, Some(1));
    assert!(
        text.starts_with("catalog: applied\n") && stderr.starts_with("error: plugin `todo`: role "),
        "{text}{stderr}"
    );
}
