//! `backend config ...`, on the shipped config and on those that Backstage's documents have.

use std::process::{Command, Output};

use insta::assert_snapshot;
use serde_json::Value;

use crate::process::Home;
use crate::root;

const POSTGRES: [(&str, &str); 4] = [
    ("POSTGRES_HOST", "db.example.com"),
    ("POSTGRES_PORT", "5432"),
    ("POSTGRES_USER", "backstage"),
    ("POSTGRES_PASSWORD", "hunter2"),
];

fn run(command: &mut Command, args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.arg("config").args(args).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// What a command that succeeds prints.
fn result(command: &mut Command, args: &[&str]) -> String {
    let (code, stdout, stderr) = run(command, args);
    assert_eq!(code, Some(0), "{stderr}");
    stdout
}

fn home(config: &str) -> Home {
    Home::with_config(&std::fs::read_to_string(root().join("packages/backend/tests/it/configs").join(config)).unwrap())
}

#[test]
fn the_reference_is_fresh() {
    let home = Home::with_config("");
    let printed = result(&mut home.command(), &["docs"]);
    let kept = std::fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    assert!(printed == kept, "it is old: run `cargo run -p backend -- config docs > docs/configuration.md`");
}

#[test]
fn the_shipped_config_is_in_order() {
    let home = Home::shipped("");
    let (code, stdout, stderr) = run(&mut home.command(), &["check", "--strict"]);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), "", "the config is in order\n"));
    let printed = result(&mut home.command(), &["print", "--format", "json"]);
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed["catalog"]["locations"][0]["target"], "./examples/all.yaml");
    let secrets = result(&mut home.command(), &["print", "--with-secrets"]);
    assert!(secrets.contains("connection: ':memory:'"), "{secrets}");
    assert_snapshot!(result(&mut home.command(), &["print", "--frontend"]), @"
    backend:
      baseUrl: http://localhost:7007
    ");
    assert_eq!(run(&mut home.command(), &["print", "--frontend", "--with-secrets"]).0, Some(2));
}

#[test]
fn switching_to_postgresql() {
    let home = home("postgres.yaml");
    let command = || {
        let mut command = home.command();
        command.envs(POSTGRES);
        command
    };
    assert_snapshot!(result(&mut command(), &["print"]), @"
    backend:
      baseUrl: http://localhost:7007
      listen:
        port: 7007
      database:
        client: pg
        connection:
          host: '********'
          port: '5432'
          user: '********'
          password: '********'
    ");
    assert!(result(&mut command(), &["print", "--with-secrets"]).contains("password: hunter2"));
    let (code, stdout, stderr) = run(&mut command(), &["check"]);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), "", "the config is in order\n"));
    assert_snapshot!(result(&mut command(), &["explain", "backend.database.connection.password"]), @"
    backend.database.connection.password

      value        '********'
      type         string
      origin       app-config.yaml:12:17 (from POSTGRES_PASSWORD)
      variable     APP_CONFIG_backend_database_connection_password
      description  Servers; with `$file`, read again at each new connection
      default      none
      visibility   secret
      change       needs a restart
    ");
}

