use insta::{allow_duplicates, assert_snapshot};
use serde_json::{Value, json};
use test_servers::{Postgres, SqlServer};

use super::{Names, Place, run};
use crate::process::Home;

fn tables(place: &Place, plugin: &str) -> u64 {
    place.status()["plugins"][plugin]["tables"].as_array().map_or(0, |it| it.len() as u64)
}

#[test]
fn from_nothing_to_nothing_in_every_layout() {
    for place in Place::all() {
        let layout = place.layout;
        place.make();
        let (code, stdout, stderr) = place.db(&["truncate", "--yes", "--json"]);
        assert_eq!(code, Some(0), "{layout}: {stderr}");
        let done: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(done["plugins"]["todo"]["done"], "emptied", "{layout}");
        assert_eq!(done["plugins"]["catalog"]["error"], Value::Null, "{layout}");
        assert_eq!(place.status()["plugins"]["todo"]["migrations"]["applied"].as_array().unwrap().len(), 2, "{layout}");

        let (code, stdout, stderr) = place.db(&["drop", "--yes", "--plugin", "todo"]);
        assert_eq!(code, Some(0), "{layout}: {stderr}");
        assert!(stdout.starts_with("dropped ") && stdout.lines().count() == 1, "{layout}: {stdout}");
        let status = place.status();
        assert_eq!(status["plugins"]["todo"]["exists"], false, "{layout}");
        assert_eq!(status["plugins"]["catalog"]["exists"], true, "{layout}");

        let (code, stdout, stderr) = place.db(&["drop", "--yes", "--plugin", "todo"]);
        assert_eq!((code, stdout.as_str()), (Some(0), ""), "{layout}: {stderr}");
        assert!(stderr.starts_with("`todo`: ") && stderr.ends_with(" is not there\n"), "{layout}: {stderr}");
        let (code, stdout, stderr) = place.db(&["reset", "--yes", "--plugin", "todo"]);
        assert_eq!(code, Some(0), "{layout}: {stderr}");
        assert!(stdout.starts_with("reset "), "{layout}: {stdout}");
        assert_eq!(tables(&place, "todo"), 1, "{layout}");
    }
}

