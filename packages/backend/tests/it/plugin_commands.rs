//! `backend plugin ...` and `backend completions ...`.

use std::process::Command;

use insta::assert_snapshot;
use serde_json::Value;

use crate::process::Home;

fn said(home: &Home, args: &[&str]) -> (Option<i32>, String, String) {
    let output = home.command().args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn plugins_are_listed() {
    let home = Home::shipped("");
    let (code, text, stderr) = said(&home, &["plugin", "list"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_snapshot!(text, @r"
    catalog 0.1.0
      database    better-sqlite3, in memory
      routes      /api/catalog
      modules     none
      services    core.database, core.http-router
      migrations  m20260101_create_catalog

    todo 0.1.0
      database    better-sqlite3, in memory
      routes      /api/todo
      modules     none
      services    core.database, core.http-router
      migrations  m20260101_000001_create_todos
    ");
    let (code, text, _) = said(&home, &["plugin", "list", "--json"]);
    assert_eq!(code, Some(0));
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_snapshot!(format!("{:#}", list["plugins"][1]), @r#"
    {
      "id": "todo",
      "version": "0.1.0",
      "database": {
        "client": "better-sqlite3",
        "location": "in memory"
      },
      "routes": [
        "/api/todo"
      ],
      "modules": [],
      "services": [
        "core.database",
        "core.http-router"
      ],
      "migrations": [
        "m20260101_000001_create_todos"
      ]
    }
    "#);
    assert_eq!(list["plugins"].as_array().unwrap().len(), 2);
    assert!(!home.path().join("data").exists());
}

#[test]
fn each_shell_takes_its_completions() {
    let home = Home::with_config("");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (code, script, stderr) = said(&home, &["completions", shell]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{shell}");
        assert!(script.contains("drift") && script.contains("data-dir"), "{shell}: {script}");
        home.write(shell, &script);
    }
    let bash = |script: &str| {
        let output = Command::new("bash").args(["--norc", "-c", script]).current_dir(home.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    bash("bash -n ./bash");
    assert_snapshot!(bash("source ./bash; complete -p backend"), @"complete -o bashdefault -o default -o nosort -F _backend backend");
    // What a person gets who types `backend db dr<Tab>`.
    let complete =
        "source ./bash; COMP_WORDS=(backend db dr); COMP_CWORD=2; _backend backend dr db; echo ${COMPREPLY[@]}";
    assert_eq!(bash(complete), "drop drift\n");
}

#[test]
fn a_typo_gets_what_was_meant() {
    let home = Home::shipped("");
    let (code, _, stderr) = said(&home, &["db", "drfit"]);
    assert_eq!(code, Some(2));
    assert_snapshot!(stderr, @r"
    error: unrecognized subcommand 'drfit'

      tip: a similar subcommand exists: 'drift'

    Usage: backend db [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    let (code, _, stderr) = said(&home, &["plugn"]);
    assert_eq!(code, Some(2));
    assert_snapshot!(stderr, @r"
    error: unrecognized subcommand 'plugn'

      tip: a similar subcommand exists: 'plugin'

    Usage: backend [OPTIONS] [COMMAND]

    For more information, try '--help'.
    ");
}

#[test]
fn help() {
    let home = Home::with_config("");
    assert_snapshot!(said(&home, &["plugin", "list", "--help"]).1, @r"
    Show each plugin: its version, database, routes, modules, services and migrations

    Usage: backend plugin list [OPTIONS]

    Options:
          --json                           As JSON
          --config <FILE|URL>              Config file, or its URL, to read instead of `app-config.yaml` and the like in the working directory or above. Repeatable: a later one overrides an earlier one
          --env-file <FILE>                File of variables, as `NAME=value`, for what the environment does not have. Repeatable
          --config-reload-interval <TIME>  How often to ask the URLs among the config's files for changes: `60s`, `5m`, a number of seconds [default: 60s]
          --store <WHERE>                  Where all plugins keep their data, whatever `backend.database` says: `memory`, `fs` (SQLite files in `--data-dir`), or `pg` (the PostgreSQL that `PGHOST`, `PGUSER`, ... name)
          --data-dir <FOLDER>              The folder of `--store fs`, with a SQLite file for each plugin. Default: `.data`
      -h, --help                           Print help

    Nothing is opened: databases are as the config says.

    Example:
      backend plugin list
      backend plugin list --json | jq -r '.plugins[] | [.id, .version] | @tsv'
    ");
    assert_snapshot!(said(&home, &["completions", "--help"]).1, @r#"
    Write a script that completes this program's command lines in a shell

    Usage: backend completions [OPTIONS] <SHELL>

    Arguments:
      <SHELL>  Whose language [possible values: bash, elvish, fish, powershell, zsh]

    Options:
          --config <FILE|URL>              Config file, or its URL, to read instead of `app-config.yaml` and the like in the working directory or above. Repeatable: a later one overrides an earlier one
          --env-file <FILE>                File of variables, as `NAME=value`, for what the environment does not have. Repeatable
          --config-reload-interval <TIME>  How often to ask the URLs among the config's files for changes: `60s`, `5m`, a number of seconds [default: 60s]
          --store <WHERE>                  Where all plugins keep their data, whatever `backend.database` says: `memory`, `fs` (SQLite files in `--data-dir`), or `pg` (the PostgreSQL that `PGHOST`, `PGUSER`, ... name)
          --data-dir <FOLDER>              The folder of `--store fs`, with a SQLite file for each plugin. Default: `.data`
      -h, --help                           Print help

    Example:
      backend completions bash > ~/.local/share/bash-completion/completions/backend
      backend completions zsh > "${fpath[1]}/_backend"
      backend completions fish > ~/.config/fish/completions/backend.fish
    "#);
    assert_snapshot!(said(&home, &["start", "--help"]).1, @r"
    Start the backend and run until told to stop (the default)

    Usage: backend start [OPTIONS]

    Options:
          --strict                         Do not start when a key of the config is read by nobody, or a value is absent because a variable is not set
          --config <FILE|URL>              Config file, or its URL, to read instead of `app-config.yaml` and the like in the working directory or above. Repeatable: a later one overrides an earlier one
          --env-file <FILE>                File of variables, as `NAME=value`, for what the environment does not have. Repeatable
          --config-reload-interval <TIME>  How often to ask the URLs among the config's files for changes: `60s`, `5m`, a number of seconds [default: 60s]
          --store <WHERE>                  Where all plugins keep their data, whatever `backend.database` says: `memory`, `fs` (SQLite files in `--data-dir`), or `pg` (the PostgreSQL that `PGHOST`, `PGUSER`, ... name)
          --data-dir <FOLDER>              The folder of `--store fs`, with a SQLite file for each plugin. Default: `.data`
      -h, --help                           Print help

    Example:
      backend start
      backend start --store fs --data-dir /var/lib/backend
      PGHOST=db PGUSER=backend backend start --store pg --strict
    ");
    let (_, db, _) = said(&home, &["db", "--help"]);
    assert!(db.contains("Exit codes:\n  0  done"), "{db}");
}
