use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{plans, plans_in};

/// The plans of what lies over a server behind a pooler.
fn pooled(over: Value) -> String {
    plans(config(over))
}

fn config(over: Value) -> Value {
    let mut config = json!({
        "client": "pg", "pooler": "transaction",
        "connection": { "host": "pooler", "port": 6432, "user": "app", "password": "secret" },
    });
    config.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
    config
}

#[test]
fn migrations_go_past_a_pooler() {
    assert_snapshot!(pooled(json!({ "migrationConnection": { "host": "db" } })), @"
    catalog pg pooler:6432/backstage_plugin_catalog 10 30s 30s
        as app:secret, by a pooler (Transaction), migrates at db:5432 as app:secret, tls Prefer /home/me/.postgresql/root.crt
    todo pg pooler:6432/backstage_plugin_todo 10 30s 30s
        as app:secret, by a pooler (Transaction), migrates at db:5432 as app:secret, tls Prefer /home/me/.postgresql/root.crt
    ");
    assert_snapshot!(pooled(json!({ "migrationConnection": { "port": 5433, "password": "other" } })), @"
    catalog pg pooler:6432/backstage_plugin_catalog 10 30s 30s
        as app:secret, by a pooler (Transaction), migrates at pooler:5433 as app:other, tls Prefer /home/me/.postgresql/root.crt
    todo pg pooler:6432/backstage_plugin_todo 10 30s 30s
        as app:secret, by a pooler (Transaction), migrates at pooler:5433 as app:other, tls Prefer /home/me/.postgresql/root.crt
    ");
    assert_snapshot!(pooled(json!({ "migrationConnection": "postgresql://owner@db/not_used_in_this_mode" })), @"
    catalog pg pooler:6432/backstage_plugin_catalog 10 30s 30s
        as app:secret, by a pooler (Transaction), migrates at db:5432 as owner, tls Prefer /home/me/.postgresql/root.crt
    todo pg pooler:6432/backstage_plugin_todo 10 30s 30s
        as app:secret, by a pooler (Transaction), migrates at db:5432 as owner, tls Prefer /home/me/.postgresql/root.crt
    ");
    assert_snapshot!(pooled(json!({
        "pluginDivisionMode": "schema", "migrationConnection": { "host": "db", "database": "portal" }, "admin": { "user": "admin", "password": "a" },
    })), @"
    catalog pg pooler:6432/app schema catalog 10 30s 30s
        as app:secret, by a pooler (Transaction), migrates at db:5432/portal as app:secret, made by admin:a, tls Prefer /home/me/.postgresql/root.crt
    todo pg pooler:6432/app schema todo 10 30s 30s
        as app:secret, by a pooler (Transaction), migrates at db:5432/portal as app:secret, made by admin:a, tls Prefer /home/me/.postgresql/root.crt
    ");
    // Its own for a plugin.
    assert_snapshot!(pooled(json!({
        "migrationConnection": { "host": "db" },
        "plugin": {
            "catalog": { "connection": { "user": "catalog" } },
            "todo": { "connection": { "host": "elsewhere" }, "migrationConnection": { "host": "db2", "database": "todo" } },
        },
    })), @"
    catalog pg pooler:6432/backstage_plugin_catalog 10 30s 30s
        as catalog:secret, by a pooler (Transaction), migrates at db:5432 as catalog:secret, tls Prefer /home/me/.postgresql/root.crt
    todo pg elsewhere:6432/backstage_plugin_todo 10 30s 30s
        as app:secret, by a pooler (Transaction), migrates at db2:5432/todo as app:secret, tls Prefer /home/me/.postgresql/root.crt
    ");
    // The files of libpq's have a line for it.
    let variables = [("PGPASSFILE", "/etc/pgpass"), ("PGPASSWORD", "of the app")];
    assert_snapshot!(plans_in(config(json!({ "migrationConnection": { "host": "db", "user": "owner" } })), &variables), @r#"
    catalog pg pooler:6432/backstage_plugin_catalog 10 30s 30s
        as app:secret, by a pooler (Transaction), migrates at db:5432 as owner PassFile(PassFile { file: "/etc/pgpass", hosts: [("db", 5432)], database: "backstage_plugin_catalog", user: "owner" }), tls Prefer /home/me/.postgresql/root.crt
    todo pg pooler:6432/backstage_plugin_todo 10 30s 30s
        as app:secret, by a pooler (Transaction), migrates at db:5432 as owner PassFile(PassFile { file: "/etc/pgpass", hosts: [("db", 5432)], database: "backstage_plugin_todo", user: "owner" }), tls Prefer /home/me/.postgresql/root.crt
    "#);
}

#[test]
fn another_role_may_migrate_without_a_pooler() {
    assert_snapshot!(plans(json!({
        "client": "pg", "connection": { "host": "db", "user": "app", "password": "a" },
        "migrationConnection": { "user": "owner", "password": "b" },
    })), @"
    catalog pg db:5432/backstage_plugin_catalog 10 30s 30s
        as app:a, migrates at db:5432 as owner:b, tls Prefer /home/me/.postgresql/root.crt
    todo pg db:5432/backstage_plugin_todo 10 30s 30s
        as app:a, migrates at db:5432 as owner:b, tls Prefer /home/me/.postgresql/root.crt
    ");
}

#[test]
fn who_lets_others_migrate_needs_no_other_way() {
    assert_snapshot!(pooled(json!({ "ensureExists": false, "migrations": "wait" })), @"
    catalog pg pooler:6432/backstage_plugin_catalog 10 30s 30s Wait
        as app:secret, by a pooler (Transaction), ensures nothing, tls Prefer /home/me/.postgresql/root.crt
    todo pg pooler:6432/backstage_plugin_todo 10 30s 30s Wait
        as app:secret, by a pooler (Transaction), ensures nothing, tls Prefer /home/me/.postgresql/root.crt
    ");
    assert_snapshot!(pooled(json!({ "ensureExists": false, "skipMigrations": true, "pluginDivisionMode": "schema" })), @"
    catalog pg pooler:6432/app schema catalog 10 30s 30s Skip
        as app:secret, by a pooler (Transaction), ensures nothing, tls Prefer /home/me/.postgresql/root.crt
    todo pg pooler:6432/app schema todo 10 30s 30s Skip
        as app:secret, by a pooler (Transaction), ensures nothing, tls Prefer /home/me/.postgresql/root.crt
    ");
}

#[test]
fn what_does_not_go_through_a_pooler_is_told() {
    assert_snapshot!(pooled(json!({})), @"`backend.database.pooler`: nothing is made and migrated through a pooler: say how to get to the server itself in `backend.database.migrationConnection`, such as `{ host: db.example.com, port: 5432 }`, or let another backend do it: `ensureExists: false` and `migrations: wait`");
    assert_snapshot!(pooled(json!({ "ensureExists": false, "ensureSchemaExists": true, "migrations": "wait", "pluginDivisionMode": "schema" })), @"`backend.database.pooler`: nothing is made and migrated through a pooler: say how to get to the server itself in `backend.database.migrationConnection`, such as `{ host: db.example.com, port: 5432 }`, or let another backend do it: `ensureExists: false` and `migrations: wait`");
    let options = json!({
        "connection": { "host": "pooler", "user": "app", "options": "-c default_transaction_read_only=on" },
        "migrationConnection": { "host": "db", "prot": 5432, "sslmode": "none" },
    });
    assert_snapshot!(plans_in(config(options), &[("PGOPTIONS", "-c geqo=off")]), @"
    `backend.database.connection.options`: behind a pooler `default_transaction_read_only` would come too late, as it is set when a transaction has begun: set it for the role, by `ALTER ROLE ... SET default_transaction_read_only = ...`
    `backend.database.migrationConnection.prot`: PostgreSQL has no setting `prot`; did you mean `port`?
    `backend.database.migrationConnection.sslmode`: expected one of `disable`, `allow`, `prefer`, `require`, `verify-ca` and `verify-full`
    `backend.database.pooler`: `PGOPTIONS` is sent when connecting, and poolers refuse it: unset that variable, and set `connection.options`
    ");
    assert_snapshot!(pooled(json!({
        "migrationConnection": { "host": "db" }, "plugin": { "todo": { "connection": { "host": "elsewhere" } } },
    })), @"`backend.database.plugin.todo.migrationConnection`: this plugin is on a server of its own: say here how its migrations get there");
    assert_snapshot!(plans(json!({ "pooler": "transaction", "migrationConnection": { "host": "db" } })), @"
    `backend.database.migrationConnection`: this is for PostgreSQL (`client: pg`): remove it
    `backend.database.pooler`: this is for PostgreSQL (`client: pg`): remove it
    ");
    assert_snapshot!(pooled(json!({ "migrationConnection": { "user": "app" } })), @"`backend.database.migrationConnection`: this is the way through the pooler: say what is other on the way to the server itself");
    assert_snapshot!(pooled(json!({ "pooler": "session" })), @r#"`backend.database.pooler`: expected `transaction`, got "session""#);
}