#[test]
fn variables_that_are_not_set() {
    let home = home("postgres.yaml");
    assert_snapshot!(run(&mut home.command(), &["check", "--strict"]).2, @"
    error: the backend cannot start, because of 4 mistakes in its config

      × app-config.yaml:9:13 `backend.database.connection.host`: is not set, because the environment variable `POSTGRES_HOST` is not set
       ╭────
     9 │       host: ${POSTGRES_HOST}
       ·             ────────────────
       ╰────

      × app-config.yaml:10:13 `backend.database.connection.port`: is not set, because the environment variable `POSTGRES_PORT` is not set
        ╭────
     10 │       port: ${POSTGRES_PORT}
        ·             ────────────────
        ╰────

      × app-config.yaml:11:13 `backend.database.connection.user`: is not set, because the environment variable `POSTGRES_USER` is not set
        ╭────
     11 │       user: ${POSTGRES_USER}
        ·             ────────────────
        ╰────

      × app-config.yaml:12:17 `backend.database.connection.password`: is not set, because the environment variable `POSTGRES_PASSWORD` is not set
    ");
    assert_snapshot!(run(&mut home.command(), &["check", "--lax"]).2, @"the config is in order");
    assert_snapshot!(result(&mut home.command(), &["print", "--lax"]), @"
    backend:
      baseUrl: http://localhost:7007
      listen:
        port: 7007
      database:
        client: pg
        connection:
          host: '********'
          port: x
          user: '********'
          password: '********'
    ");
    assert_snapshot!(result(&mut home.command(), &["explain", "backend.database.connection.host"]), @"
    backend.database.connection.host

      value        absent
      type         string
      unset        app-config.yaml:9:13, because the environment variable `POSTGRES_HOST` is not set
      variable     APP_CONFIG_backend_database_connection_host
      description  Servers: name, address, or the folder of a Unix socket; PostgreSQL: several, with commas
      default      none
      visibility   secret
      change       needs a restart
    ");
}

#[test]
fn another_pool() {
    let home = home("pool.yaml");
    let (code, _, stderr) = run(&mut home.command(), &["check"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert_snapshot!(stderr, @"the config is in order");
    assert_snapshot!(result(&mut home.command(), &["explain", "backend.database.knexConfig.pool.max"]), @"
    backend.database.knexConfig.pool.max

      value        12
      type         integer
      origin       app-config.yaml:10:14
      variable     APP_CONFIG_backend_database_knexConfig_pool_max
      description  The most connections of a plugin: by default 10 to a server, and 5 to SQLite, where one of them writes and the others, at least one, read.
      default      none
      visibility   backend
      change       needs a restart
    ");
    assert_snapshot!(result(&mut home.command(), &["explain", "backend.database.knexConfig.pool.min"]), @"
    backend.database.knexConfig.pool.min

      value        3
      type         integer
      origin       app-config.yaml:9:14
      variable     APP_CONFIG_backend_database_knexConfig_pool_min
      description  How many connections are kept though they are idle. They are opened when needed, and may yet go to a plugin that waits for one.
      default      0
      visibility   backend
      change       needs a restart
    ");
}

#[test]
fn a_single_database() {
    let home = home("single-database.yaml");
    let mut command = home.command();
    assert_snapshot!(run(command.envs(POSTGRES), &["check"]).2, @"the config is in order");
}

#[test]
fn a_value_with_a_history() {
    let home = Home::with_config("todo:\n  maxOpen: 1\n");
    home.write("app-config.local.yaml", "todo:\n  maxOpen: ${MOST}\n");
    let command = || {
        let mut command = home.command();
        command.env("MOST", "2").env("APP_CONFIG_todo_maxOpen", "3");
        command
    };
    assert_snapshot!(result(&mut command(), &["explain", "todo.maxOpen"]), @"
    todo.maxOpen

      value        3
      type         integer
      origin       environment variable `APP_CONFIG_todo_maxOpen`
      overrides    '2', app-config.local.yaml:2:12 (from MOST)
      overrides    1, app-config.yaml:2:12
      variable     APP_CONFIG_todo_maxOpen
      description  How many to-dos there may be.
      default      100
      visibility   backend
      change       needs a restart
    ");
    assert_snapshot!(result(&mut command(), &["print", "--origin"]), @"
    todo:
      maxOpen: 3  # environment variable `APP_CONFIG_todo_maxOpen`
    ");
}

#[test]
fn a_key_that_there_is_not() {
    let home = Home::with_config("");
    let (code, stdout, stderr) = run(&mut home.command(), &["explain", "backend.databse.client"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert_snapshot!(stderr, @"error: there is no key `backend.databse.client`; did you mean `backend.database.client`?");
}

#[test]
fn a_command_that_there_is_not() {
    let home = Home::with_config("");
    let (code, stdout, stderr) = run(&mut home.command(), &["chek"]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(stderr.contains("'check'"), "{stderr}");
}

/// What Backstage's own config has is known: `packages/backend-defaults/config.d.ts` and its like.
#[test]
fn the_schema_knows_all_of_backstages_backend_keys() {
    let home = Home::with_config("");
    let schema: Value = serde_json::from_str(&result(&mut home.command(), &["schema"])).unwrap();
    let backend = schema["properties"]["backend"]["properties"].as_object().unwrap();
    for key in [
        "actions",
        "auditor",
        "auth",
        "baseUrl",
        "cache",
        "cors",
        "csp",
        "database",
        "health",
        "https",
        "lifecycle",
        "listen",
        "logger",
        "metrics",
        "packages",
        "rateLimit",
        "reading",
        "referrer",
        "server",
        "startup",
        "tracing",
        "trustProxy",
        "workingDirectory",
    ] {
        assert!(backend.contains_key(key), "{key}");
    }
    let undescribed: Vec<_> = backend
        .iter()
        .filter(|(_, schema)| schema["description"].is_null() && schema["unused"].is_null())
        .map(|(key, _)| key)
        .collect();
    assert!(undescribed.is_empty(), "{undescribed:?}");
    let secret = &backend["https"]["anyOf"][1]["properties"]["certificate"]["properties"]["key"]["visibility"];
    assert_eq!(secret, "secret");
    let yaml = result(&mut home.command(), &["schema", "--format", "yaml"]);
    assert!(yaml.starts_with("'$schema': "), "{}", &yaml[..80]);
}
