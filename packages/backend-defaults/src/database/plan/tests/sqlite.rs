use insta::assert_snapshot;
use serde_json::json;

use super::plans;

#[test]
fn nothing_configured_is_memory() {
    assert_snapshot!(plans(json!({})), @"
    catalog better-sqlite3 in memory 5 30s 30s
    todo better-sqlite3 in memory 5 30s 30s
    ");
    assert_eq!(plans(json!({})), plans(json!({ "client": "better-sqlite3", "connection": ":memory:" })));
    assert_eq!(plans(json!({})), plans(json!({ "connection": { "filename": ":memory:" } })));
    assert_eq!(plans(json!({})), plans(json!({ "connection": {} })));
}

#[test]
fn a_directory_has_a_file_for_each() {
    assert_snapshot!(plans(json!({ "client": "sqlite3", "connection": { "directory": "./data/db" } })), @"
    catalog sqlite3 data/db/catalog.sqlite 5 30s 30s
    todo sqlite3 data/db/todo.sqlite 5 30s 30s
    ");
}

#[test]
fn plugins_override_the_base() {
    assert_snapshot!(plans(json!({
        "connection": { "directory": "/var/lib/greenroom" },
        "prefix": "backstage_", "ensureExists": true, "skipMigrations": false,
        "knexConfig": { "useNullAsDefault": true, "acquireConnectionTimeout": 100,
                        "pool": { "min": 0, "max": 10, "idleTimeoutMillis": 1 } },
        "plugin": {
            "catalog": { "connection": { "filename": "entities.db" }, "knexConfig": { "pool": { "max": 1 } } },
            "todo": { "connection": ":memory:", "knexConfig": { "pool": { "acquireTimeoutMillis": 5 } } },
        },
    })), @"
    catalog better-sqlite3 /var/lib/greenroom/entities.db 1 100ms 30s
    todo better-sqlite3 in memory 10 5ms 30s
    ");
    assert_snapshot!(plans(json!({ "plugin": {
        "catalog": { "connection": "file:///srv/catalog.sqlite" },
        "todo": { "client": "sqlite3", "connection": { "directory": "todo" } },
    } })), @"
    catalog better-sqlite3 /srv/catalog.sqlite 5 30s 30s
    todo sqlite3 todo/todo.sqlite 5 30s 30s
    ");
}

#[test]
fn both_names_of_sqlite_are_one_client() {
    assert_snapshot!(plans(json!({
        "client": "better-sqlite3", "connection": { "directory": "data" }, "plugin": { "todo": { "client": "sqlite3" } },
    })), @"
    catalog better-sqlite3 data/catalog.sqlite 5 30s 30s
    todo sqlite3 data/todo.sqlite 5 30s 30s
    ");
}

#[test]
fn mistakes_are_told_where_they_are_and_once() {
    assert_snapshot!(plans(json!({ "client": "sqlite", "plugin": { "todo": { "client": "postgress" } } })), @"
    `backend.database.client`: there is no client `sqlite`; did you mean `better-sqlite3`?
    `backend.database.plugin.todo.client`: there is no client `postgress`; there are `better-sqlite3`, `sqlite3`, `pg`, `embedded-postgres`, `mysql2` and `mysql`
    ");
    assert_snapshot!(plans(json!({ "client": "oracle", "pluginDivisionMode": "schema" })), @"`backend.database.client`: there is no client `oracle`; there are `better-sqlite3`, `sqlite3`, `pg`, `embedded-postgres`, `mysql2` and `mysql`");
    assert_snapshot!(plans(json!({
        "connection": { "filename": "all.sqlite", "directory": 3, "fliename": "a" }, "pluginDivisionMode": "schema",
        "skipMigrations": true, "knexConfig": { "pool": { "max": 0 } },
    })), @"
    `backend.database.connection.directory`: expected a path
    `backend.database.connection.filename`: plugins cannot share one file: set `connection.directory`, or `plugin.<id>.connection.filename`
    `backend.database.connection.fliename`: SQLite has no such setting; did you mean `filename`?
    `backend.database.knexConfig.pool.max`: expected at least 1
    `backend.database.pluginDivisionMode`: SQLite has no schemas: each plugin has a database of its own (`database`)
    ");
    assert_snapshot!(plans(json!({ "connection": "all.sqlite" })), @"`backend.database.connection`: plugins cannot share one file: set `connection.directory`, or `plugin.<id>.connection.filename`");
    assert_snapshot!(plans(json!({ "connection": "postgresql://u:p@localhost/db" })), @"`backend.database.connection`: expected the path of a file, or `:memory:`: this is the address of a server");
    assert_snapshot!(plans(json!({
        "connection": { "directory": "data" },
        "plugin": {
            "catalgo": {},
            "a.b": {},
            "catalog": { "connection": "", "skipMigrations": true },
            "todo": { "connection": "file:a?mode=ro", "knexConfig": { "pool": { "min": 2, "max": 1 } } },
        },
    })), @r#"
    `backend.database.plugin.catalgo`: this backend has no plugin `catalgo`; did you mean `catalog`?
    `backend.database.plugin.catalog.connection`: expected the path of a file, or `:memory:`
    `backend.database.plugin.todo.connection`: parameters of `file:` are not supported: write the path alone
    `backend.database.plugin.todo.knexConfig.pool.min`: 2 is more than `max`, which is 1
    `backend.database.plugin["a.b"]`: this backend has no plugin `a.b`
    "#);
    assert_snapshot!(plans(json!({
        "connection": { "directory": "data" },
        "plugin": { "catalog": { "connection": { "filename": "./todo.sqlite" } } },
    })), @"`backend.database.plugin.catalog.connection`: plugins `catalog` and `todo` would share the file `data/todo.sqlite`");
}
