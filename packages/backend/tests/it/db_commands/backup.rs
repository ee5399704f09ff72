//! `db backup`, `db restore` and `db verify`.

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use insta::assert_snapshot;
use reqwest::Client;
use serde_json::{Value, json};
use test_servers::{MariaDb, Postgres, PostgresAddress, Scratch, SqlServer as _};

use super::run;
use crate::process::{Backend, Home};

/// Where a backend's data is, and what becomes of it in a disaster.
struct Place {
    home: Home,
    disaster: Box<dyn Fn()>,
}

fn home(database: &Value) -> Home {
    Home::shipped(&json!({ "backend": { "listen": "127.0.0.1:0", "database": database } }).to_string())
}

fn files() -> Place {
    let home = home(&json!({ "connection": { "directory": "data" } }));
    let data = home.path().join("data");
    Place { home, disaster: Box::new(move || fs::remove_dir_all(&data).unwrap()) }
}

/// `schema`: one database for all, with a schema for each plugin.
fn postgres(schema: bool) -> Place {
    let server = Postgres::shared().unwrap();
    let names = server.scratch();
    let mut connection =
        json!({ "host": server.host(), "port": server.port(), "user": server.user(), "password": server.password() });
    let mode = if schema { "schema" } else { "database" };
    if schema {
        connection["database"] = format!("{}portal", names.prefix()).into();
    }
    let home = home(
        &json!({ "client": "pg", "prefix": names.prefix(), "pluginDivisionMode": mode, "connection": connection }),
    );
    Place { home, disaster: Box::new(move || server.drop_all(names.prefix()).unwrap()) }
}

fn mysql() -> Place {
    let server = MariaDb::shared().unwrap();
    let names = server.scratch();
    let connection =
        json!({ "host": server.host(), "port": server.port(), "user": server.user(), "password": server.password() });
    let home = home(&json!({ "client": "mysql2", "prefix": names.prefix(), "connection": connection }));
    Place { home, disaster: Box::new(move || server.drop_all(names.prefix()).unwrap()) }
}

/// What ten routes answer.
async fn answers(backend: &Backend, uid: &str) -> Vec<(u16, Vec<u8>)> {
    let mut answers = Vec::new();
    for path in [
        "/api/catalog/entities",
        "/api/catalog/entities?filter=kind=component",
        "/api/catalog/entities?filter=spec.owner&fields=kind,metadata.name",
        "/api/catalog/entities?limit=3&order=asc:metadata.name",
        "/api/catalog/entities?limit=2&order=desc:metadata.name",
        "/api/catalog/entity-facets?facet=kind&facet=metadata.tags",
        "/api/catalog/entity-facets?facet=spec.type&filter=kind=component",
        "/api/catalog/entities/by-name/component/default/none",
        "/api/todo/todos",
        &format!("/api/catalog/entities/by-uid/{uid}"),
    ] {
        let answer = reqwest::get(backend.url(path)).await.unwrap();
        let status = answer.status().as_u16();
        answers.push((status, answer.bytes().await.unwrap().to_vec()));
    }
    assert_eq!(answers.last().unwrap().0, 200);
    answers
}

/// The id that an entity was given when it was first seen.
async fn uid(backend: &Backend) -> String {
    let one: Value = reqwest::get(backend.url("/api/catalog/entities?limit=1")).await.unwrap().json().await.unwrap();
    one[0]["metadata"]["uid"].as_str().unwrap().to_owned()
}

/// Starts a backend and adds to what it has.
async fn fill(home: &Home) -> (String, Vec<(u16, Vec<u8>)>) {
    let backend = home.start();
    for title in ["milk", "it's \"bread\"", "\u{1F600}"] {
        let post = Client::new().post(backend.url("/api/todo/todos")).json(&json!({ "title": title }));
        assert_eq!(post.send().await.unwrap().status(), 201);
    }
    let uid = uid(&backend).await;
    let answers = answers(&backend, &uid).await;
    backend.signal("TERM");
    assert_eq!(backend.ended().0, Some(0));
    (uid, answers)
}

