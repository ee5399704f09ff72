//! `backend db ...`, beside a backend that runs and without one.

use std::net::TcpListener;
use std::process::{Command, Output};

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::process::Home;

fn run(command: &mut Command, args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.arg("db").args(args).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// One that was free a moment ago.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

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
        assert!(text.starts_with(&format!("no backend answers at {scheme}://127.0.0.1:{port} (")), "{text}");

        let backend = home.spawn(&mut command());
        let (code, text, stderr) = run(&mut command(), &["status"]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        assert!(text.starts_with(&format!("backend at {scheme}://127.0.0.1:{port}: ok\n")), "{text}");
        let lines: Vec<Vec<_>> = text.lines().map(|it| it.split_whitespace().collect()).collect();
        let columns = "plugin client location status used idle waiting max acquired mean ms created closed errors";
        assert!(lines.iter().any(|it| it.join(" ") == columns), "{text}");
        let todo = lines.iter().find(|it| it.first() == Some(&"todo")).unwrap();
        assert_eq!(todo[1..5], ["better-sqlite3", "in", "memory", "ok"]);

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
fn status_of_a_plugin_that_there_is_not() {
    let home = Home::shipped("");
    let (code, stdout, stderr) = run(&mut home.command(), &["status", "--plugin", "tood"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert_snapshot!(stderr, @"error: there is no plugin `tood` with a database; there are `catalog`, `todo`");
}

#[test]
fn help() {
    let home = Home::with_config("");
    assert_snapshot!(run(&mut home.command(), &["status", "--help"]).1, @"
    Show each plugin's database and its connections

    Usage: backend db status [OPTIONS]

    Options:
          --plugin <ID>                    Of this plugin alone
          --json                           As JSON
          --config <FILE|URL>              Config file, or its URL, to read instead of `app-config.yaml` and the like in the working directory or above. Repeatable: a later one overrides an earlier one
          --env-file <FILE>                File of variables, as `NAME=value`, for what the environment does not have. Repeatable
          --config-reload-interval <TIME>  How often to ask the URLs among the config's files for changes: `60s`, `5m`, a number of seconds [default: 60s]
      -h, --help                           Print help

    Connections are asked of the backend that runs where `backend.listen` says; without one, the config alone is shown.

    Example:
      backend db status --plugin catalog --json | jq .plugins.catalog.pool
    ");
}
