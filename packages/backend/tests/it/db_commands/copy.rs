//! Data from each layout into another, by the binary.

use std::collections::hash_map::RandomState;
use std::fmt::Write as _;
use std::hash::{BuildHasher as _, Hasher as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use serde_json::{Value, json};
use test_servers::{Login, MariaDb, MariaDbAddress, Postgres, PostgresAddress, Scratch};

use super::run;
use crate::process::{Backend, Home};

/// Config files that each say where all data is.
struct Places {
    home: Home,
    /// `prefix`: databases; `schema`: schemas in one.
    _postgres: [Scratch<PostgresAddress>; 2],
    _mysql: Scratch<MariaDbAddress>,
}

impl Places {
    /// `files`, `postgres`, `schema`, `mysql`, `other-files`.
    fn new(local: &str) -> Self {
        let home = Home::shipped(local);
        let (postgres, mysql) = (Postgres::shared().unwrap(), MariaDb::shared().unwrap());
        let (prefix, schema, names) = (postgres.scratch(), postgres.scratch(), mysql.scratch());
        let write = |name: &str, database: Value| {
            home.write(&format!("{name}.yaml"), &json!({ "backend": { "database": database } }).to_string());
        };
        write("files", json!({ "connection": { "directory": home.path().join("files") } }));
        write("other-files", json!({ "connection": { "directory": home.path().join("other") } }));
        let (host, port, user, password) = (postgres.host(), postgres.port(), postgres.user(), postgres.password());
        let connection = json!({ "host": host, "port": port, "user": user, "password": password });
        write("postgres", json!({ "client": "pg", "prefix": prefix.prefix(), "connection": connection }));
        let Login { database, user, password } = schema.login().unwrap();
        let connection =
            json!({ "host": host, "port": port, "user": user, "password": password, "database": database });
        write("schema", json!({ "client": "pg", "pluginDivisionMode": "schema", "connection": connection }));
        let (host, port, user, password) = (mysql.host(), mysql.port(), mysql.user(), mysql.password());
        let connection = json!({ "host": host, "port": port, "user": user, "password": password });
        write("mysql", json!({ "client": "mysql2", "prefix": names.prefix(), "connection": connection }));
        Self { home, _postgres: [prefix, schema], _mysql: names }
    }

    fn copy(&self, from: &str, to: &str, more: &[&str]) -> (Option<i32>, String, String) {
        run(&mut self.home.command(), &arguments(&file(from), &file(to), more))
    }

    /// What would be copied.
    fn look(&self, from: &str, to: &str) -> Value {
        let (code, text, stderr) = self.copy(from, to, &["--dry-run", "--json"]);
        assert_eq!(code, Some(0), "{stderr}");
        serde_json::from_str(&text).unwrap()
    }

    /// A backend with its data there.
    fn start(&self, name: &str) -> Backend {
        let mut command = self.home.command();
        for file in ["app-config.yaml", "app-config.local.yaml", &file(name)] {
            command.args(["--config", file]);
        }
        self.home.spawn(&mut command)
    }
}

fn file(name: &str) -> String {
    format!("{name}.yaml")
}

fn arguments<'a>(from: &'a str, to: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["copy", "--from", from, "--to", to], more].concat()
}

fn stop(backend: Backend) {
    backend.signal("TERM");
    assert_eq!(backend.ended().0, Some(0));
}

const LOCAL: &str = "{backend: {listen: ':0'}, catalog: {locations: [{type: file, target: ./entities.yaml}]}}";

/// 10,000 components of 100 systems.
fn entities() -> String {
    let mut yaml = String::new();
    for number in 0..10_000 {
        let (system, owner) = (number % 100, number % 7);
        writeln!(
            yaml,
            "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: component-{number}\n  \
             description: \"Nº {number}: \\t\\\\ 'quoted' \u{1F600}\"\n  tags: [tag-{owner}, all]\n  \
             annotations: {{ example.com/number: \"{number}\" }}\nspec:\n  type: service\n  lifecycle: production\n  \
             owner: team-{owner}\n  system: system-{system}\n---"
        )
        .unwrap();
    }
    yaml
}

const ROUTES: [&str; 10] = [
    "/api/catalog/entities?limit=500",
    "/api/catalog/entities?limit=100&offset=9000",
    "/api/catalog/entities?filter=metadata.name=component-77",
    "/api/catalog/entities?filter=spec.system=system-5&fields=metadata.name,metadata.uid,relations",
    "/api/catalog/entities?filter=spec.owner=team-3,metadata.tags=all&order=desc:metadata.name&limit=50",
    "/api/catalog/entities/by-name/component/default/component-9999",
    "/api/catalog/entity-facets?facet=spec.system",
    "/api/catalog/entity-facets?facet=metadata.tags&filter=spec.owner=team-1",
    "/api/catalog/locations",
    "/api/todo/todos",
];

async fn answers(backend: &Backend) -> Vec<String> {
    let mut answers = Vec::new();
    for route in ROUTES {
        let response = reqwest::get(backend.url(route)).await.unwrap();
        assert_eq!(response.status(), 200, "{route}");
        answers.push(response.text().await.unwrap());
    }
    answers
}

