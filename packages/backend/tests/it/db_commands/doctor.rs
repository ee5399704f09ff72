//! `db doctor`, on servers, databases and files that are really so.

use std::fs;
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use serde_json::{Value, json};
use test_servers::{
    MariaDb, MariaDbOptions, PgBouncer, Postgres, PostgresAddress, PostgresOptions, SqlServer as _, Tls,
};

use super::run;
use crate::process::Home;

fn home(database: &Value) -> Home {
    Home::with_config(&json!({ "backend": { "database": database } }).to_string())
}

fn on(server: &PostgresAddress, port: u16, user: &str, password: &str) -> Value {
    json!({ "host": server.host(), "port": port, "user": user, "password": password })
}

/// The exit code, and all findings that are not in order, without why.
fn told(home: &Home) -> (Option<i32>, String) {
    told_by(&mut home.command())
}

fn told_by(command: &mut Command) -> (Option<i32>, String) {
    let (code, text, stderr) = run(command, &["doctor", "--json"]);
    assert_eq!(stderr, "");
    let diagnosis: Value = serde_json::from_str(&text).unwrap();
    let findings = diagnosis["findings"].as_array().unwrap();
    let bad: Vec<_> = findings.iter().filter(|it| it["severity"] != "ok").collect();
    assert!(bad.iter().all(|it| it["why"].is_string() && it["mend"].is_string()), "{text}");
    assert_eq!(diagnosis["errors"].as_u64().unwrap() + diagnosis["warnings"].as_u64().unwrap(), bad.len() as u64);
    let word = |it: &Value, key: &str| it[key].as_str().unwrap().to_owned();
    let lines =
        bad.iter().map(|it| ["severity", "about", "check", "what", "mend"].map(|key| word(it, key)).join(" | "));
    (code, lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn all_is_well_on_files() {
    let home = home(&json!({ "connection": { "directory": "data" } }));
    assert_eq!(run(&mut home.command(), &["migrate"]).0, Some(0));
    let (code, text, stderr) = run(&mut home.command(), &["doctor"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{text}");
    let text: Vec<_> =
        text.lines().map(|it| if it.contains("MiB free") { "  ok       disk       <free>" } else { it }).collect();
    assert_snapshot!(text.join("\n"), @r"
    this machine
      ok       files      a process may open 20000, and the backend may need 286

    SQLite
      ok       version    3.51.3

    data
      ok       rights     may be written to
      ok       disk       <free>

    data/catalog.sqlite
      ok       rights     may be read and written
      ok       integrity  `integrity_check` finds nothing
      ok       journal    WAL

    data/todo.sqlite
      ok       rights     may be read and written
      ok       integrity  `integrity_check` finds nothing
      ok       journal    WAL

    0 errors, 0 warnings, 10 in order
    ");
}

#[test]
fn files_that_are_broken() {
    let home = home(&json!({ "connection": { "directory": "data" } }));
    assert_eq!(run(&mut home.command(), &["migrate"]).0, Some(0));
    // Another program's journal, and a page that is overwritten.
    let todo = home.path().join("data/todo.sqlite");
    let mut bytes = fs::read(&todo).unwrap();
    // sqlite.org/fileformat.html: 2 is WAL.
    assert_eq!(bytes[18..20], [2, 2]);
    bytes[18..20].fill(1);
    fs::write(&todo, bytes).unwrap();
    let catalog = home.path().join("data/catalog.sqlite");
    let mut bytes = fs::read(&catalog).unwrap();
    let pages = bytes.len() / 4096;
    assert!(pages > 4, "{pages}");
    bytes[4096 * (pages - 1)..].fill(7);
    fs::write(&catalog, bytes).unwrap();
    let (code, text) = told(&home);
    assert_eq!(code, Some(3));
    let text: Vec<_> = text.lines().map(|it| it.split("Tree").next().unwrap()).collect();
    assert_snapshot!(text.join("\n"), @r"
    error | data/catalog.sqlite | integrity | the file is broken: *** in database main ***; 
    warning | data/todo.sqlite | journal | `delete`, and not WAL | start the backend, which sets it; if that does not help, another program sets it back
    ");
    fs::write(&catalog, "this is no database, and long enough to be looked at as one").unwrap();
    assert!(told(&home).1.contains("file is not a database"));
}

#[test]
fn too_few_files_may_be_open() {
    let home = home(&json!({ "connection": { "directory": "data" } }));
    let backend = home.command().get_program().to_owned();
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 200; exec \"$@\"", "sh"]).arg(backend).current_dir(home.path()).stdin(Stdio::null());
    let (code, text) = told_by(&mut limited);
    assert_eq!(code, Some(3));
    assert_snapshot!(text, @"warning | this machine | files | a process may open 200 files, and the backend may need 286 | raise it, by `ulimit -n 286` or systemd's `LimitNOFILE=286`, where the backend is started");
}

#[test]
fn a_server_that_is_not_there() {
    let port = super::port();
    let home = home(&json!({ "client": "pg", "connection": { "host": "127.0.0.1", "port": port, "user": "portal" },
        "plugin": { "todo": { "client": "mysql2", "connection": { "host": "127.0.0.1", "port": port, "user": "portal" } } } }));
    let (code, text) = told(&home);
    assert_eq!(code, Some(3));
    assert_snapshot!(text.replace(&port.to_string(), "<port>"), @"error | 127.0.0.1:<port> | reach | cannot connect as `portal`: Connection refused (os error 111) | check `host` and `port` of `backend.database.connection`, and that the server runs and listens there");
    let home = home_with_host("nowhere.invalid");
    assert!(told(&home).1.contains("check the name in `connection.host`"), "{}", told(&home).1);
}

fn home_with_host(host: &str) -> Home {
    home(&json!({ "client": "pg", "connection": { "host": host, "user": "portal" } }))
}

#[test]
fn all_is_well_on_postgresql() {
    let server = Postgres::shared().unwrap();
    let scratch = server.scratch();
    for more in [json!({}), json!({ "pluginDivisionMode": "schema", "isolation": "role" })] {
        let mut connection = on(server, server.port(), server.user(), server.password());
        connection["database"] = format!("{}portal", scratch.prefix()).into();
        let mut database = json!({ "client": "pg", "prefix": scratch.prefix(), "connection": connection });
        database.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let home = home(&database);
        // Before anything is there, and after.
        assert_eq!(told(&home), (Some(0), String::new()));
        assert_eq!(run(&mut home.command(), &["migrate"]).0, Some(0));
        assert_eq!(told(&home), (Some(0), String::new()));
        let (_, text, _) = run(&mut home.command(), &["doctor", "--plugin", "todo"]);
        assert!(text.ends_with("0 errors, 0 warnings, 8 in order\n"), "{text}");
    }
}

#[test]
fn a_role_without_rights() {
    let server = Postgres::shared().unwrap();
    let scratch = server.scratch();
    let prefix = scratch.prefix();
    server.sql(&format!("CREATE ROLE \"{prefix}weak\" LOGIN PASSWORD 'secret'; CREATE ROLE \"{prefix}migrator\" LOGIN PASSWORD 'secret'")).unwrap();
    let unnamed = |text: String| text.replace(prefix, "<p>").replace(&server.port().to_string(), "<port>");
    let weak = on(server, server.port(), &format!("{prefix}weak"), "secret");
    // No database, and none that may be made.
    let config = |more: &Value| {
        let mut database = json!({ "client": "pg", "prefix": prefix, "connection": weak });
        database.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        database
    };
    let made = home(&config(&json!({})));
    let (code, text) = told(&made);
    assert_eq!(code, Some(3));
    assert_snapshot!(unnamed(text), @r#"
    error | 127.0.0.1:<port>/<p>catalog | rights | "<p>weak" may not make the database "<p>catalog" | let a superuser run `ALTER ROLE "<p>weak" CREATEDB`
    error | 127.0.0.1:<port>/<p>todo | rights | "<p>weak" may not make the database "<p>todo" | let a superuser run `ALTER ROLE "<p>weak" CREATEDB`
    "#);
    let not_made = home(&config(&json!({ "ensureExists": false })));
    assert_snapshot!(unnamed(told(&not_made).1), @r#"
    error | 127.0.0.1:<port>/<p>catalog | rights | there is no database "<p>catalog", and `ensureExists` is off | let a superuser run `CREATE DATABASE "<p>catalog" OWNER "<p>weak"`
    error | 127.0.0.1:<port>/<p>todo | rights | there is no database "<p>todo", and `ensureExists` is off | let a superuser run `CREATE DATABASE "<p>todo" OWNER "<p>weak"`
    "#);
    // A database of others.
    server.sql(&format!("CREATE DATABASE \"{prefix}catalog\"; CREATE DATABASE \"{prefix}todo\"")).unwrap();
    assert_snapshot!(unnamed(told(&made).1), @r#"
    error | 127.0.0.1:<port>/<p>catalog | rights | "<p>weak" may not make tables in the schema "public" | let a superuser run in the database "<p>catalog" `GRANT CREATE ON SCHEMA "public" TO "<p>weak"`
    error | 127.0.0.1:<port>/<p>todo | rights | "<p>weak" may not make tables in the schema "public" | let a superuser run in the database "<p>todo" `GRANT CREATE ON SCHEMA "public" TO "<p>weak"`
    "#);
    // Rows that may not be read, and then what is said is run.
    let mut schemas = config(
        &json!({ "pluginDivisionMode": "schema", "ensureExists": false, "migrationConnection": { "user": format!("{prefix}migrator"), "password": "secret" } }),
    );
    schemas["connection"]["database"] = format!("{prefix}todo").into();
    let home = home(&schemas);
    server
        .sql_in(
            &format!("{prefix}todo"),
            &format!("REVOKE CONNECT ON DATABASE \"{prefix}todo\" FROM PUBLIC; GRANT CONNECT ON DATABASE \"{prefix}todo\" TO \"{prefix}migrator\"; \
                      CREATE SCHEMA todo AUTHORIZATION \"{prefix}migrator\"; CREATE TABLE todo.rows (id serial)"),
        )
        .unwrap();
    assert_snapshot!(unnamed(told(&home).1), @r#"
    error | 127.0.0.1:<port> | reach | cannot connect as `<p>weak`: permission denied for database "<p>todo" (42501) | see what the server's log says of it
    error | 127.0.0.1:<port>/<p>todo schema catalog | rights | "<p>weak" may not connect to "<p>todo" | let a superuser run in the database "<p>todo" `GRANT CONNECT ON DATABASE "<p>todo" TO "<p>weak"`
    error | 127.0.0.1:<port>/<p>todo schema catalog | rights | there is no schema "catalog", and `ensureExists` is off | let a superuser run in the database "<p>todo" `CREATE SCHEMA "catalog" AUTHORIZATION "<p>migrator"`
    error | 127.0.0.1:<port>/<p>todo schema todo | rights | "<p>weak" may not connect to "<p>todo" | let a superuser run in the database "<p>todo" `GRANT CONNECT ON DATABASE "<p>todo" TO "<p>weak"`
    error | 127.0.0.1:<port>/<p>todo schema todo | rights | "<p>weak" may not use the schema "todo" | let a superuser run in the database "<p>todo" `GRANT USAGE ON SCHEMA "todo" TO "<p>weak"`
    error | 127.0.0.1:<port>/<p>todo schema todo | rights | "<p>weak" may not read and write all tables of the schema "todo" | let a superuser run in the database "<p>todo" `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "todo" TO "<p>weak"`
    error | 127.0.0.1:<port>/<p>todo schema todo | rights | "<p>weak" may not use all sequences of the schema "todo" | let a superuser run in the database "<p>todo" `GRANT USAGE ON ALL SEQUENCES IN SCHEMA "todo" TO "<p>weak"`
    "#);
    while let (Some(3), text) = told(&home) {
        let statements = text.lines().filter_map(|it| it.strip_suffix('`')?.rsplit_once('`'));
        // What is said of connecting is mended by another finding's.
        for (_, sql) in statements {
            server.sql_in(&format!("{prefix}todo"), sql).unwrap();
        }
    }
    assert_eq!(told(&home), (Some(0), String::new()));
}

#[test]
fn databases_with_other_letters() {
    let server = Postgres::shared().unwrap();
    let scratch = server.scratch();
    let prefix = scratch.prefix();
    server
        .sql(&format!(
            "CREATE DATABASE \"{prefix}catalog\" ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        ))
        .unwrap();
    server.sql(&format!("CREATE DATABASE \"{prefix}todo\" ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en' LOCALE 'C' TEMPLATE template0")).unwrap();
    server.sql(&format!("UPDATE pg_database SET datcollversion = '1.0' WHERE datname = '{prefix}todo'")).unwrap();
    let home = home(
        &json!({ "client": "pg", "prefix": prefix, "connection": on(server, server.port(), server.user(), server.password()) }),
    );
    let (code, text) = told(&home);
    assert_eq!(code, Some(3));
    let version = server
        .sql(&format!(
            "SELECT pg_database_collation_actual_version(oid) FROM pg_database WHERE datname = '{prefix}todo'"
        ))
        .unwrap();
    assert_snapshot!(text.replace(prefix, "<p>").replace(&server.port().to_string(), "<port>").replace(&version, "<now>"), @r#"
    error | 127.0.0.1:<port>/<p>catalog | encoding | LATIN1, and not UTF8 | make another by `CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0`, and move the data there by `backend db copy`
    warning | 127.0.0.1:<port>/<p>todo | collation | indexes were made with version 1.0 of `en`, and the server has <now> | let its owner run there `REINDEX DATABASE "<p>todo"`, then `ALTER DATABASE "<p>todo" REFRESH COLLATION VERSION`
    "#);
}

#[test]
fn too_few_connections() {
    let server =
        Postgres::start(&PostgresOptions { settings: vec![("max_connections", "20")], ..PostgresOptions::default() })
            .unwrap();
    let address = server.address();
    let connection = on(address, address.port(), address.user(), address.password());
    let home = home(&json!({ "client": "pg", "connection": connection, "maxConnections": 10, "replicas": 2 }));
    assert_snapshot!(told(&home).1.replace(&address.port().to_string(), "<port>"), @"error | 127.0.0.1:<port> | connections | the config allows 20 (10 of each of 2 backends), and the server has 17 | lower `backend.database.maxConnections` to 8, or raise the server's `max_connections`");
}

#[test]
fn a_pooler_that_nobody_told_of() {
    let server = Postgres::shared().unwrap();
    let scratch = server.scratch();
    let pooler = PgBouncer::start(server, 4).unwrap();
    let prefix = scratch.prefix();
    let direct = on(server, server.port(), server.user(), server.password());
    let before = home(&json!({ "client": "pg", "prefix": prefix, "connection": direct }));
    assert_eq!(run(&mut before.command(), &["migrate"]).0, Some(0));
    let unnamed = |text: String| {
        text.replace(&pooler.port().to_string(), "<pooler>").replace(&server.port().to_string(), "<port>")
    };
    let through = on(server, pooler.port(), server.user(), server.password());
    // One that takes what it does not know is only seen by what it does.
    let lenient = PgBouncer::that_ignores(server, 4, "extra_float_digits, options").unwrap();
    let unseen = home(
        &json!({ "client": "pg", "prefix": prefix, "connection": on(server, lenient.port(), server.user(), server.password()) }),
    );
    let text = told(&unseen).1.replace(&lenient.port().to_string(), "<lenient>");
    assert_snapshot!(text, @"error | 127.0.0.1:<lenient> | pooler | connections go through one in transaction mode, and the config does not say so | set `backend.database.pooler: transaction`, and let `migrationConnection` name the server itself");
    let migrates = json!({ "client": "pg", "prefix": prefix, "connection": direct, "migrationConnection": { "port": lenient.port() } });
    let text = told(&home(&migrates)).1.replace(&lenient.port().to_string(), "<lenient>");
    assert_snapshot!(unnamed(text), @"error | 127.0.0.1:<port> | pooler | migrations go through one in transaction mode | let `backend.database.migrationConnection` name the server itself");
    let undeclared = home(&json!({ "client": "pg", "prefix": prefix, "connection": through }));
    let (code, text) = told(&undeclared);
    assert_eq!(code, Some(3));
    assert_snapshot!(unnamed(text), @"error | 127.0.0.1:<pooler> | pooler | cannot connect as `postgres`: unsupported startup parameter: options (08P01) | set `backend.database.pooler: transaction`, and let `migrationConnection` name the server itself");
    let declared = json!({ "client": "pg", "prefix": prefix, "connection": through, "pooler": "transaction", "migrationConnection": { "port": server.port() } });
    assert_eq!(told(&home(&declared)), (Some(0), String::new()));
    let (_, text, _) = run(&mut home(&declared).command(), &["doctor"]);
    assert!(text.contains("in transaction mode, as the config says"), "{text}");
    // Where another backend migrates, the pooler is the only way.
    let only = json!({ "client": "pg", "prefix": prefix, "connection": through, "pooler": "transaction", "ensureExists": false, "migrations": "wait" });
    assert_eq!(told(&home(&only)), (Some(0), String::new()));
    let (code, text, stderr) = run(&mut home(&only).command(), &["plan"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{text}");
    // Migrations through it.
    let migrations = json!({ "client": "pg", "prefix": prefix, "connection": direct, "migrationConnection": { "port": pooler.port() } });
    assert_snapshot!(unnamed(told(&home(&migrations)).1), @"error | 127.0.0.1:<port> | pooler | cannot connect as `postgres`: unsupported startup parameter: options (08P01) | set `backend.database.pooler: transaction`, and let `migrationConnection` name the server itself");
}

#[test]
fn on_mysql() {
    let server = MariaDb::shared().unwrap();
    let scratch = server.scratch();
    let prefix = scratch.prefix();
    let connection = |user: &str, password: &str| json!({ "host": server.host(), "port": server.port(), "user": user, "password": password });
    let well = home(
        &json!({ "client": "mysql2", "prefix": prefix, "connection": connection(server.user(), server.password()) }),
    );
    assert_eq!(told(&well), (Some(0), String::new()));
    assert_eq!(run(&mut well.command(), &["migrate"]).0, Some(0));
    assert_eq!(told(&well), (Some(0), String::new()));

    server
        .sql(&format!(
            "CREATE USER '{prefix}weak'@'%' IDENTIFIED BY 'secret'; ALTER DATABASE `{prefix}todo` CHARACTER SET latin1"
        ))
        .unwrap();
    let pattern = format!("{prefix}todo").replace('_', "\\_");
    server.sql(&format!("GRANT SELECT, INSERT, CREATE ON `{pattern}`.* TO '{prefix}weak'@'%'")).unwrap();
    let weak = home(
        &json!({ "client": "mysql2", "prefix": prefix, "ensureExists": false, "connection": connection(&format!("{prefix}weak"), "secret") }),
    );
    let (code, text) = told(&weak);
    assert_eq!(code, Some(3));
    let unnamed = |text: String| {
        text.replace(prefix, "<p>")
            .replace(&prefix.replace('_', "\\_"), "<p>")
            .replace(&server.port().to_string(), "<port>")
    };
    assert_snapshot!(unnamed(text), @r"
    error | 127.0.0.1:<port>/<p>catalog | rights | there is no database `<p>catalog` that may be used, and `ensureExists` is off | let an administrator run: CREATE DATABASE `<p>catalog` CHARACTER SET utf8mb4
    error | 127.0.0.1:<port>/<p>catalog | rights | '<p>weak'@'%' lacks SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES | let an administrator run: GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES ON `<p>catalog`.* TO '<p>weak'@'%'
    error | 127.0.0.1:<port>/<p>todo | encoding | latin1, and not utf8mb4 | run: ALTER DATABASE `<p>todo` CHARACTER SET utf8mb4; and for each table: ALTER TABLE ... CONVERT TO CHARACTER SET utf8mb4
    error | 127.0.0.1:<port>/<p>todo | rights | '<p>weak'@'%' lacks UPDATE, DELETE, ALTER, DROP, INDEX, REFERENCES | let an administrator run: GRANT UPDATE, DELETE, ALTER, DROP, INDEX, REFERENCES ON `<p>todo`.* TO '<p>weak'@'%'
    ");
    let wrong = home(
        &json!({ "client": "mysql2", "prefix": prefix, "connection": connection(&format!("{prefix}weak"), "wrong") }),
    );
    assert_snapshot!(unnamed(told(&wrong).1), @"error | 127.0.0.1:<port> | reach | cannot connect as `<p>weak`: Access denied for user '<p>weak'@'127.0.0.1' (using password: YES) (1045): check `user` and `password` | check `user` and `password` of `backend.database.connection`, and what the server lets in");
}

#[test]
fn too_few_connections_on_mysql() {
    let server =
        MariaDb::start(&MariaDbOptions { settings: vec![("max-connections", "12")], ..MariaDbOptions::default() })
            .unwrap();
    let address = server.address();
    let connection = json!({ "host": address.host(), "port": address.port(), "user": address.user(), "password": address.password() });
    let home = home(&json!({ "client": "mysql2", "connection": connection, "maxConnections": 13 }));
    assert_snapshot!(told(&home).1.replace(&address.port().to_string(), "<port>"), @"error | 127.0.0.1:<port> | connections | the config allows 13, and the server has 12 | lower `backend.database.maxConnections` to 12, or raise the server's `max_connections`");
}

#[test]
fn help() {
    assert_snapshot!(run(&mut home(&json!({})).command(), &["doctor", "--help"]).1, @r#"
    Find what is wrong, or will be, with servers, rights and files

    Usage: backend db doctor [OPTIONS]

    Options:
          --plugin <ID>                    This plugin alone. Repeatable
          --json                           As JSON
          --config <FILE|URL>              Config file, or its URL, to read instead of `app-config.yaml` and the like in the working directory or above. Repeatable: a later one overrides an earlier one
          --env-file <FILE>                File of variables, as `NAME=value`, for what the environment does not have. Repeatable
          --config-reload-interval <TIME>  How often to ask the URLs among the config's files for changes: `60s`, `5m`, a number of seconds [default: 60s]
          --store <WHERE>                  Where all plugins keep their data, whatever `backend.database` says: `memory`, `fs` (SQLite files in `--data-dir`), or `pg` (the PostgreSQL that `PGHOST`, `PGUSER`, ... name)
          --data-dir <FOLDER>              The folder of `--store fs`, with a SQLite file for each plugin. Default: `.data`
      -h, --help                           Print help

    Nothing is changed. Exit code 3: there are errors or warnings. Run it as the user who runs the backend, and on that machine, as it looks at rights, disks and limits too.

    Example:
      backend db doctor --json | jq '.findings[] | select(.severity == "error")'
    "#);
}

#[test]
fn connections_that_are_encrypted_or_not() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = Tls { certificate: own.cert.pem(), key: own.signing_key.serialize_pem(), client_ca: None };
    let with_tls = Postgres::start(&PostgresOptions { tls: Some(tls.clone()), ..PostgresOptions::default() }).unwrap();
    let address = with_tls.address();
    let mut connection = on(address, address.port(), address.user(), address.password());
    connection["sslmode"] = "require".into();
    let encrypted = home(&json!({ "client": "pg", "connection": connection }));
    let (code, text, _) = run(&mut encrypted.command(), &["doctor"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("  ok       encryption   TLSv1.3, TLS_"), "{text}");

    let with_tls = MariaDb::start(&MariaDbOptions { tls: Some(tls), ..MariaDbOptions::default() }).unwrap();
    let address = with_tls.address();
    let connection = json!({ "host": address.host(), "port": address.port(), "user": address.user(), "password": address.password() });
    let (code, text, _) =
        run(&mut home(&json!({ "client": "mysql2", "connection": connection })).command(), &["doctor"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("  ok       encryption   TLSv1.3"), "{text}");

    // A name of this machine that is not known as one.
    let server = Postgres::shared().unwrap();
    let mut connection = on(server, server.port(), server.user(), server.password());
    connection["host"] = "127.1".into();
    let plain = home(&json!({ "client": "pg", "connection": connection }));
    assert_snapshot!(told(&plain).1.replace(&server.port().to_string(), "<port>"), @"warning | 127.1:<port> | encryption | connections to another machine are not encrypted | set up TLS on the server, and `connection.ssl` in the config (`ssl: true`, or `ssl.ca`)");
}