/// Without what differs between runs: sizes and times.
fn columns(text: &str) -> String {
    let lines = text.lines().map(|it| it.split_whitespace().take(3).collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn after_a_disaster_it_answers_the_same() {
    for place in [files(), postgres(false), postgres(true), mysql()] {
        let Place { home, disaster } = place;
        let (uid, before) = fill(&home).await;
        let db = |args: &[&str]| run(&mut home.command(), args);
        let (code, text, stderr) = db(&["backup", "backup"]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        insta::allow_duplicates! { assert_snapshot!(columns(&text), @r"
        plugin tables rows
        catalog 5 584
        todo 1 3
        "); }
        let (code, text, stderr) = db(&["verify", "backup"]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        insta::allow_duplicates! { assert_snapshot!(columns(&text), @r"
        plugin tables rows
        catalog 5 584
        todo 1 3
        "); }
        // Nothing is restored over what is there; the same is as good.
        let (code, _, stderr) = db(&["restore", "backup"]);
        assert_eq!(code, Some(0));
        insta::allow_duplicates! { assert_snapshot!(stderr, @r"
        plugin `catalog`: all of it was there already
        plugin `todo`: all of it was there already
        "); }

        disaster();
        let (code, text, stderr) = db(&["restore", "backup", "--json"]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        let restored: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(restored["plugins"]["todo"]["rows"], 3);
        let backend = home.start();
        assert!(answers(&backend, &uid).await == before);
        // Numbers go on.
        let post = Client::new().post(backend.url("/api/todo/todos")).json(&json!({ "title": "next" }));
        assert_eq!(post.send().await.unwrap().json::<Value>().await.unwrap()["id"], 4);
        backend.signal("TERM");
        assert_eq!(backend.ended().0, Some(0));

        let (code, stdout, stderr) = db(&["restore", "backup", "--plugin", "todo"]);
        assert_eq!((code, stdout.as_str()), (Some(1), ""));
        assert!(
            stderr.contains("plugin `todo`: the target ") && stderr.contains("table `todos` has 4 rows"),
            "{stderr}"
        );
    }
}

#[tokio::test]
async fn files_become_databases_on_a_server() {
    let from = files();
    let (uid, before) = fill(&from.home).await;
    let folder = from.home.path().join("backup");
    let folder = folder.to_str().unwrap();
    assert_eq!(run(&mut from.home.command(), &["backup", folder]).0, Some(0));
    for place in [postgres(false), postgres(true), mysql()] {
        // Entities say where their files are.
        let config = fs::read_to_string(place.home.path().join("app-config.local.yaml")).unwrap();
        from.home.write("app-config.local.yaml", &config);
        let (code, _, stderr) = run(&mut from.home.command(), &["restore", folder]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        let backend = from.home.start();
        assert!(answers(&backend, &uid).await == before);
        backend.signal("TERM");
        assert_eq!(backend.ended().0, Some(0));
        (place.disaster)();
    }
}

#[test]
fn what_is_damaged_is_named() {
    let Place { home, .. } = files();
    let db = |args: &[&str]| run(&mut home.command(), args);
    assert_eq!(db(&["migrate"]).0, Some(0));
    assert_eq!(db(&["backup", "backup"]).0, Some(0));
    let file = home.path().join("backup/todo/todos.jsonl.zst");
    fs::write(&file, b"x").unwrap();
    fs::remove_dir_all(home.path().join("data")).unwrap();
    for command in ["verify", "restore"] {
        let (code, stdout, stderr) = db(&[command, "backup"]);
        assert_eq!(code, Some(1));
        assert_eq!(columns(&stdout).lines().nth(1).map(|it| it.starts_with("catalog")), Some(true), "{stdout}");
        assert!(
            stderr.contains("plugin `todo`: table `todos`: `backup/todo/todos.jsonl.zst` is damaged: it has 1 bytes"),
            "{stderr}"
        );
    }
    let (code, stdout, _) = db(&["verify", "backup", "--plugin", "todo", "--json"]);
    assert_eq!(code, Some(1));
    let said: Value = serde_json::from_str(&stdout).unwrap();
    assert!(said["plugins"]["todo"]["error"].as_str().unwrap().contains("is damaged"));
}

#[test]
fn what_cannot_be() {
    let Place { home, .. } = files();
    let db = |args: &[&str]| {
        let (code, stdout, stderr) = run(&mut home.command(), args);
        assert_eq!(stdout, "");
        format!("{}: {stderr}", code.unwrap())
    };
    assert_snapshot!(db(&["backup", "backup"]), @r"
    1: nothing was backed up
    error: plugin `catalog`: data/catalog.sqlite is not there
    error: plugin `todo`: data/todo.sqlite is not there
    ");
    assert!(!home.path().join("backup").exists());
    assert_snapshot!(db(&["backup", "examples"]), @"1: error: `examples` is not empty: name a folder that is, or that is not there");
    assert_snapshot!(db(&["backup", "app-config.yaml/backup"]), @"1: error: cannot make `app-config.yaml/backup`: File exists (os error 17)");
    assert_snapshot!(db(&["backup", "app-config.yaml"]), @"1: error: cannot read `app-config.yaml`: Not a directory (os error 20)");
    assert_snapshot!(db(&["restore", "none"]), @"1: error: `none` is no backup: it has no `manifest.json`, which is written when all else is (one that was interrupted has none)");
    assert_snapshot!(db(&["verify", "examples"]), @"1: error: `examples` is no backup: it has no `manifest.json`, which is written when all else is (one that was interrupted has none)");
    assert_snapshot!(db(&["backup", "backup", "--plugin", "tood"]), @"2: error: there is no plugin `tood` with a database; did you mean `todo`?");
    // What others have.
    assert_eq!(run(&mut home.command(), &["migrate"]).0, Some(0));
    assert_eq!(run(&mut home.command(), &["backup", "backup", "--plugin", "todo"]).0, Some(0));
    assert_snapshot!(db(&["verify", "backup", "--plugin", "catalog"]), @"1: error: the backup has no plugin `catalog`; it has `todo`");
    let (code, _, stderr) = run(&mut home.command(), &["verify", "backup"]);
    assert_snapshot!(format!("{code:?} {stderr}"), @"Some(0) the backup has nothing of `catalog`, which stays as it is");
    home.write("app-config.local.yaml", "{}");
    let (code, _, stderr) = run(&mut home.command(), &["restore", "backup", "--plugin", "todo"]);
    assert_snapshot!(format!("{code:?} {stderr}"), @"Some(1) error: plugin `todo`: cannot read the target: the database of `todo` is in memory: nobody else can open it");
    let (code, _, stderr) = run(&mut home.command(), &["verify", "backup", "--plugin", "todo"]);
    assert_snapshot!(format!("{code:?} {stderr}"), @"Some(0)");
    let manifest = home.path().join("backup/manifest.json");
    fs::write(&manifest, fs::read_to_string(&manifest).unwrap().replacen("\"todo\": {", "\"done\": {", 1)).unwrap();
    assert_snapshot!(db(&["restore", "backup"]), @"1: error: the backup has plugins that this backend does not: `done`");
}

/// As large as a file may get: what a disk without room does.
#[test]
fn a_disk_without_room() {
    let Place { home, .. } = files();
    assert_eq!(run(&mut home.command(), &["migrate"]).0, Some(0));
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_backend")]);
    command.current_dir(home.path());
    let (code, _, stderr) = run(&mut command, &["backup", "backup", "--plugin", "todo"]);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("plugin `todo`: cannot copy ") && stderr.contains("copy.sqlite"), "{stderr}");
    assert!(!home.path().join("backup").exists());
}

/// Keeps others from reading a table until it is dropped.
struct TableLock(Child);

impl TableLock {
    fn take(server: &PostgresAddress, database: &str, table: &str) -> Self {
        let mut psql = Command::new("psql");
        psql.args(["-h", server.host(), "-p", &server.port().to_string(), "-U", server.user(), "-At", "-d", database]);
        psql.env("PGPASSWORD", server.password()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = psql.spawn().unwrap();
        writeln!(child.stdin.as_mut().unwrap(), "BEGIN; LOCK TABLE {table}; SELECT 'locked';").unwrap();
        let mut said = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        assert!(said.any(|it| it.unwrap() == "locked"));
        Self(child)
    }
}

impl Drop for TableLock {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A backup that waits for a table, with all that comes before written.
fn half_way(home: &Home, folder: &Path) -> Child {
    let child = home.command().args(["db", "backup"]).arg(folder).spawn().unwrap();
    while !folder.join("todo/todos.jsonl.zst").exists() {
        std::thread::yield_now();
    }
    child
}

#[test]
fn what_is_ended_half_way_is_no_backup() {
    let server = Postgres::shared().unwrap();
    let names: Scratch<PostgresAddress> = server.scratch();
    let connection =
        json!({ "host": server.host(), "port": server.port(), "user": server.user(), "password": server.password() });
    let home = home(&json!({ "client": "pg", "prefix": names.prefix(), "connection": connection }));
    let db = |args: &[&str]| run(&mut home.command(), args);
    assert_eq!(db(&["migrate"]).0, Some(0));
    let lock = TableLock::take(server, &format!("{}todo", names.prefix()), "todos");

    let mut killed = half_way(&home, &home.path().join("killed"));
    killed.kill().unwrap();
    killed.wait().unwrap();
    let (code, _, stderr) = db(&["verify", "killed"]);
    assert_eq!(code, Some(1));
    assert_snapshot!(stderr, @"error: `killed` is no backup: it has no `manifest.json`, which is written when all else is (one that was interrupted has none)");
    assert_eq!(db(&["restore", "killed"]).0, Some(1));

    let stopped = half_way(&home, &home.path().join("stopped"));
    let signal = Command::new("kill").args(["-TERM", &stopped.id().to_string()]).status().unwrap();
    assert!(signal.success());
    let stopped = stopped.wait_with_output().unwrap();
    assert_eq!(stopped.status.code(), Some(1));
    assert_snapshot!(String::from_utf8(stopped.stderr).unwrap(), @"error: stopped by SIGTERM");
    assert!(!home.path().join("stopped").exists());
    drop(lock);
    assert_eq!(db(&["backup", "whole"]).0, Some(0));
}

#[test]
fn help() {
    let home = Home::with_config("");
    assert_snapshot!(run(&mut home.command(), &["backup", "--help"]).1, @r"
    Write plugins' data to a folder

    Usage: backend db backup [OPTIONS] <DIR>

    Arguments:
      <DIR>  A folder that is empty or not there

    Options:
          --plugin <ID>                    This plugin alone. Repeatable
          --json                           As JSON
          --config <FILE|URL>              Config file, or its URL, to read instead of `app-config.yaml` and the like in the working directory or above. Repeatable: a later one overrides an earlier one
          --env-file <FILE>                File of variables, as `NAME=value`, for what the environment does not have. Repeatable
          --config-reload-interval <TIME>  How often to ask the URLs among the config's files for changes: `60s`, `5m`, a number of seconds [default: 60s]
          --store <WHERE>                  Where all plugins keep their data, whatever `backend.database` says: `memory`, `fs` (SQLite files in `--data-dir`), or `pg` (the PostgreSQL that `PGHOST`, `PGUSER`, ... name)
          --data-dir <FOLDER>              The folder of `--store fs`, with a SQLite file for each plugin. Default: `.data`
      -h, --help                           Print help

    Each plugin's rows are of one moment, also while the backend runs. What is interrupted leaves no `manifest.json`, and is no
    backup. The files are compressed JSON, the same for all engines: what SQLite had is restored into PostgreSQL too. They hold
    all that the databases do, secrets as well, and are readable by their owner alone.

    Example:
      backend db backup /backups/$(date +%F) && backend db verify /backups/$(date +%F)
    ");
    assert_snapshot!(run(&mut home.command(), &["restore", "--help"]).1, @r"
    Read plugins' data from a folder, into databases that are empty

    Usage: backend db restore [OPTIONS] <DIR>

    Arguments:
      <DIR>  What `db backup` wrote

    Options:
          --plugin <ID>                    This plugin alone. Repeatable
          --json                           As JSON
          --config <FILE|URL>              Config file, or its URL, to read instead of `app-config.yaml` and the like in the working directory or above. Repeatable: a later one overrides an earlier one
          --env-file <FILE>                File of variables, as `NAME=value`, for what the environment does not have. Repeatable
          --config-reload-interval <TIME>  How often to ask the URLs among the config's files for changes: `60s`, `5m`, a number of seconds [default: 60s]
          --store <WHERE>                  Where all plugins keep their data, whatever `backend.database` says: `memory`, `fs` (SQLite files in `--data-dir`), or `pg` (the PostgreSQL that `PGHOST`, `PGUSER`, ... name)
          --data-dir <FOLDER>              The folder of `--store fs`, with a SQLite file for each plugin. Default: `.data`
      -h, --help                           Print help

    Databases that are not there are made, and get the migrations that they had. One that has rows is left alone, and is told.
    All of a plugin is restored, or nothing. The config says where: the engine need not be the one of the backup.

    Example:
      backend db restore /backups/2026-01-31 --plugin catalog
    ");
    assert_snapshot!(run(&mut home.command(), &["verify", "--help"]).1, @r"
    Check that a backup can be restored

    Usage: backend db verify [OPTIONS] <DIR>

    Arguments:
      <DIR>  What `db backup` wrote

    Options:
          --plugin <ID>                    This plugin alone. Repeatable
          --json                           As JSON
          --config <FILE|URL>              Config file, or its URL, to read instead of `app-config.yaml` and the like in the working directory or above. Repeatable: a later one overrides an earlier one
          --env-file <FILE>                File of variables, as `NAME=value`, for what the environment does not have. Repeatable
          --config-reload-interval <TIME>  How often to ask the URLs among the config's files for changes: `60s`, `5m`, a number of seconds [default: 60s]
          --store <WHERE>                  Where all plugins keep their data, whatever `backend.database` says: `memory`, `fs` (SQLite files in `--data-dir`), or `pg` (the PostgreSQL that `PGHOST`, `PGUSER`, ... name)
          --data-dir <FOLDER>              The folder of `--store fs`, with a SQLite file for each plugin. Default: `.data`
      -h, --help                           Print help

    All is restored into scratch databases, on the servers and in the folders of the config, which are dropped again: rows,
    checksums and references are those of the backup, or the exit code is 1. Plugins' own databases are not touched.

    Example:
      backend db verify /backups/2026-01-31 --json
    ");
}
