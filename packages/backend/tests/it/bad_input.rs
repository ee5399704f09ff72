//! Whatever keeps it from starting ends it at once, with code 1 and one message.

use std::net::TcpListener;

use insta::assert_snapshot;

use crate::process::{Backend, Home};

#[test]
fn broken_yaml() {
    assert_snapshot!(Home::with_config("backend:\n  listen: [\n").refusal(), @"
    error: the backend cannot start, because of a mistake in its config

      × app-config.yaml:3:1: is not valid YAML: while parsing a node, did not find expected node content
    ");
}

#[test]
fn every_mistake_at_once() {
    let home = Home::with_config(
        "backend:\n  listen: {port: lots}\n  databse: {}\n  startup:\n    plugins:\n      catalgo: {onPluginBootFailure: continue}\n\
         todo:\n  maxOpen: many\ncatlog:\n  locations: []\n",
    );
    assert_snapshot!(home.refusal(), @r#"
    error: the backend cannot start, because of 4 mistakes in its config

      × app-config.yaml:2:18 `backend.listen.port`: expected a number, got "lots"
       ╭────
     2 │   listen: {port: lots}
       ·                  ────
       ╰────

      × app-config.yaml:6:7 `backend.startup.plugins.catalgo`: this backend has no plugin `catalgo`; did you mean `catalog`?
       ╭────
     6 │       catalgo: {onPluginBootFailure: continue}
       ·       ───────
       ╰────

      × app-config.yaml:8:12 `todo.maxOpen`: expected a number, got "many"
       ╭────
     8 │   maxOpen: many
       ·            ────
       ╰────

      × app-config.yaml:9:1 `catlog`: no plugin of this backend reads this; did you mean `catalog`?
       ╭────
     9 │ catlog:
       · ──────
       ╰────

    warning: app-config.yaml:3:3 `backend.databse`: nothing reads this; did you mean `backend.database`?
    "#);
}

/// A value that may be absent is one that somebody left out, or a variable that somebody forgot.
#[test]
fn what_may_be_a_mistake() {
    let home = Home::with_config(
        "backend:\n  listen: 127.0.0.1:0\n  lifecycle: {shutdownTimeuot: 5s}\n  cache: {store: memory}\n\
         todo:\n  maxOpen: ${MAX_OPEN}\napp: {title: x}\n",
    );
    let warnings = |backend: &Backend| {
        let lines = backend.started.iter().filter(|line| line["level"] == "warn");
        lines.map(|line| line["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(warnings(&home.start()), @"
    app-config.yaml:3:15 `backend.lifecycle.shutdownTimeuot`: is not a known key, did you mean `shutdownTimeout`?
    app-config.yaml:6:12 `todo.maxOpen`: is not set, because the environment variable `MAX_OPEN` is not set
    the config has keys that do nothing here: `backend.cache` (this version does not have that service)
    ");
    let output = home.command().args(["start", "--strict"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @"
    error: the backend cannot start, because of 2 mistakes in its config

      × app-config.yaml:3:15 `backend.lifecycle.shutdownTimeuot`: is not a known key, did you mean `shutdownTimeout`?
       ╭────
     3 │   lifecycle: {shutdownTimeuot: 5s}
       ·               ───────────────
       ╰────

      × app-config.yaml:6:12 `todo.maxOpen`: is not set, because the environment variable `MAX_OPEN` is not set
       ╭────
     6 │   maxOpen: ${MAX_OPEN}
       ·            ───────────
       ╰────

    warning: app-config.yaml:4:3 `backend.cache`: has no effect: this version does not have that service
    ");
}

#[test]
fn a_variable_that_is_missing_for_a_value_that_is_required() {
    let home = Home::with_config("catalog:\n  locations:\n    - type: file\n      target: ${TARGET}\n");
    assert_snapshot!(home.refusal(), @"
    error: the backend cannot start, because of a mistake in its config

      × app-config.yaml:4:15 `catalog.locations[0].target`: is not set, because the environment variable `TARGET` is not set
       ╭────
     4 │       target: ${TARGET}
       ·               ─────────
       ╰────
    ");
}

/// Of which one line was changed, and the other is SQLite's still.
#[test]
fn half_a_switch_to_postgresql() {
    assert_snapshot!(Home::with_config("backend:\n  database:\n    client: pg\n    connection: ':memory:'\n").refusal(), @"
    error: the backend cannot start, because of a mistake in its config

      × app-config.yaml:4:17 `backend.database.connection`: this is for SQLite: write an object with `host`, `user`, ..., or `{}` for libpq's variables
    ");
}

#[test]
fn a_database_that_there_is_not() {
    assert_snapshot!(Home::with_config("backend:\n  database:\n    client: postgres\n").refusal(), @"
    error: the backend cannot start, because of a mistake in its config

      × app-config.yaml:3:13 `backend.database.client`: there is no client `postgres`; did you mean `pg`?
       ╭────
     3 │     client: postgres
       ·             ────────
       ╰────
    ");
}

#[test]
fn no_config() {
    // Above other folders there may be one.
    let output = Home::with_config("").command().current_dir("/").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @"
    error: the backend cannot start, because of a mistake in its config

      × app-config.yaml: no such file in `/`; create it, or name files with `--config`
    ");
}

#[test]
fn a_file_that_cannot_be_read() {
    let home = Home::with_config("");
    let output = home.command().args(["--config", "none.yaml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @"
    error: the backend cannot start, because of a mistake in its config

      × none.yaml: no such file
    ");
}

#[test]
fn a_port_that_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let home = Home::with_config(&format!("backend:\n  listen: '{address}'\n"));
    let (port, next) = (address.port().to_string(), (address.port() + 1).to_string());
    assert_snapshot!(home.refusal().replace(&port, "<port>").replace(&next, "<next>"), @"
    error: the backend did not start:
      - service `core.root-http-router`: app-config.yaml:2:11 `backend.listen`: cannot listen on 127.0.0.1:<port>: the port is in use; choose another one, or set APP_CONFIG_backend_listen=127.0.0.1:<next>
    ");
}

#[test]
fn a_database_server_that_is_not_there() {
    // Nothing listens on this port.
    let home = Home::with_config(
        "backend:\n  listen: '127.0.0.1:0'\n  database:\n    client: pg\n    startupTimeout: 0s\n    connection:\n      \
         host: 127.0.0.1\n      port: 1\n      password: hunter2\n",
    );
    assert_snapshot!(home.refusal(), @"
    error: the backend did not start:
      - plugin `catalog`: waited 0 s (`backend.database.startupTimeout`); check that the server runs, and its address: cannot open the database of `catalog` (127.0.0.1:1/backstage_plugin_catalog, by app-config.yaml:6:5): cannot connect to database `backstage_plugin_catalog` at 127.0.0.1:1 as `somebody`: Connection refused (os error 111)
      - plugin `todo`: waited 0 s (`backend.database.startupTimeout`); check that the server runs, and its address: cannot open the database of `todo` (127.0.0.1:1/backstage_plugin_todo, by app-config.yaml:6:5): cannot connect to database `backstage_plugin_todo` at 127.0.0.1:1 as `somebody`: Connection refused (os error 111)
    ");
}

#[test]
fn a_folder_for_databases_that_cannot_be_made() {
    let home = Home::with_config("backend: {listen: '127.0.0.1:0', database: {connection: {directory: /proc/none}}}\n");
    assert_snapshot!(home.refusal(), @"
    error: the backend did not start:
      - plugin `catalog`: cannot open the database of `catalog` (/proc/none/catalog.sqlite): cannot make the folder `/proc/none`: No such file or directory (os error 2)
      - plugin `todo`: cannot open the database of `todo` (/proc/none/todo.sqlite): cannot make the folder `/proc/none`: No such file or directory (os error 2)
    ");
}

/// It would be an hour until this one ends otherwise.
#[test]
fn a_start_that_fails_waits_for_no_load_balancer() {
    let backend = "listen: '127.0.0.1:0', lifecycle: {serverShutdownDelay: 1h, shutdownTimeout: 1h}";
    let home =
        Home::with_config(&format!("backend: {{{backend}, database: {{connection: {{directory: /proc/none}}}}}}\n"));
    assert!(home.refusal().contains("cannot make the folder `/proc/none`"));
}

#[test]
fn in_memory_in_production() {
    let home = Home::with_config("backend: {listen: '127.0.0.1:0'}\n");
    let output = home.command().env("BACKSTAGE_ENV", "production").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @"
    error: the backend cannot start, because of a mistake in its config

      × app-config.yaml:1:1 `backend.database`: the data of `catalog`, `todo` would be in memory and lost when the backend stops, and `BACKSTAGE_ENV` says that this is production; set `backend.database.connection.directory`, or `backend.database.allowEphemeral: true` if the data may be lost
       ╭────
     1 │ backend: {listen: '127.0.0.1:0'}
       · ───────
       ╰────
    ");
}

#[test]
fn a_log_level_that_is_none() {
    let output = Home::with_config("").command().env("LOG_LEVEL", "loud").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @"error: reading the environment variable `LOG_LEVEL`: `loud` is not a log level; use `error`, `warn`, `info`, `debug` or `trace`");
}

/// No secret is told, not even to say what is wrong with it.
#[test]
fn a_mistake_in_a_secret() {
    let home =
        Home::with_config("backend:\n  database:\n    client: better-sqlite3\n    connection: {password: [hunter2]}\n");
    assert!(!home.refusal().contains("hunter2"));
}