#[test]
fn what_is_shown_before() {
    let place = Place::files();
    place.make();
    let (code, stdout, stderr) = place.db(&["drop", "--plugin", "todo"]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert_snapshot!(stderr, @"
    to be destroyed:

    plugin  database          tables  rows
    todo    data/todo.sqlite       1     0

    error: nobody is there to be asked: `--yes` says that it is meant
    ");
    let (code, stdout, stderr) = place.db(&["drop", "--plugin", "todo", "--yes"]);
    assert_eq!(code, Some(0));
    assert_snapshot!(stdout, @"dropped data/todo.sqlite");
    assert_snapshot!(stderr, @"
    to be destroyed:

    plugin  database          tables  rows
    todo    data/todo.sqlite       1     0
    ");

    let place = Place::schemas();
    place.make();
    for (command, said) in [("truncate", "to be emptied"), ("reset", "made again and migrated")] {
        let (code, _, stderr) = place.db(&[command]);
        assert_eq!(code, Some(2));
        assert!(stderr.contains(said), "{stderr}");
    }
    let (_, stdout, stderr) = place.db(&["drop", "--yes"]);
    assert_snapshot!(stderr, @"
    to be destroyed:

    plugin   server           database             schema   tables  rows
    catalog  127.0.0.1:00000  it________________0  catalog       5     0
    todo     127.0.0.1:00000  it________________0  todo          1     0
    ");
    assert_snapshot!(stdout, @"
    dropped 127.0.0.1:00000/it________________0 schema catalog
    dropped 127.0.0.1:00000/it________________0 schema todo
    ");

    let place = Place::postgres();
    place.make();
    let (_, stdout, stderr) = place.db(&["reset", "--yes"]);
    assert_snapshot!(stderr, @"
    to be destroyed, made again and migrated:

    plugin   server           database                   tables  rows
    catalog  127.0.0.1:00000  it________________catalog       5     0
    todo     127.0.0.1:00000  it________________todo          1     0
    ");
    assert_snapshot!(stdout, @"
    reset 127.0.0.1:00000/it________________catalog
    reset 127.0.0.1:00000/it________________todo
    ");
}

#[test]
fn production() {
    let place = Place::files();
    place.make();
    for command in ["drop", "reset", "truncate"] {
        let mut production = place.home.command();
        let (code, stdout, stderr) = run(production.env("BACKSTAGE_ENV", "eu,production"), &[command, "--yes"]);
        assert_eq!((code, stdout.as_str()), (Some(1), ""));
        allow_duplicates! { assert_snapshot!(stderr, @"error: `BACKSTAGE_ENV` says that this is production: nothing is destroyed here without `--production`") }
    }
    assert_eq!(tables(&place, "todo"), 1);
    let mut production = place.home.command();
    let (code, ..) = run(production.env("BACKSTAGE_ENV", "production"), &["drop", "--yes", "--production"]);
    assert_eq!(code, Some(0));
}

#[test]
fn nothing_is_done_to_any_if_one_is_refused() {
    let place = Place::postgres();
    place.make();
    let Names::Postgres(scratch) = &place.names else { panic!("it is PostgreSQL") };
    let (server, database) = (Postgres::shared().unwrap(), format!("{}catalog", scratch.prefix()));
    server.sql(&format!("COMMENT ON DATABASE {database} IS 'mine'")).unwrap();
    server.sql_in(&database, "DELETE FROM greenroom_stamp").unwrap();
    for command in ["drop", "reset", "truncate"] {
        let (code, stdout, stderr) = place.db(&[command, "--yes", "--force"]);
        assert_eq!((code, stdout.as_str()), (Some(1), ""));
        allow_duplicates! { assert_snapshot!(stderr, @"
        error: `catalog`: 127.0.0.1:00000/it________________catalog is not stamped as Greenroom's, so that it is left alone; if you vouch that it may be destroyed, stamp it first: `backend db adopt --plugin catalog`
        nothing was done
        ") }
    }
    assert_eq!(tables(&place, "todo"), 1);
    assert_eq!(place.db(&["drop", "--yes", "--plugin", "todo"]).0, Some(0));
}

/// One that runs has its databases open.
#[test]
fn beside_a_backend_that_runs() {
    for place in Place::all() {
        let layout = place.layout;
        let backend = place.home.start();
        let (code, stdout, stderr) = place.db(&["drop", "--yes", "--plugin", "todo"]);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{layout}: {stderr}");
        assert!(stderr.contains(" is in use: pid ") && stderr.ends_with("nothing was done\n"), "{layout}: {stderr}");
        if layout == "files" {
            assert!(stderr.contains("; stop them first"), "{stderr}");
            assert_eq!(place.db(&["drop", "--yes", "--force", "--plugin", "todo"]).0, Some(1));
            assert_eq!(tables(&place, "todo"), 1);
        } else {
            assert_eq!(stderr.contains("application `backstage_plugin_todo`"), layout != "mysql", "{stderr}");
            assert!(stderr.contains("by `--force`"), "{layout}: {stderr}");
            let (code, _, stderr) = place.db(&["drop", "--yes", "--force", "--plugin", "todo"]);
            assert_eq!(code, Some(0), "{layout}: {stderr}");
            assert!(stderr.contains("sessions to end"), "{layout}: {stderr}");
            assert_eq!(place.status()["plugins"]["todo"]["exists"], false, "{layout}");
        }
        drop(backend);
    }
}

#[test]
fn what_greenroom_does_not_make() {
    let place = Place::schemas();
    place.make();
    place.configure(json!({ "ensureExists": false }));
    let (code, _, stderr) = place.db(&["drop", "--yes", "--plugin", "todo"]);
    assert_eq!(code, Some(1));
    assert_snapshot!(stderr, @r#"
    error: `todo`: `backend.database.ensureExists` is off, so that 127.0.0.1:00000/it________________0 schema todo is not Greenroom's to drop; delete its rows by `backend db truncate --plugin todo`, or let an administrator run `DROP SCHEMA "todo" CASCADE`
    nothing was done
    "#);
    assert_eq!(place.db(&["truncate", "--yes"]).0, Some(0));
}

#[test]
fn in_memory() {
    let home = Home::with_config("{}");
    let (code, stdout, stderr) = run(&mut home.command(), &["reset", "--yes"]);
    assert_eq!((code, stdout.as_str()), (Some(0), ""));
    assert_snapshot!(stderr, @"
    `catalog` is in memory: there is nothing to reset
    `todo` is in memory: there is nothing to reset
    ");
}

#[test]
fn help() {
    let home = Home::with_config("");
    assert_snapshot!(run(&mut home.command(), &["drop", "--help"]).1, @r"
    Destroy databases and schemas that Greenroom made

    Usage: backend db drop [OPTIONS]

    Options:
          --plugin <ID>                    This plugin alone. Repeatable
          --yes                            Without asking
          --production                     Also in a production environment (`BACKSTAGE_ENV`)
          --force                          End the sessions of others that use it. Processes that have a SQLite file open are never ended
          --json                           As JSON
          --config <FILE|URL>              Config file, or its URL, to read instead of `app-config.yaml` and the like in the working directory or above. Repeatable: a later one overrides an earlier one
          --env-file <FILE>                File of variables, as `NAME=value`, for what the environment does not have. Repeatable
          --config-reload-interval <TIME>  How often to ask the URLs among the config's files for changes: `60s`, `5m`, a number of seconds [default: 60s]
          --store <WHERE>                  Where all plugins keep their data, whatever `backend.database` says: `memory`, `fs` (SQLite files in `--data-dir`), or `pg` (the PostgreSQL that `PGHOST`, `PGUSER`, ... name)
          --data-dir <FOLDER>              The folder of `--store fs`, with a SQLite file for each plugin. Default: `.data`
      -h, --help                           Print help

    Only what is stamped as Greenroom's is touched: what it made, and what `backend db adopt` vouches for. All plugins are
    checked before the first is dropped.

    Example:
      backend db drop --plugin todo --yes
    ");
}