#[tokio::test]
async fn the_backend_answers_the_same_wherever_its_data_is() {
    let places = Places::new(LOCAL);
    places.home.write("entities.yaml", &entities());
    let backend = places.start("files");
    for title in ["one", "two \\ 'quoted' \u{1F600}", "three"] {
        let added = reqwest::Client::new().post(backend.url("/api/todo/todos")).json(&json!({ "title": title }));
        assert_eq!(added.send().await.unwrap().status(), 201);
    }
    stop(backend);
    // Once more: now all was read from the database, as it will be there.
    let backend = places.start("files");
    let wanted = answers(&backend).await;
    let found: Value = serde_json::from_str(&wanted[2]).unwrap();
    assert_eq!(found.as_array().unwrap().len(), 1);
    stop(backend);
    for [from, to] in [["files", "postgres"], ["postgres", "schema"], ["schema", "mysql"], ["mysql", "other-files"]] {
        let (code, text, stderr) = places.copy(from, to, &[]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{from} to {to}");
        let lines: Vec<Vec<_>> = text.lines().map(|it| it.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["plugin", "tables", "rows", "time", "rows/s"], "{text}");
        assert_eq!(lines.iter().map(|it| it[0]).collect::<Vec<_>>(), ["plugin", "catalog", "todo", "all"], "{text}");
        let backend = places.start(to);
        for ((route, wanted), found) in ROUTES.iter().zip(&wanted).zip(answers(&backend).await) {
            assert!(*wanted == found, "{from} to {to}: {route}\n{wanted:.500}\n{found:.500}");
        }
        stop(backend);
    }
}

#[tokio::test]
async fn what_is_there_already_is_told_and_what_is_another_is_refused() {
    let places = Places::new("backend: {listen: ':0'}");
    let backend = places.start("files");
    let add = |backend: &Backend, title| {
        reqwest::Client::new().post(backend.url("/api/todo/todos")).json(&json!({ "title": title })).send()
    };
    assert_eq!(add(&backend, "one").await.unwrap().status(), 201);
    stop(backend);
    let would = |places: &Places| places.look("files", "postgres")["plugins"]["todo"]["target"]["rows"].clone();
    assert_eq!(would(&places), Value::Null);
    assert_eq!(places.copy("files", "postgres", &["--plugin", "todo"]).0, Some(0));
    assert_eq!(would(&places), 1);
    let (code, text, stderr) = places.copy("files", "postgres", &["--json"]);
    assert_eq!((code, stderr.as_str()), (Some(0), "plugin `todo`: all of it was there already\n"));
    let done: Value = serde_json::from_str(&text).unwrap();
    let done = &done["plugins"];
    assert_eq!((&done["todo"]["wasThere"], &done["catalog"]["wasThere"]), (&json!(true), &json!(false)));
    assert_eq!((&done["todo"]["rows"], &done["todo"]["tables"]), (&json!(1), &json!({ "todos": 1 })));

    let backend = places.start("files");
    assert_eq!(add(&backend, "two").await.unwrap().status(), 201);
    stop(backend);
    let (code, text, stderr) = places.copy("files", "postgres", &[]);
    assert_eq!(code, Some(1));
    assert!(text.starts_with("plugin ") && text.contains("\ncatalog "), "what can be copied is: {text}");
    let prefix = places._postgres[0].prefix();
    let port = Postgres::shared().unwrap().port().to_string();
    let stderr = stderr.replace(prefix, "<p>").replace(&port, "<port>");
    assert_snapshot!(stderr, @r"
    error: plugin `todo`: the target 127.0.0.1:<port>/<p>todo is not empty: table `todos` has 1 row; nothing was changed there; name another, or empty it (`backend db truncate`)
    plugin `catalog`: all of it was there already
    ");
    let todos = places.look("files", "postgres");
    assert_eq!(todos["plugins"]["todo"]["target"]["rows"], 1);
}

#[test]
fn places_that_cannot_be_meant() {
    let places = Places::new("");
    places.home.write("memory.yaml", "backend: {database: {connection: ':memory:'}}");
    let (code, stdout, stderr) = places.copy("files", "files", &["--plugin", "todo"]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    let home = places.home.path().to_string_lossy().into_owned();
    assert_snapshot!(stderr.replace(&home, "<home>"), @"error: `--from` and `--to` have the data of plugin `todo` in the same place, files/todo.sqlite");
    let (code, _, stderr) = places.copy("memory", "files", &[]);
    assert_eq!(code, Some(2));
    assert_snapshot!(stderr, @r"
    error: `--from` has the data of plugin `catalog` in memory, where nobody finds it
           `--from` has the data of plugin `todo` in memory, where nobody finds it
    ");
    let (code, _, stderr) = places.copy("files", "memory", &["--plugin", "todo"]);
    assert_eq!(code, Some(2));
    assert_snapshot!(stderr, @"error: `--to` has the data of plugin `todo` in memory, where nobody finds it");
    let (code, _, stderr) = places.copy("files", "postgres", &["--plugin", "todo"]);
    assert_eq!(code, Some(1));
    assert_snapshot!(stderr.replace(&home, "<home>"), @"error: plugin `todo`: there is no source: files/todo.sqlite does not exist");
    assert!(!places.home.path().join("files").exists());
    let (code, _, stderr) = places.copy("files", "nowhere", &[]);
    assert_eq!(code, Some(1));
    assert_snapshot!(stderr, @r"
    error: the backend cannot start, because of a mistake in its config

      × nowhere.yaml: no such file
    ");
    let (code, _, stderr) = run(&mut places.home.command(), &["copy", "--from", "files.yaml"]);
    assert_eq!(code, Some(2));
    assert_snapshot!(stderr, @r"
    error: the following required arguments were not provided:
      --to <FILE|URL>

    Usage: backend db copy --from <FILE|URL> --to <FILE|URL>

    For more information, try '--help'.
    ");
}

#[test]
fn help() {
    let home = Home::with_config("");
    assert_snapshot!(run(&mut home.command(), &["copy", "--help"]).1, @r"
    Move plugins' data to another place: another engine, server, prefix or division mode

    Usage: backend db copy [OPTIONS] --from <FILE|URL> --to <FILE|URL>

    Options:
          --from <FILE|URL>                Config file that says where the data is. Repeatable: a later one overrides an earlier one
          --to <FILE|URL>                  Config file that says where it is to be. Repeatable: a later one overrides an earlier one
          --dry-run                        Show what would be copied, and change nothing
          --plugin <ID>                    This plugin alone. Repeatable
          --json                           As JSON
          --config <FILE|URL>              Config file, or its URL, to read instead of `app-config.yaml` and the like in the working directory or above. Repeatable: a later one overrides an earlier one
          --env-file <FILE>                File of variables, as `NAME=value`, for what the environment does not have. Repeatable
          --config-reload-interval <TIME>  How often to ask the URLs among the config's files for changes: `60s`, `5m`, a number of seconds [default: 60s]
          --store <WHERE>                  Where all plugins keep their data, whatever `backend.database` says: `memory`, `fs` (SQLite files in `--data-dir`), or `pg` (the PostgreSQL that `PGHOST`, `PGUSER`, ... name)
          --data-dir <FOLDER>              The folder of `--store fs`, with a SQLite file for each plugin. Default: `.data`
      -h, --help                           Print help

    Each file is laid over the default config files (or those of `--config`), and says where the data is, such as:

      backend: {database: {client: pg, connection: {host: db, user: greenroom, password: ${PASSWORD}}}}

    The target is made and migrated. It must have no rows; one that has all rows of the source already is left alone, so that a
    copy that was interrupted can be run again. Stop the backend that uses the source before: rows that change meanwhile make the
    copy fail. The source is not written. All of a plugin is copied, or nothing.

    Example:
      backend db copy --from sqlite.yaml --to postgres.yaml --dry-run
    ");
}

const ROWS: u64 = 100_000;

/// A number below this.
fn random(below: u64) -> u64 {
    RandomState::new().build_hasher().finish() % below
}

/// Killed at ten moments of those that it takes, and run again each time: the target has all rows or none.
#[expect(clippy::disallowed_methods, reason = "a moment is chosen, not waited for")]
fn killed_into(to: &str) {
    let places = Places::new("backend: {listen: ':0'}");
    stop(places.start("files"));
    let insert = format!(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {ROWS}) \
         INSERT INTO todos SELECT n, 'title ' || n FROM n"
    );
    let file = places.home.path().join("files/todo.sqlite");
    assert!(Command::new("sqlite3").arg(&file).arg(insert).status().unwrap().success());
    // How long it takes, elsewhere.
    let began = Instant::now();
    assert_eq!(places.copy("files", "schema", &[]).0, Some(0));
    let took = u64::try_from(began.elapsed().as_millis()).unwrap();
    let before = std::fs::read(&file).unwrap();
    for moment in 0..10 {
        let after = Duration::from_millis(took * moment / 10 + random(took / 10 + 1));
        let mut command = places.home.command();
        let to_file = format!("{to}.yaml");
        command.arg("db").args(arguments("files.yaml", &to_file, &[]));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap();
        let there = places.look("files", to);
        let rows = &there["plugins"]["todo"]["target"]["rows"];
        assert!([json!(null), json!(0), json!(ROWS)].contains(rows), "killed after {after:?}: {rows}");
    }
    let (code, text, stderr) = places.copy("files", to, &["--json"]);
    assert_eq!(code, Some(0), "{stderr}");
    let done: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(done["plugins"]["todo"]["rows"], ROWS);
    // By whoever reads it there.
    let there = places.look(to, "schema");
    assert_eq!(there["plugins"]["todo"]["tables"]["todos"], ROWS);
    assert!(std::fs::read(&file).unwrap() == before, "the source has changed");
}

#[test]
fn killed_at_ten_moments_into_a_database() {
    killed_into("postgres");
}

#[test]
fn killed_at_ten_moments_into_mysql() {
    killed_into("mysql");
}

#[test]
fn killed_at_ten_moments_into_files() {
    killed_into("other-files");
}
