use insta::assert_snapshot;
use serde_json::json;

use super::plans;

#[test]
fn each_plugin_has_a_database() {
    assert_snapshot!(plans(json!({
        "client": "mysql2",
        "connection": { "host": "db", "user": "backstage", "password": "secret", "database": "not this" },
    })), @"
    catalog mysql2 db:3306/backstage_plugin_catalog 10 30s 30s
        as backstage:secret, tls Preferred
    todo mysql2 db:3306/backstage_plugin_todo 10 30s 30s
        as backstage:secret, tls Preferred
    ");
    assert_snapshot!(plans(json!({
        "client": "mysql",
        "connection": "mysql://backstage:s%40cret@[::1]:3307",
        "prefix": "portal_",
        "ensureExists": false,
        "skipMigrations": true,
        "startupTimeout": "5s",
        "admin": { "user": "root", "password": "strong" },
        "knexConfig": { "pool": { "max": 3 } },
        "plugin": {
            "catalog": {
                "connection": { "database": "software", "connectTimeout": 2500 },
                "ensureExists": true,
                "skipMigrations": false,
            },
        },
    })), @"
    catalog mysql [::1]:3307/software 3 30s 30s
        as backstage:s@cret, made by root:strong, tls Preferred, connect 2.5s, startup 5s
    todo mysql [::1]:3307/portal_todo 3 30s 30s Skip
        as backstage:s@cret, made by root:strong, ensures nothing, tls Preferred, startup 5s
    ");
}

#[test]
fn one_plugin_on_mysql() {
    assert_snapshot!(plans(json!({
        "client": "pg",
        "connection": { "host": "pg", "user": "postgres" },
        "plugin": { "todo": { "client": "mysql2", "connection": "mysql://me:secret@db/todo?ssl=true&debug=true" } },
    })), @"
    catalog pg pg:5432/backstage_plugin_catalog 10 30s 30s
        as postgres, tls Prefer /home/me/.postgresql/root.crt
    todo mysql2 db:3306/todo 10 30s 30s
        as me:secret, tls Verified
    ");
}

#[test]
fn sockets() {
    for key in ["socketPath", "host"] {
        let connection = json!({ key: "/run/mysqld/mysqld.sock", "user": "backstage" });
        let plans = plans(json!({ "client": "mysql2", "connection": connection }));
        assert!(plans.contains("todo mysql2 /run/mysqld/mysqld.sock/backstage_plugin_todo"), "{plans}");
    }
}

#[test]
fn encryption() {
    let tls = |ssl| {
        let plans = plans(json!({ "client": "mysql2", "connection": { "user": "me", "ssl": ssl } }));
        match plans.starts_with('`') {
            true => plans.replace('\n', "; "),
            false => plans.lines().last().unwrap().trim().trim_start_matches("as me, ").to_owned(),
        }
    };
    let cases = [
        json!(null),
        json!(false),
        json!(true),
        json!({}),
        json!({ "rejectUnauthorized": false }),
        json!({ "ca": ["-----BEGIN A", "-----BEGIN B"], "verifyIdentity": true }),
        json!({ "ca": "/etc/ca.pem", "cert": "/etc/cert.pem", "key": "/etc/key.pem" }),
        json!("{\"rejectUnauthorized\":false}"),
        json!("Amazon RDS"),
        json!("Azure"),
        json!({ "ca": 1, "cert": "/etc/cert.pem", "rejectUnauthorised": false, "verifyIdentity": false }),
    ];
    let lines: Vec<_> = cases.into_iter().map(|it| format!("{it}: {}", tls(it.clone()))).collect();
    assert_snapshot!(lines.join("\n"), @r#"
    null: tls Preferred
    false: tls Disabled
    true: tls Verified
    {}: tls Verified
    {"rejectUnauthorized":false}: tls Unverified
    {"ca":["-----BEGIN A","-----BEGIN B"],"verifyIdentity":true}: tls Verified -----BEGIN A
    {"ca":"/etc/ca.pem","cert":"/etc/cert.pem","key":"/etc/key.pem"}: tls Verified /etc/ca.pem, /etc/cert.pem+/etc/key.pem
    "{\"rejectUnauthorized\":false}": tls Unverified
    "Amazon RDS": `backend.database.connection.ssl`: the profile `Amazon RDS` is not in this version: set `ssl.ca` to the file of RDS's authorities, https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem
    "Azure": `backend.database.connection.ssl`: expected `true`, `false` or an object
    {"ca":1,"cert":"/etc/cert.pem","rejectUnauthorised":false,"verifyIdentity":false}: `backend.database.connection.ssl`: `cert` and `key` belong together: one is missing; `backend.database.connection.ssl.ca`: expected a string; `backend.database.connection.ssl.rejectUnauthorised`: `ssl` has no setting `rejectUnauthorised`; did you mean `rejectUnauthorized`?; `backend.database.connection.ssl.verifyIdentity`: the name is always checked: remove this, and let `host` be a name in the server's certificate
    "#);
}

#[test]
fn mistakes() {
    assert_snapshot!(plans(json!({
        "client": "mysql2",
        "pluginDivisionMode": "schema",
        "connection": {
            "host": "a,b", "port": 70000, "pasword": "secret", "charset": "latin1", "timezone": "Europe/Berlin",
            "connectTimeout": "soon", "enableCleartextPlugin": true, "localAddress": "127.0.0.1",
        },
        "prefix": "a_prefix_that_is_so_long_that_the_names_of_databases_do_not_fit_",
    })), @"
    `backend.database.connection.charset`: connections always speak `utf8mb4`: remove this
    `backend.database.connection.connectTimeout`: expected a whole number, not below 0
    `backend.database.connection.enableCleartextPlugin`: passwords are not sent as they are through connections that may not be encrypted: set `ssl`
    `backend.database.connection.host`: expected one host: several are for PostgreSQL
    `backend.database.connection.localAddress`: MySQL has no setting `localAddress`
    `backend.database.connection.pasword`: MySQL has no setting `pasword`; did you mean `password`?
    `backend.database.connection.port`: expected a port, from 1 to 65535
    `backend.database.connection.timezone`: times are always kept in UTC: remove this
    `backend.database.connection.user`: it is needed, as `USER` does not say either who connects
    `backend.database.pluginDivisionMode`: MySQL has no schemas: each plugin has a database of its own (`database`)
    `backend.database.prefix`: the database `a_prefix_that_is_so_long_that_the_names_of_databases_do_not_fit_catalog` of plugin `catalog` would have 71 characters, and MySQL's names have at most 64: shorten the prefix `a_prefix_that_is_so_long_that_the_names_of_databases_do_not_fit_`
    `backend.database.prefix`: the database `a_prefix_that_is_so_long_that_the_names_of_databases_do_not_fit_todo` of plugin `todo` would have 68 characters, and MySQL's names have at most 64: shorten the prefix `a_prefix_that_is_so_long_that_the_names_of_databases_do_not_fit_`
    ");
    assert_snapshot!(plans(json!({
        "client": "mysql2",
        "connection": "postgresql://me@db",
    })), @"`backend.database.connection`: expected an address such as `mysql://user@host:3306`, or an object with `host`, `user`, ...");
    assert_snapshot!(plans(json!({
        "client": "mysql2",
        "connection": { "host": "db", "user": "me" },
        "plugin": { "todo": { "connection": { "database": "backstage_plugin_catalog" } } },
    })), @"`backend.database.plugin.todo.connection`: plugins `catalog` and `todo` would share the database `db:3306/backstage_plugin_catalog`");
}

#[test]
fn what_is_of_the_driver_in_javascript_has_no_effect() {
    let plain = json!({ "host": "db", "user": "me" });
    let mut more = plain.clone();
    for (key, value) in
        [("dateStrings", json!(true)), ("charset", json!("UTF8MB4_UNICODE_CI")), ("timezone", json!("Z"))]
    {
        more[key] = value;
    }
    let of = |connection| plans(json!({ "client": "mysql2", "connection": connection }));
    assert_eq!(of(plain), of(more));
}
