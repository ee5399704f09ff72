//! What stands in source files.

use super::{files, none_of, read};

const MOST_LINES: usize = 600;

/// What opens a connection to a server.
const OPENS: [&str; 5] = ["ConnectOptions", "Database::connect", "MySqlPool", "PgPool", "SqlitePool"];
/// What names an engine's connection, or opens a file.
const NAMES: [&str; 5] = ["MySqlConnection", "PgConnection", "SqliteConnection", "use rusqlite", "use sqlx"];

/// The lines, counted from 1, that have one of `words`.
fn lines_with(source: &str, words: &[&'static str]) -> Vec<(usize, &'static str)> {
    let code = source.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.filter_map(|(index, line)| Some((index + 1, *words.iter().find(|it| line.contains(**it))?))).collect()
}

/// What must not stand in this file. The tools are given their connections.
fn forbidden(file: &str) -> Vec<&'static str> {
    if !file.contains("/src/") || file.starts_with("packages/backend-defaults/src/database") {
        Vec::new()
    } else if file.starts_with("packages/database-tools/") {
        OPENS.to_vec()
    } else {
        [OPENS, NAMES].concat()
    }
}

#[test]
fn connections_are_opened_in_one_place() {
    let sources = files("*.rs").into_iter().filter(|file| !forbidden(file).is_empty()).collect::<Vec<_>>();
    assert!(sources.len() > 30, "hardly any sources were found: {sources:?}");
    none_of(sources.iter().flat_map(|file| {
        let rule = "only `backend-defaults/src/database` opens connections to servers";
        let found = lines_with(&read(file), &forbidden(file));
        found.into_iter().map(move |(line, name)| format!("{file}:{line}: `{name}`: {rule}"))
    }));
}

#[test]
fn what_opens_a_connection_is_found() {
    let source = "/// Not `Database::connect`.\nuse sqlx::Row;\nlet target = \"sqlx::query\";\nlet it = SqlitePool::connect(url);\n";
    let found = |file| lines_with(source, &forbidden(file));
    assert_eq!(found("plugins/todo/src/store.rs"), [(2, "use sqlx"), (4, "SqlitePool")]);
    assert_eq!(found("packages/backend-defaults/src/http/mod.rs").len(), 2);
    assert_eq!(found("packages/database-tools/src/site.rs"), [(4, "SqlitePool")]);
    assert_eq!(found("packages/backend-defaults/src/database/sqlite.rs"), []);
    assert_eq!(found("packages/backend-defaults/tests/it/database.rs"), []);
}

/// What is wrong with the length of a file.
fn too_long(file: &str, source: &str) -> Option<String> {
    let lines = source.lines().count();
    (lines > MOST_LINES).then(|| format!("{file}: {lines} lines are more than one idea; at most {MOST_LINES}"))
}

#[test]
fn no_source_file_is_long() {
    none_of(files("*.rs").iter().filter_map(|file| too_long(file, &read(file))));
    assert_eq!(too_long("a.rs", &"\n".repeat(600)), None);
    assert_eq!(too_long("a.rs", &"\n".repeat(601)).unwrap(), "a.rs: 601 lines are more than one idea; at most 600");
}
