//! What stands in source files.

use super::{files, none_of, read};

const MOST_LINES: usize = 600;

/// Names of engines' connections and pools, and what opens one.
const CONNECTS: [&str; 10] = [
    "ConnectOptions",
    "Database::connect",
    "MySqlConnection",
    "MySqlPool",
    "PgConnection",
    "PgPool",
    "SqliteConnection",
    "SqlitePool",
    "use rusqlite",
    "use sqlx",
];

/// The lines, counted from 1, that open a connection or name one of an engine.
fn connects(source: &str) -> Vec<(usize, &'static str)> {
    let code = source.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.filter_map(|(index, line)| Some((index + 1, *CONNECTS.iter().find(|it| line.contains(**it))?))).collect()
}

/// Whether the rule about connections holds for this file.
fn must_not_connect(file: &str) -> bool {
    file.contains("/src/") && !file.starts_with("packages/backend-defaults/src/database")
}

#[test]
fn connections_are_opened_in_one_place() {
    let sources = files("*.rs").into_iter().filter(|file| must_not_connect(file)).collect::<Vec<_>>();
    assert!(sources.len() > 30, "hardly any sources were found: {sources:?}");
    none_of(sources.iter().flat_map(|file| {
        let rule = "only `backend-defaults/src/database` opens connections";
        connects(&read(file)).into_iter().map(move |(line, name)| format!("{file}:{line}: `{name}`: {rule}"))
    }));
}

#[test]
fn what_opens_a_connection_is_found() {
    let source = "/// Not `Database::connect`.\nuse sqlx::Row;\nlet target = \"sqlx::query\";\nlet it = SqlitePool::connect(url);\n";
    assert_eq!(connects(source), [(2, "use sqlx"), (4, "SqlitePool")]);
    assert!(must_not_connect("plugins/todo/src/store.rs"));
    assert!(must_not_connect("packages/backend-defaults/src/http/mod.rs"));
    assert!(!must_not_connect("packages/backend-defaults/src/database/sqlite.rs"));
    assert!(!must_not_connect("packages/backend-defaults/tests/it/database.rs"));
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
