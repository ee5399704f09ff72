//! `--store` and `--data-dir`, over whatever the config says.

use insta::assert_snapshot;
use serde_json::{Value, json};
use test_servers::Postgres;

use crate::process::Home;

/// All that could be in the way, and does not even exist.
const ELSEWHERE: &str = "
backend:
  listen: '127.0.0.1:0'
  database:
    client: pg
    connection: {host: nowhere.invalid, user: nobody, password: none}
    pluginDivisionMode: schema
    isolation: role
    migrationConnection: {host: elsewhere.invalid}
    plugin:
      todo: {client: mysql2, connection: {host: nowhere.invalid, user: nobody}, knexConfig: {pool: {max: 3}}}
";

fn said(home: &Home, args: &[&str]) -> (Option<i32>, String, String) {
    let output = home.command().args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Where the plugins' data is, by what the backend says when it has started with these.
fn started(home: &Home, args: &[&str], variables: &[(&str, &str)]) -> Vec<Value> {
    let backend = home.spawn(home.command().args(args).envs(variables.iter().copied()));
    let plugins = backend.started.iter().filter(|it| it["plugin"].is_string() && it["location"].is_string());
    let places = plugins.map(|it| json!([it["plugin"], it["database"], it["location"]])).collect();
    backend.signal("TERM");
    assert_eq!(backend.ended().0, Some(0));
    places
}

#[test]
fn memory() {
    let home = Home::shipped(ELSEWHERE);
    for args in [["start", "--store", "memory"], ["--store", "memory", "start"]] {
        assert_eq!(
            started(&home, &args, &[]),
            [json!(["catalog", "better-sqlite3", "in memory"]), json!(["todo", "better-sqlite3", "in memory"])]
        );
    }
}

#[test]
fn files() {
    let home = Home::shipped(ELSEWHERE);
    let places = started(&home, &["start", "--store", "fs", "--data-dir", "kept/here"], &[]);
    assert_eq!(places[1], json!(["todo", "better-sqlite3", "kept/here/todo.sqlite"]));
    assert!(home.path().join("kept/here/catalog.sqlite").exists());
    let places = started(&home, &["--store", "fs"], &[]);
    assert_eq!(places[1], json!(["todo", "better-sqlite3", ".data/todo.sqlite"]));
    assert!(home.path().join(".data/todo.sqlite").exists());
}

#[test]
fn postgres() {
    let server = Postgres::shared().unwrap();
    let scratch = server.scratch();
    let home = Home::shipped(ELSEWHERE);
    home.write(
        "names.yaml",
        &format!(
            "backend: {{database: {{prefix: '{}', pluginDivisionMode: database, isolation: none}}}}",
            scratch.prefix()
        ),
    );
    let port = server.port().to_string();
    let variables =
        [("PGHOST", server.host()), ("PGPORT", &port), ("PGUSER", server.user()), ("PGPASSWORD", server.password())];
    let config = ["--config", "app-config.yaml", "--config", "app-config.local.yaml", "--config", "names.yaml"];
    let places = started(&home, &[&["start", "--store", "pg"], &config[..]].concat(), &variables);
    let at = |plugin: &str| format!("{}:{port}/{}{plugin}", server.host(), scratch.prefix());
    assert_eq!(places, [json!(["catalog", "pg", at("catalog")]), json!(["todo", "pg", at("todo")])]);
}

#[test]
fn explain_names_the_option() {
    let home = Home::shipped(ELSEWHERE);
    let (code, text, _) = said(&home, &["config", "explain", "backend.database.client", "--store", "fs"]);
    assert_eq!(code, Some(0));
    assert_snapshot!(text, @r"
    backend.database.client

      value        better-sqlite3
      type         string
      origin       `--store fs`
      overrides    pg, app-config.local.yaml:5:13
      overrides    better-sqlite3, app-config.yaml:22:13
      variable     APP_CONFIG_backend_database_client
      description  `better-sqlite3` or `sqlite3`, which are the same; `pg`; `mysql2` or `mysql`, which are the same; `embedded-postgres`, a private PostgreSQL run from the binaries on this machine.
      default      better-sqlite3
      visibility   backend
      change       needs a restart
    ");
    let (_, text, _) = said(&home, &["--store", "memory", "config", "explain", "backend.database.plugin.todo.client"]);
    assert_snapshot!(text.lines().take(5).collect::<Vec<_>>().join("\n"), @r"
    backend.database.plugin.todo.client

      value        absent
      type         string
      origin       `--store memory`
    ");
    let (code, _, stderr) = said(&home, &["config", "check", "--strict", "--store", "fs"]);
    assert_eq!(code, Some(0), "{stderr}");
    // What is not of the store holds.
    let (_, text, _) = said(&home, &["config", "print", "--store", "pg"]);
    assert!(text.contains("max: 3") && text.contains("pluginDivisionMode: schema"), "{text}");
}

#[test]
fn other_commands_have_it_too() {
    let home = Home::shipped(ELSEWHERE);
    let (code, text, stderr) = said(&home, &["plugin", "list", "--json", "--store", "fs", "--data-dir", "kept"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        list["plugins"][0]["database"],
        json!({ "client": "better-sqlite3", "location": "kept/catalog.sqlite" })
    );
}

#[test]
fn what_makes_no_sense_is_wrong_usage() {
    let home = Home::shipped("");
    let (code, _, stderr) = said(&home, &["start", "--data-dir", "x"]);
    assert_eq!(code, Some(2));
    assert_snapshot!(stderr, @"error: `--data-dir` is for `--store fs`, which keeps data in SQLite files");
    assert_eq!(said(&home, &["--store", "pg", "db", "drift", "--data-dir", "x"]), (Some(2), String::new(), stderr));
    let (code, _, stderr) = said(&home, &["start", "--store", "pgg"]);
    assert_eq!(code, Some(2));
    assert_snapshot!(stderr, @r"
    error: invalid value 'pgg' for '--store <WHERE>'
      [possible values: memory, fs, pg]

      tip: a similar value exists: 'pg'

    For more information, try '--help'.
    ");
}
