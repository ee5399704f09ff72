use config::{Config, Sources};
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{plans, plans_from, plans_in};

fn pg(connection: Value) -> Value {
    json!({ "client": "pg", "connection": connection })
}

/// The first plugin's alone.
fn catalog(connection: Value, variables: &[(&str, &str)]) -> String {
    let both = plans_in(pg(connection), variables);
    both.split("\ntodo ").next().unwrap().to_owned()
}

#[test]
fn libpqs_environment_fills_in() {
    let variables = [
        ("PGHOST", "a.example.com,b.example.com"),
        ("PGPORT", "5433"),
        ("PGUSER", "backstage"),
        ("PGPASSWORD", "secret"),
        ("PGSSLMODE", "verify-full"),
        ("PGSSLROOTCERT", "/etc/ca.pem"),
        ("PGSSLCERT", "/etc/me.pem"),
        ("PGSSLKEY", "/etc/me.key"),
        ("PGAPPNAME", "portal"),
        ("PGOPTIONS", "-c geqo=off --statement-timeout=5min"),
        ("PGCONNECT_TIMEOUT", "7"),
        ("PGTARGETSESSIONATTRS", "read-write"),
        ("PGDATABASE", "not_used_in_this_mode"),
    ];
    assert_snapshot!(catalog(json!({}), &variables), @"
    catalog pg a.example.com:5433,b.example.com:5433/backstage_plugin_catalog 10 30s 30s
        as backstage:secret, tls VerifyFull /etc/ca.pem, /etc/me.pem+/etc/me.key, ReadWrite, portal, geqo=off, statement_timeout=5min, connect 7s
    ");
    // What the config says wins.
    assert_snapshot!(catalog(json!({ "host": "c", "port": 1, "user": "u", "password": "p", "ssl": false, "options": "-c a=b\\ c" }), &variables), @"
    catalog pg c:1/backstage_plugin_catalog 10 30s 30s
        as u:p, tls Disable, ReadWrite, portal, a=b c, connect 7s
    ");
}

#[test]
fn tls_as_node_postgres_has_it_and_as_libpq() {
    let tls = |connection: Value| {
        let plan = catalog(connection, &[]);
        plan.split(", ")
            .filter(|it| it.contains("tls") || it.contains('+') || it.contains("named") || it.contains("backend."))
            .collect::<Vec<_>>()
            .join(", ")
    };
    assert_snapshot!(tls(json!({ "host": "db" })), @"tls Prefer /home/me/.postgresql/root.crt");
    assert_snapshot!(tls(json!({ "host": "127.0.0.1" })), @"tls Allow /home/me/.postgresql/root.crt");
    assert_snapshot!(tls(json!({ "host": "/run/postgresql" })), @"tls Allow /home/me/.postgresql/root.crt");
    assert_snapshot!(tls(json!({ "host": "db", "ssl": true })), @"tls VerifyFull system");
    assert_snapshot!(tls(json!({ "host": "db", "ssl": "no-verify" })), @"tls Require");
    assert_snapshot!(tls(json!({ "host": "db", "ssl": { "rejectUnauthorized": false, "servername": "db.internal" } })), @"tls Require, named db.internal");
    assert_snapshot!(tls(json!({ "host": "db", "ssl": { "ca": "/etc/ca.pem", "cert": "/etc/a.pem", "key": "/etc/a.key" } })), @"tls VerifyFull /etc/ca.pem, /etc/a.pem+/etc/a.key");
    assert_snapshot!(tls(json!({ "host": "db", "sslmode": "verify-ca", "sslrootcert": "ca.pem" })), @"tls VerifyCa ca.pem");
    assert_snapshot!(tls(json!({ "host": "db", "sslrootcert": "system" })), @"tls VerifyFull system");
    assert_snapshot!(tls(json!("postgresql://db/?sslmode=no-verify")), @"tls Require");
}

#[test]
fn the_rest_of_a_connection() {
    assert_snapshot!(catalog(json!({
        "host": "db", "user": "u", "hostaddr": "10.0.0.1", "application_name": "portal",
        "statement_timeout": 1000, "lock_timeout": "2000", "idle_in_transaction_session_timeout": 3000, "query_timeout": 4000,
        "connectionTimeoutMillis": 5000, "keepAlive": true, "keepAliveInitialDelayMillis": 6000, "target_session_attrs": "primary",
    }), &[]), @"
    catalog pg db:5432/backstage_plugin_catalog 10 30s 30s
        at 10.0.0.1, as u, tls Prefer /home/me/.postgresql/root.crt, Primary, portal, statement_timeout=1000, lock_timeout=2000, idle_in_transaction_session_timeout=3000, connect 5s, query 4s, Keepalive { idle: Some(6s), interval: None, count: None }
    ");
    assert_snapshot!(plans(json!({
        "client": "pg", "connection": { "host": "db", "user": "app", "password": "secret" },
        "admin": { "user": "owner", "password": "other" }, "maintenanceDatabase": "defaultdb", "startupTimeout": "2m",
        "migrations": "verify",
    })), @"
    catalog pg db:5432/backstage_plugin_catalog 10 30s 30s Verify
        as app:secret, made by owner:other, maintenance defaultdb, tls Prefer /home/me/.postgresql/root.crt, startup 120s
    todo pg db:5432/backstage_plugin_todo 10 30s 30s Verify
        as app:secret, made by owner:other, maintenance defaultdb, tls Prefer /home/me/.postgresql/root.crt, startup 120s
    ");
    // A token for the admin too; and their line of the password file.
    let admin = |connection: Value| {
        plans_in(
            json!({ "client": "pg", "connection": connection, "admin": { "user": "owner" } }),
            &[("PGPASSFILE", "/etc/pgpass"), ("AWS_REGION", "eu-west-1")],
        )
    };
    assert_snapshot!(admin(json!({ "host": "db", "user": "app", "type": "rds" })), @r#"
    catalog pg db:5432/backstage_plugin_catalog 10 30s 30s
        as app Rds(RdsLogin { host: "db", port: 5432, user: "app", region: "eu-west-1" }), made by owner Rds(RdsLogin { host: "db", port: 5432, user: "owner", region: "eu-west-1" }), tls Require /home/me/.postgresql/root.crt
    todo pg db:5432/backstage_plugin_todo 10 30s 30s
        as app Rds(RdsLogin { host: "db", port: 5432, user: "app", region: "eu-west-1" }), made by owner Rds(RdsLogin { host: "db", port: 5432, user: "owner", region: "eu-west-1" }), tls Require /home/me/.postgresql/root.crt
    "#);
    assert_snapshot!(admin(json!({ "host": "db", "user": "app", "password": "secret" })), @r#"
    catalog pg db:5432/backstage_plugin_catalog 10 30s 30s
        as app:secret, made by owner PassFile(PassFile { file: "/etc/pgpass", hosts: [("db", 5432)], database: "postgres", user: "owner" }), tls Prefer /home/me/.postgresql/root.crt
    todo pg db:5432/backstage_plugin_todo 10 30s 30s
        as app:secret, made by owner PassFile(PassFile { file: "/etc/pgpass", hosts: [("db", 5432)], database: "postgres", user: "owner" }), tls Prefer /home/me/.postgresql/root.crt
    "#);
    assert_snapshot!(plans(json!({ "client": "embedded-postgres" })), @"
    catalog embedded-postgres .data/postgres/backstage_plugin_catalog 10 30s 30s
        tls Disable
    todo embedded-postgres .data/postgres/backstage_plugin_todo 10 30s 30s
        tls Disable
    ");
    assert_snapshot!(plans(json!({
        "client": "embedded-postgres", "pluginDivisionMode": "schema", "connection": { "directory": "/srv/pg", "statement_timeout": 5 },
    })), @"
    catalog embedded-postgres /srv/pg/postgres schema catalog 10 30s 30s
        tls Disable, statement_timeout=5
    todo embedded-postgres /srv/pg/postgres schema todo 10 30s 30s
        tls Disable, statement_timeout=5
    ");
}

#[test]
fn passwords_come_from_where_they_are_said_to() {
    let passfile = [("PGPASSFILE", "/etc/pgpass")];
    assert_snapshot!(catalog(json!({ "host": "a,/run/pg", "user": "u" }), &passfile), @r#"
    catalog pg a:5432,/run/pg/.s.PGSQL.5432/backstage_plugin_catalog 10 30s 30s
        as u PassFile(PassFile { file: "/etc/pgpass", hosts: [("a", 5432), ("localhost", 5432)], database: "backstage_plugin_catalog", user: "u" }), tls Prefer /home/me/.postgresql/root.crt
    "#);
    assert_snapshot!(catalog(json!({ "host": "db", "user": "u", "passwordCommand": "cat pw" }), &[("PGPASSWORD", "no")]), @r#"
    catalog pg db:5432/backstage_plugin_catalog 10 30s 30s
        as u Command(PasswordCommand { program: "sh", arguments: ******** }), tls Prefer /home/me/.postgresql/root.crt
    "#);
    assert_snapshot!(catalog(json!({ "host": "db.eu-west-1.rds.amazonaws.com", "user": "u", "type": "rds" }), &[]), @r#"
    catalog pg db.eu-west-1.rds.amazonaws.com:5432/backstage_plugin_catalog 10 30s 30s
        as u Rds(RdsLogin { host: "db.eu-west-1.rds.amazonaws.com", port: 5432, user: "u", region: "eu-west-1" }), tls Require /home/me/.postgresql/root.crt
    "#);
    assert_snapshot!(catalog(json!({ "host": "db", "user": "u", "type": "rds" }), &[("AWS_REGION", "us-east-1")]), @r#"
    catalog pg db:5432/backstage_plugin_catalog 10 30s 30s
        as u Rds(RdsLogin { host: "db", port: 5432, user: "u", region: "us-east-1" }), tls Require /home/me/.postgresql/root.crt
    "#);
    assert_snapshot!(catalog(json!({ "user": "u", "type": "cloudsql", "instance": "project:region:portal" }), &[]), @r#"
    catalog pg project:region:portal/backstage_plugin_catalog 10 30s 30s
        as u CloudSql(Some(CloudSqlInstance { project: "project", region: "region", name: "portal", address: Public })), tls Allow /home/me/.postgresql/root.crt
    "#);
    assert_snapshot!(catalog(json!({ "host": "db", "user": "u", "type": "azure", "tokenCredential": { "clientId": 5 } }), &[]), @"`backend.database.connection.tokenCredential.clientId`: expected text: put it in quotes");
    assert_snapshot!(catalog(json!({ "host": "db", "user": "u", "type": "gcp", "password": "p" }), &[]), @"`backend.database.connection.type`: there is no such type: it is one of `azure`, `cloudsql`, `default`, `rds`");
}

#[test]
fn a_token_of_rds_is_for_one_server_that_is_named() {
    let rds = |host: Value| catalog(json!({ "host": host, "user": "u", "type": "rds", "region": "eu-west-1" }), &[]);
    assert_snapshot!(rds(json!("a,b")), @"`backend.database.connection.host`: a token of RDS is for one server: name one");
    assert_snapshot!(rds(json!("")), @"`backend.database.connection.host`: expected the endpoint of the server: tokens for RDS are for one host, port and user");
}

#[test]
fn a_password_from_a_file_is_remembered_as_that_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret.txt"), "hunter2\n").unwrap();
    let yaml = "backend: {database: {client: pg, connection: {host: db, user: u, password: {$file: secret.txt}}}}\n";
    std::fs::write(folder.path().join("app-config.yaml"), yaml).unwrap();
    let config = Config::load(&Sources::in_directory(folder.path()), &|_: &str| None::<String>).unwrap();
    let plans = plans_from(&config, &[]).replace(&folder.path().display().to_string(), "FOLDER");
    assert!(plans.contains(r#"as u File("FOLDER/secret.txt")"#), "{plans}");
}

#[test]
fn mistakes_are_told_all_at_once() {
    assert_snapshot!(plans(json!({
        "client": "pg",
        "connection": {
            "host": "a,b,c", "port": "1,2", "user": "u", "hostaddr": "x", "usr": "u", "sslmode": "verify", "options": "-x",
            "statement_timeout": "soon", "target_session_attrs": "any-old", "keepAlive": "maybe", "password": ["secret"],
        },
        "admin": { "user": "owner", "host": "elsewhere" },
        "prefix": "a_prefix_that_is_much_too_long_for_the_name_of_a_database_in_pg",
        "knexConfig": { "pool": { "min": 5, "max": 2 } },
    })), @"
    `backend.database.admin.host`: expected `user`, `password` or `passwordCommand`: the rest is as in `connection`
    `backend.database.connection.hostaddr`: expected an IP address
    `backend.database.connection.keepAlive`: expected `true` or `false`
    `backend.database.connection.options`: expected `-c name=value`, any number of times
    `backend.database.connection.password`: expected text: put it in quotes
    `backend.database.connection.port`: 2 ports for 3 hosts
    `backend.database.connection.sslmode`: expected one of `disable`, `allow`, `prefer`, `require`, `verify-ca` and `verify-full`
    `backend.database.connection.statement_timeout`: expected a whole number, not below 0
    `backend.database.connection.target_session_attrs`: expected one of `any`, `read-write`, `read-only`, `primary`, `standby` and `prefer-standby`
    `backend.database.connection.usr`: PostgreSQL has no setting `usr`; did you mean `user`?
    `backend.database.knexConfig.pool.min`: 5 is more than `max`, which is 2
    `backend.database.prefix`: the database `a_prefix_that_is_much_too_long_for_the_name_of_a_database_in_pgcatalog` of plugin `catalog` would have 70 bytes, and PostgreSQL's names have at most 63: shorten the prefix `a_prefix_that_is_much_too_long_for_the_name_of_a_database_in_pg`
    `backend.database.prefix`: the database `a_prefix_that_is_much_too_long_for_the_name_of_a_database_in_pgtodo` of plugin `todo` would have 67 bytes, and PostgreSQL's names have at most 63: shorten the prefix `a_prefix_that_is_much_too_long_for_the_name_of_a_database_in_pg`
    ");
    assert_snapshot!(plans(json!({
        "client": "pg", "pluginDivisionMode": "schema", "schemaPrefix": "1-a", "connection": { "host": "db", "port": 70000, "ssl": { "cert": "a", "rejectUnauthorised": false } },
    })), @"
    `backend.database.connection.port`: expected a port, from 1 to 65535
    `backend.database.connection.ssl`: `cert` and `key` belong together: one is missing
    `backend.database.connection.ssl.rejectUnauthorised`: `ssl` has no setting `rejectUnauthorised`; did you mean `rejectUnauthorized`?
    `backend.database.schemaPrefix`: expected letters, digits and `_`, without a digit at the beginning
    ");
    assert_snapshot!(plans(pg(json!("postgresql://u:hunter2@[::1/d"))), @"`backend.database.connection`: an IPv6 address is not closed by `]`");
    // What is left of SQLite's block.
    assert_snapshot!(plans(pg(json!(":memory:"))), @"`backend.database.connection`: this is for SQLite: write an object with `host`, `user`, ..., or `{}` for libpq's variables");
    assert_snapshot!(plans(json!({ "client": "embedded-postgres", "connection": ":memory:" })), @"`backend.database.connection`: expected an object such as `{ directory: .data/postgres }`");
    assert_snapshot!(plans(pg(json!("mysql://u:hunter2@db"))), @"`backend.database.connection`: expected an address that begins with `postgresql://`");
    assert_snapshot!(plans(json!({ "client": "mysql2", "pluginDivisionMode": "schema" })), @"
    `backend.database.connection.user`: it is needed, as `USER` does not say either who connects
    `backend.database.pluginDivisionMode`: MySQL has no schemas: each plugin has a database of its own (`database`)
    ");
}

#[test]
fn two_plugins_do_not_share_a_database() {
    assert_snapshot!(plans(json!({
        "client": "pg", "connection": { "host": "db" },
        "plugin": { "catalog": { "connection": { "database": "portal" } }, "todo": { "connection": { "database": "portal" } } },
    })), @"`backend.database.plugin.todo.connection`: plugins `catalog` and `todo` would share the database `db:5432/portal`");
    let apart = json!({
        "client": "pg", "connection": { "host": "db" },
        "plugin": { "catalog": { "connection": { "database": "portal" } }, "todo": { "connection": { "database": "portal", "host": "db2" } } },
    });
    assert!(plans(apart).starts_with("catalog pg db:5432/portal"));
    let schemas =
        json!({ "client": "pg", "pluginDivisionMode": "schema", "connection": { "host": "db", "database": "portal" } });
    assert!(plans(schemas).starts_with("catalog pg db:5432/portal schema catalog"));
}
