//! The examples of Backstage's documents.

use insta::assert_snapshot;
use serde_json::json;

use super::{plans, plans_in};

/// <https://backstage.io/docs/getting-started/config/database>
#[test]
fn setting_postgresql_up() {
    assert_snapshot!(plans(json!({
        "client": "pg",
        "connection": { "host": "127.0.0.1", "port": "5432", "user": "postgres", "password": "secret" },
    })), @"
    catalog pg 127.0.0.1:5432/backstage_plugin_catalog 10 30s 30s
        as postgres:secret, tls Allow /home/me/.postgresql/root.crt
    todo pg 127.0.0.1:5432/backstage_plugin_todo 10 30s 30s
        as postgres:secret, tls Allow /home/me/.postgresql/root.crt
    ");
    assert_snapshot!(plans(json!({
        "client": "pg",
        "connection": {
            "host": "db.example.com", "port": 5432, "user": "postgres", "password": "secret",
            "ssl": { "ca": "-----BEGIN CERTIFICATE-----\n...", "rejectUnauthorized": true },
        },
    })), @"
    catalog pg db.example.com:5432/backstage_plugin_catalog 10 30s 30s
        as postgres:secret, tls VerifyFull -----BEGIN CERTIFICATE-----
    todo pg db.example.com:5432/backstage_plugin_todo 10 30s 30s
        as postgres:secret, tls VerifyFull -----BEGIN CERTIFICATE-----
    ");
}

/// <https://backstage.io/docs/tutorials/switching-sqlite-postgres>
#[test]
fn switching_from_sqlite_to_postgresql() {
    let sqlite = json!({ "client": "better-sqlite3", "connection": ":memory:" });
    assert_snapshot!(plans(sqlite), @"
    catalog better-sqlite3 in memory 5 30s 30s
    todo better-sqlite3 in memory 5 30s 30s
    ");
    assert_snapshot!(plans(json!({
        "client": "pg",
        "pluginDivisionMode": "database",
        "connection": { "host": "db", "port": 5432, "user": "backstage", "password": "secret" },
        "knexConfig": { "pool": { "min": 3, "max": 12, "acquireTimeoutMillis": 60000, "idleTimeoutMillis": 60000 } },
    })), @"
    catalog pg db:5432/backstage_plugin_catalog 12 60s 30s
        as backstage:secret, tls Prefer /home/me/.postgresql/root.crt
    todo pg db:5432/backstage_plugin_todo 12 60s 30s
        as backstage:secret, tls Prefer /home/me/.postgresql/root.crt
    ");
    // A pool of its own for one plugin.
    assert_snapshot!(plans(json!({
        "client": "pg",
        "connection": { "host": "db", "user": "backstage" },
        "knexConfig": { "pool": { "max": 5, "acquireTimeoutMillis": 60000 } },
        "plugin": { "catalog": { "knexConfig": { "pool": { "max": 15 } } } },
    })), @"
    catalog pg db:5432/backstage_plugin_catalog 15 60s 30s
        as backstage, tls Prefer /home/me/.postgresql/root.crt
    todo pg db:5432/backstage_plugin_todo 5 60s 30s
        as backstage, tls Prefer /home/me/.postgresql/root.crt
    ");
}

#[test]
fn a_single_database() {
    assert_snapshot!(plans(json!({
        "client": "pg",
        "pluginDivisionMode": "schema",
        "connection": { "host": "db", "user": "backstage", "password": "secret", "database": "portal" },
    })), @"
    catalog pg db:5432/portal schema catalog 10 30s 30s
        as backstage:secret, tls Prefer /home/me/.postgresql/root.crt
    todo pg db:5432/portal schema todo 10 30s 30s
        as backstage:secret, tls Prefer /home/me/.postgresql/root.crt
    ");
    assert_snapshot!(plans(json!({
        "client": "pg",
        "pluginDivisionMode": "schema",
        "schemaPrefix": "bs_",
        "connection": "postgresql://backstage:secret@db:6432/portal",
        "ensureExists": false,
        "ensureSchemaExists": true,
        "role": "portal_owner",
    })), @"
    catalog pg db:6432/portal schema bs_catalog 10 30s 30s
        as backstage:secret, role portal_owner, ensures schema, tls Prefer /home/me/.postgresql/root.crt
    todo pg db:6432/portal schema bs_todo 10 30s 30s
        as backstage:secret, role portal_owner, ensures schema, tls Prefer /home/me/.postgresql/root.crt
    ");
    // libpq's names, as there is none in the config.
    let schema = json!({ "client": "pg", "pluginDivisionMode": "schema", "connection": { "host": "db" } });
    assert_snapshot!(plans_in(schema.clone(), &[("PGDATABASE", "portal"), ("PGUSER", "backstage")]), @"
    catalog pg db:5432/portal schema catalog 10 30s 30s
        as backstage, tls Prefer /home/me/.postgresql/root.crt
    todo pg db:5432/portal schema todo 10 30s 30s
        as backstage, tls Prefer /home/me/.postgresql/root.crt
    ");
    assert_snapshot!(plans(schema), @"
    catalog pg db:5432/me schema catalog 10 30s 30s
        as me, tls Prefer /home/me/.postgresql/root.crt
    todo pg db:5432/me schema todo 10 30s 30s
        as me, tls Prefer /home/me/.postgresql/root.crt
    ");
}

/// <https://backstage.io/docs/tutorials/configuring-plugin-databases>
#[test]
fn configuring_plugin_databases() {
    // A client of its own does not inherit the base's connection.
    assert_snapshot!(plans(json!({
        "client": "pg",
        "connection": { "host": "db", "user": "backstage", "password": "secret" },
        "plugin": { "todo": { "client": "better-sqlite3", "connection": ":memory:" } },
    })), @"
    catalog pg db:5432/backstage_plugin_catalog 10 30s 30s
        as backstage:secret, tls Prefer /home/me/.postgresql/root.crt
    todo better-sqlite3 in memory 5 30s 30s
    ");
    assert_snapshot!(plans(json!({
        "client": "better-sqlite3",
        "connection": { "directory": "/var/db" },
        "plugin": { "catalog": { "client": "pg", "connection": "postgresql://u:p@db/catalog?sslmode=require" } },
    })), @"
    catalog pg db:5432/catalog 10 30s 30s
        as u:p, tls Require /home/me/.postgresql/root.crt
    todo better-sqlite3 /var/db/todo.sqlite 5 30s 30s
    ");
    // A database of its own, and a connection of its own.
    assert_snapshot!(plans(json!({
        "client": "pg",
        "connection": { "host": "db", "user": "backstage", "password": "secret", "database": "not_used" },
        "prefix": "my_company_",
        "plugin": {
            "catalog": { "connection": { "database": "entities", "host": "fast-db" }, "ensureExists": false },
            "todo": { "connection": { "user": "todo", "password": "other" }, "role": "todo_owner" },
        },
    })), @"
    catalog pg fast-db:5432/entities 10 30s 30s
        as backstage:secret, ensures nothing, tls Prefer /home/me/.postgresql/root.crt
    todo pg db:5432/my_company_todo 10 30s 30s
        as todo:other, role todo_owner, tls Prefer /home/me/.postgresql/root.crt
    ");
    assert_snapshot!(plans(json!({
        "client": "pg",
        "connection": "postgresql://backstage:secret@db",
        "skipMigrations": true,
        "plugin": { "catalog": { "connection": "postgresql:///entities", "skipMigrations": false } },
    })), @"
    catalog pg db:5432/entities 10 30s 30s
        as backstage:secret, tls Prefer /home/me/.postgresql/root.crt
    todo pg db:5432/backstage_plugin_todo 10 30s 30s Skip
        as backstage:secret, tls Prefer /home/me/.postgresql/root.crt
    ");
}
