use insta::assert_snapshot;
use serde_json::{Value, json};
use test_servers::Postgres;

use super::layouts::{files, places, postgres_schema};
use super::run;
use crate::process::Home;

fn help_of(args: &[&str]) -> String {
    run(&mut Home::with_config("").command(), args).1
}

#[test]
fn what_differs_is_shown_with_what_mends_it() {
    let place = files();
    let drift = |args: &[&str]| run(&mut place.home.command(), &[&["drift"], args].concat());
    let (code, text, stderr) = drift(&[]);
    assert_eq!((code, stderr.as_str()), (Some(3), ""));
    assert_snapshot!(text, @r"
    catalog (data/catalog.sqlite): is not there: `backend db create` makes it
    todo (data/todo.sqlite): is not there: `backend db create` makes it
    ");
    let place = place.migrated();
    let drift = |args: &[&str]| run(&mut place.home.command(), &[&["drift"], args].concat());
    let (code, text, stderr) = drift(&[]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_snapshot!(text, @r"
    catalog (data/catalog.sqlite): as migrations make it
    todo (data/todo.sqlite): as migrations make it
    ");

    let sqlite3 = |sql: &str| {
        let (code, _, stderr) = run(&mut place.home.command(), &["shell", "todo", "--", sql]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
    };
    sqlite3("CREATE TABLE notes (id integer PRIMARY KEY, text text); ALTER TABLE todos ADD COLUMN colour text");
    let (code, text, stderr) = drift(&["--plugin", "todo"]);
    assert_eq!((code, stderr.as_str()), (Some(3), ""));
    assert_snapshot!(text, @r#"
    todo (data/todo.sqlite): is not as migrations make it (- there, + by migrations)

      table notes, made by no migration
        - column id integer
        - column text text
        - primary key (id)

      table todos
        - column colour text

      SQL to mend it, to be read before it is run:

        -- DROP TABLE "notes";
        -- ALTER TABLE "todos" DROP COLUMN "colour";
    "#);

    let (code, text, _) = drift(&["--json"]);
    assert_eq!(code, Some(3));
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["plugins"]["catalog"]["state"], "same");
    assert_eq!(report["plugins"]["todo"]["state"], "differs");
    let names: Vec<_> =
        report["plugins"]["todo"]["differences"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["notes", "todos"]);
    assert_eq!(report["plugins"]["todo"]["differences"][0]["state"], "extra");
}

#[test]
fn each_layout_is_compared_with_itself() {
    for place in places() {
        let place = place.migrated();
        let (code, text, stderr) = run(&mut place.home.command(), &["drift", "--json"]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{}: {text}", place.layout);
        let report: Value = serde_json::from_str(&text).unwrap();
        for plugin in ["catalog", "todo"] {
            assert_eq!(report["plugins"][plugin]["state"], "same", "{}", place.layout);
            assert_eq!(report["plugins"][plugin]["differences"], json!([]), "{}", place.layout);
        }
    }
}

/// A migration is made to hang, the command is interrupted, and nothing is left behind.
#[test]
fn an_interrupted_comparison_drops_what_it_made() {
    let place = postgres_schema().migrated();
    let server = Postgres::shared().unwrap();
    let database = place.database.clone().unwrap();
    let sql = |sql: &str| server.sql_in(&database, sql).unwrap();
    sql("CREATE FUNCTION hang() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(600); END'; \
         CREATE EVENT TRIGGER hang ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION hang()");
    let mut command = place.home.command();
    let child = command.args(["db", "drift", "--plugin", "todo"]).spawn().unwrap();
    let hangs =
        format!("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = '{database}'");
    let scratches = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'greenroom_scratch_%'";
    while sql(&hangs).trim() != "1" {
        std::thread::yield_now();
    }
    assert_eq!(sql(scratches).trim(), "1");
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @"error: todo: interrupted");
    assert_eq!(sql(scratches).trim(), "0");
}

#[test]
fn what_is_in_memory_is_as_migrations_make_it() {
    let (code, text, _) = run(&mut Home::shipped("").command(), &["drift"]);
    assert_eq!(code, Some(0));
    assert_snapshot!(text, @r"
    catalog (in memory): migrations make it at each start
    todo (in memory): migrations make it at each start
    ");
}

#[test]
fn a_plugin_that_there_is_not_is_wrong_usage() {
    let (code, stdout, stderr) = run(&mut Home::shipped("").command(), &["drift", "--plugin", "tood"]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert_snapshot!(stderr, @"error: there is no plugin `tood` with a database; did you mean `todo`?");
}

#[test]
fn help() {
    assert_snapshot!(help_of(&["drift", "--help"]), @r"
    Compare the tables that are there with those that migrations make

    Usage: backend db drift [OPTIONS]

    Options:
          --plugin <ID>                    This plugin alone. Repeatable
          --json                           As JSON
          --config <FILE|URL>              Config file, or its URL, to read instead of `app-config.yaml` and the like in the working directory or above. Repeatable: a later one overrides an earlier one
          --env-file <FILE>                File of variables, as `NAME=value`, for what the environment does not have. Repeatable
          --config-reload-interval <TIME>  How often to ask the URLs among the config's files for changes: `60s`, `5m`, a number of seconds [default: 60s]
          --store <WHERE>                  Where all plugins keep their data, whatever `backend.database` says: `memory`, `fs` (SQLite files in `--data-dir`), or `pg` (the PostgreSQL that `PGHOST`, `PGUSER`, ... name)
          --data-dir <FOLDER>              The folder of `--store fs`, with a SQLite file for each plugin. Default: `.data`
      -h, --help                           Print help

    Migrations run in a scratch database beside the plugin's (in schema mode, and for a role that may make no databases, a
    schema in the same database; for SQLite, memory), which is dropped at the end. Names of databases and schemas, owners,
    rights, collations and the order of columns do not count. Nothing is changed: the SQL that mends a difference is shown,
    and what would destroy something is in comments.

    Exit codes: 0 no difference, 3 there are differences, migrations to apply, or databases to make, 1 it failed.

    Example:
      backend db drift
      backend db drift --plugin catalog --json | jq -r .plugins.catalog.sql
    ");
}
