use insta::assert_snapshot;
use serde_json::{Value, json};

use super::plans;

/// With the settings of both plugins.
fn isolated(more: Value) -> String {
    let mut config =
        json!({ "client": "pg", "isolation": "role", "connection": { "host": "db", "user": "portal", "ssl": false } });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    plans(config)
}

#[test]
fn each_plugin_has_a_role_of_its_own() {
    assert_snapshot!(isolated(json!({})), @"
    catalog pg db:5432/backstage_plugin_catalog 10 30s 30s
        as portal, role backstage_plugin_catalog, isolated, tls Disable
    todo pg db:5432/backstage_plugin_todo 10 30s 30s
        as portal, role backstage_plugin_todo, isolated, tls Disable
    ");
    assert_snapshot!(isolated(json!({
        "pluginDivisionMode": "schema", "prefix": "portal_", "ensureExists": false,
        "plugin": { "todo": { "role": "todo_owner", "ensureSchemaExists": true } },
    })), @"
    catalog pg db:5432/portal schema catalog 10 30s 30s
        as portal, role portal_catalog, isolated, no role made, ensures nothing, tls Disable
    todo pg db:5432/portal schema todo 10 30s 30s
        as portal, role todo_owner, isolated, ensures schema, tls Disable
    ");
    assert_snapshot!(plans(json!({ "client": "embedded-postgres", "isolation": "role" })), @"
    catalog embedded-postgres .data/postgres/backstage_plugin_catalog 10 30s 30s
        role backstage_plugin_catalog, isolated, tls Disable
    todo embedded-postgres .data/postgres/backstage_plugin_todo 10 30s 30s
        role backstage_plugin_todo, isolated, tls Disable
    ");
}

#[test]
fn what_is_no_isolation_is_a_mistake() {
    let mistakes = [
        json!({ "role": "portal_owner" }),
        json!({ "client": "better-sqlite3", "connection": ":memory:" }),
        json!({ "plugin": { "todo": { "client": "mysql2", "connection": { "host": "db", "user": "u" } } } }),
        json!({ "plugin": { "todo": { "role": "backstage_plugin_catalog" } } }),
        json!({ "plugin": { "todo": { "role": "one" }, "catalog": { "role": "one", "connection": { "database": "x" } } } }),
        json!({ "pluginDivisionMode": "schema", "prefix": "p".repeat(60) }),
        json!({ "isolation": "roles" }),
    ];
    assert_snapshot!(mistakes.map(isolated).join("\n"), @r#"
    `backend.database.role`: with `isolation: role` each plugin has a role of its own: remove one of the two
    `backend.database.isolation`: SQLite has no roles that own tables: only PostgreSQL has this
    `backend.database.isolation`: MySQL has no roles that own tables: only PostgreSQL has this
    `backend.database.plugin.todo.role`: plugins `catalog` and `todo` would share the role `backstage_plugin_catalog` of `db:5432`
    `backend.database.plugin.todo.role`: plugins `catalog` and `todo` would share the role `one` of `db:5432`
    `backend.database.prefix`: the role `ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppcatalog` of plugin `catalog` would have 67 bytes, and PostgreSQL's names have at most 63: shorten the prefix `pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp`
    `backend.database.prefix`: the role `pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppptodo` of plugin `todo` would have 64 bytes, and PostgreSQL's names have at most 63: shorten the prefix `pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp`
    `backend.database.isolation`: expected `none` or `role`, got "roles", did you mean `role`?
    "#);
}
