use std::process::Stdio;

use insta::assert_snapshot;

use super::layouts::{files, places};
use super::run;
use crate::process::Home;

/// The arguments of the program that runs this.
const OWN_ARGUMENTS: &str = "tr '\\0' ' ' < /proc/$PPID/cmdline";

#[test]
fn each_engines_own_program_is_run_without_the_password_in_its_arguments() {
    for place in places() {
        let place = place.migrated();
        let home = &place.home;
        let shell = |args: &[&str]| run(&mut home.command(), &[&["shell", "todo", "--"], args].concat());
        let system = format!("\\! {OWN_ARGUMENTS}");
        let (sql, shown) = match place.layout {
            "files" => (shell(&["SELECT count(*) FROM todos"]), shell(&[&format!(".shell {OWN_ARGUMENTS}")])),
            "mysql" => (shell(&["-Ne", "SELECT count(*) FROM todos"]), shell(&["-e", &system])),
            _ => (shell(&["-XAtc", "SELECT count(*) FROM todos"]), shell(&["-Xc", &system])),
        };
        assert_eq!(sql, (Some(0), "0\n".to_owned(), String::new()), "{}", place.layout);
        assert_eq!(shown.0, Some(0), "{}: {}", place.layout, shown.2);
        assert!(shown.1.contains("/proc/"), "{}: {}", place.layout, shown.1);
        if let Some(password) = &place.password {
            assert!(!shown.1.contains(password.as_str()), "{}: {}", place.layout, shown.1);
        }
    }
}

#[test]
fn the_programs_exit_code_and_its_input_are_handed_on() {
    let place = files().migrated();
    assert_eq!(run(&mut place.home.command(), &["shell", "todo", "--", ".exit 3"]).0, Some(3));
    let mut command = place.home.command();
    let child = command.args(["db", "shell", "todo"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.as_ref().unwrap();
    std::io::Write::write_all(&mut input, b"SELECT 6 * 7;\n.exit 5\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stdout).unwrap().as_str()), (Some(5), "42\n"));
}

#[test]
fn interrupts_are_the_programs_and_a_stop_is_handed_on() {
    let place = files().migrated();
    let mut command = place.home.command();
    let mut child = command.args(["db", "shell", "todo", "--", "-bail"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"SELECT 'ready';\n").unwrap();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    assert_eq!(line, "ready\n");
    let kill = |signal: &str| {
        let pid = child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
    };
    // The program did not have it, and goes on.
    kill("-INT");
    std::io::Write::write_all(&mut input, b"SELECT 'still here';\n").unwrap();
    line.clear();
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    assert_eq!(line, "still here\n");
    kill("-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(128 + 15));
}

#[test]
fn what_cannot_be_opened_says_why() {
    let memory = Home::shipped("");
    let (code, _, stderr) = run(&mut memory.command(), &["shell", "todo"]);
    assert_eq!(code, Some(1));
    assert_snapshot!(stderr, @"error: the database is in memory, in the backend that runs: there is nothing to open");
    let place = files();
    let (code, _, stderr) = run(&mut place.home.command(), &["shell", "todo"]);
    assert_eq!(code, Some(1));
    assert_snapshot!(stderr, @"error: there is no file `data/todo.sqlite` yet: `backend db create` makes it");
    assert!(!place.home.path().join("data").exists(), "nothing was made");
    let (code, _, stderr) = run(place.home.command().env("PATH", "/nonexistent"), &["shell", "todo"]);
    assert_eq!(code, Some(1));
    assert_snapshot!(stderr, @"error: `sqlite3` is not on the `PATH`: install `sqlite3` (Debian, Ubuntu) or `sqlite` (Fedora, Alpine, Homebrew)");
    let (code, _, stderr) = run(&mut memory.command(), &["shell", "tood"]);
    assert_eq!(code, Some(2));
    assert_snapshot!(stderr, @"error: there is no plugin `tood` with a database; did you mean `todo`?");
    let (code, _, stderr) = run(&mut memory.command(), &["shell"]);
    assert_eq!(code, Some(2));
    assert_snapshot!(stderr, @r"
    error: the following required arguments were not provided:
      <PLUGIN>

    Usage: backend db shell <PLUGIN> [-- <ARGUMENTS>...]

    For more information, try '--help'.
    ");
}

#[test]
fn help() {
    assert_snapshot!(run(&mut Home::with_config("").command(), &["shell", "--help"]).1, @r"
    Open a plugin's database in `psql`, `sqlite3` or `mysql`

    Usage: backend db shell [OPTIONS] <PLUGIN> [-- <ARGUMENTS>...]

    Arguments:
      <PLUGIN>        Whose database
      [ARGUMENTS]...  Handed on to the program

    Options:
          --config <FILE|URL>              Config file, or its URL, to read instead of `app-config.yaml` and the like in the working directory or above. Repeatable: a later one overrides an earlier one
          --env-file <FILE>                File of variables, as `NAME=value`, for what the environment does not have. Repeatable
          --config-reload-interval <TIME>  How often to ask the URLs among the config's files for changes: `60s`, `5m`, a number of seconds [default: 60s]
          --store <WHERE>                  Where all plugins keep their data, whatever `backend.database` says: `memory`, `fs` (SQLite files in `--data-dir`), or `pg` (the PostgreSQL that `PGHOST`, `PGUSER`, ... name)
          --data-dir <FOLDER>              The folder of `--store fs`, with a SQLite file for each plugin. Default: `.data`
      -h, --help                           Print help

    The program is called with the host, user, search path, role and TLS that the plugin's migrations have (with
    `backend.database.migrationConnection`, past a pooler). The password is as it is now, also a cloud's token, and is handed
    over in the environment or in a private file, never on the command line. A private PostgreSQL (`embedded-postgres`) runs for
    as long as the shell. Exit code: the program's.

    Example:
      backend db shell catalog
      backend db shell catalog -- -c 'SELECT count(*) FROM refresh_state'
    ");
}
