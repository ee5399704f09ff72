use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{Place, port, run};
use crate::process::Home;

#[tokio::test]
async fn status_of_a_backend_that_runs() {
    for https in [false, true] {
        let port = port();
        let home = Home::shipped(&format!("backend: {{listen: '127.0.0.1:{port}', https: {https}}}"));
        let command = || {
            let mut command = home.command();
            // Where it keeps the certificate that it makes.
            command.env("HOME", home.path()).env_remove("XDG_DATA_HOME").env_remove("XDG_CONFIG_HOME");
            command
        };
        let (code, text, _) = run(&mut command(), &["status"]);
        assert_eq!(code, Some(0));
        let scheme = if https { "https" } else { "http" };
        assert!(text.contains(&format!("\nno backend answers at {scheme}://127.0.0.1:{port} (")), "{text}");

        let backend = home.spawn(&mut command());
        let (code, text, stderr) = run(&mut command(), &["status"]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        assert!(text.contains(&format!("\nbackend at {scheme}://127.0.0.1:{port}: ok\n")), "{text}");
        let lines: Vec<Vec<_>> = text.lines().map(|it| it.split_whitespace().collect()).collect();
        for columns in
            ["plugin client location", "plugin status used idle waiting max acquired mean ms created closed errors"]
        {
            assert!(lines.iter().any(|it| it.join(" ") == columns), "{text}");
        }
        let todo: Vec<_> = lines.iter().filter(|it| it.first() == Some(&"todo")).collect();
        assert_eq!(todo[0][1..], ["better-sqlite3", "in", "memory"]);
        assert_eq!(todo[1][1], "ok");

        let (code, text, _) = run(&mut command(), &["status", "--json", "--plugin", "todo"]);
        let status: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((code, &status["backend"]["status"]), (Some(0), &json!("ok")));
        assert_eq!(status["plugins"].as_object().unwrap().keys().collect::<Vec<_>>(), ["todo"]);
        assert_eq!(status["plugins"]["todo"]["pool"]["max"], 5);
        backend.signal("TERM");
        assert_eq!(backend.ended().0, Some(0));
    }
}

#[test]
fn what_is_in_databases_is_shown() {
    for place in Place::all() {
        let layout = place.layout;
        let plugins = &place.status()["plugins"];
        assert_eq!(plugins["todo"]["exists"], false, "{layout}");
        assert_eq!(plugins["todo"]["migrations"]["pending"].as_array().unwrap().len(), 2, "{layout}");
        place.make();
        let plugins = &place.status()["plugins"];
        let todo = &plugins["todo"];
        assert_eq!(todo["exists"], true, "{layout}");
        assert_eq!(todo["tables"], json!([{ "schema": null, "name": "todos", "rows": 0, "exact": true }]), "{layout}");
        assert!(todo["bytes"].as_u64().unwrap() > 1000, "{layout}");
        assert_eq!((&todo["rows"], &todo["connections"]), (&json!(0), &json!([])), "{layout}");
        assert_eq!(todo["migrations"]["applied"].as_array().unwrap().len(), 2, "{layout}");
        let by = if ["files", "mysql"].contains(&layout) { "table" } else { "comment" };
        assert_eq!(todo["stamp"], json!({ "by": by }), "{layout}");
        assert!(plugins["catalog"]["tables"].as_array().unwrap().len() > 3, "{layout}");

        let (code, text, stderr) = place.db(&["status", "--plugin", "todo", "--plugin", "catalog"]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{layout}");
        let lines: Vec<Vec<_>> = text.lines().map(|it| it.split_whitespace().collect()).collect();
        assert_eq!(lines[0].join(" "), "plugin client location exists size tables rows connections migrations stamp");
        let todo = lines.iter().find(|it| it.first() == Some(&"todo")).unwrap();
        assert!(todo.join(" ").ends_with("B 1 0 0 2 yes"), "{layout}: {text}");
    }
}

/// It does not keep the others from being shown.
#[test]
fn a_server_that_does_not_answer() {
    let place = Place::files();
    let connection = json!({ "host": "127.0.0.1", "port": port(), "user": "me" });
    place.configure(json!({ "plugin": { "todo": { "client": "pg", "connection": connection } } }));
    let (code, stdout, stderr) = place.db(&["status"]);
    assert_eq!(code, Some(1));
    let lines: Vec<_> = stdout.lines().collect();
    assert!(lines[1].starts_with("catalog  better-sqlite3  data/catalog.sqlite "), "{stdout}");
    assert!(lines[2].starts_with("todo     pg ") && lines[2].contains(" cannot be read "), "{stdout}");
    assert!(stderr.starts_with("error: cannot read the database of `todo`: cannot connect to "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let (code, stdout, _) = place.db(&["status", "--json"]);
    let status: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &status["plugins"]["catalog"]["exists"]), (Some(1), &json!(false)));
    assert!(status["plugins"]["todo"]["error"].as_str().unwrap().contains("Connection refused"), "{status:#}");
}

#[test]
fn status_of_a_plugin_that_there_is_not() {
    let home = Home::shipped("");
    let (code, stdout, stderr) = run(&mut home.command(), &["status", "--plugin", "tood"]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert_snapshot!(stderr, @"error: there is no plugin `tood` with a database; did you mean `todo`?");
}

#[test]
fn help() {
    let home = Home::with_config("");
    assert_snapshot!(run(&mut home.command(), &["status", "--help"]).1, @r"
    Show each plugin's database and its connections

    Usage: backend db status [OPTIONS]

    Options:
          --plugin <ID>                    This plugin alone. Repeatable
          --json                           As JSON
          --config <FILE|URL>              Config file, or its URL, to read instead of `app-config.yaml` and the like in the working directory or above. Repeatable: a later one overrides an earlier one
          --env-file <FILE>                File of variables, as `NAME=value`, for what the environment does not have. Repeatable
          --config-reload-interval <TIME>  How often to ask the URLs among the config's files for changes: `60s`, `5m`, a number of seconds [default: 60s]
          --store <WHERE>                  Where all plugins keep their data, whatever `backend.database` says: `memory`, `fs` (SQLite files in `--data-dir`), or `pg` (the PostgreSQL that `PGHOST`, `PGUSER`, ... name)
          --data-dir <FOLDER>              The folder of `--store fs`, with a SQLite file for each plugin. Default: `.data`
      -h, --help                           Print help

    Rows are counted up to 100,000 a table; with more, the server's estimate is shown, marked `~`. Pools are asked of the backend
    that runs where `backend.listen` says. Nothing is changed.

    Exit code 1: a database could not be read.

    Example:
      backend db status --plugin catalog --json | jq .plugins.catalog.migrations
    ");
}
