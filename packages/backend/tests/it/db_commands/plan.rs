//! What is printed for an administrator is run by the superuser, and the backend starts under the roles that it makes.

use std::process::Command;

use insta::assert_snapshot;
use serde_json::{Value, json};
use test_servers::{MariaDb, PgBouncer, Postgres, PostgresAddress, Scratch, SqlServer as _};

use super::run;
use crate::process::Home;

/// Names of its own on the server that tests share.
struct Place {
    server: &'static PostgresAddress,
    scratch: Scratch<PostgresAddress>,
    home: Home,
}

impl Place {
    /// `config` has more keys of `backend.database`, with `<p>` for the prefix of all names.
    fn new(config: &str) -> Self {
        let server = Postgres::shared().unwrap();
        let scratch = server.scratch();
        let home = Home::shipped("");
        let place = Self { server, scratch, home };
        place.configure(server.port(), config);
        place
    }

    fn configure(&self, port: u16, config: &str) {
        let host = self.server.host();
        self.home.write(
            "app-config.local.yaml",
            &self.named(&format!(
                "backend:\n  listen: '127.0.0.1:0'\n  database:\n    client: pg\n    prefix: <p>\n    ensureExists: false\n    \
                 connection: {{ host: {host}, port: {port}, user: <p>portal, password: secret, database: <p>portal }}\n    \
                 {config}\n"
            )),
        );
    }

    fn named(&self, text: &str) -> String {
        text.replace("<p>", self.scratch.prefix())
    }

    /// Without what differs between runs.
    fn unnamed(&self, text: &str) -> String {
        text.replace(self.scratch.prefix(), "<p>").replace(&self.server.port().to_string(), "<port>")
    }

    fn script(&self, more: &[&str]) -> String {
        let (code, script, stderr) = run(&mut self.home.command(), &[&["plan", "--sql"], more].concat());
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        script
    }

    /// As the superuser would.
    fn psql(&self, script: &str) {
        self.home.write("plan.sql", script);
        let mut psql = Command::new("psql");
        psql.args(["-v", "ON_ERROR_STOP=1", "-X", "-f", "plan.sql", "-d", "postgres", "-U", self.server.user()]);
        psql.arg("-h").arg(self.server.socket()).args(["-p", &self.server.port().to_string()]);
        let output = psql.env("PGPASSWORD", self.server.password()).current_dir(self.home.path()).output().unwrap();
        assert!(output.status.success(), "{}\n{script}", String::from_utf8_lossy(&output.stderr));
    }

    fn sets_passwords(&self, roles: &[&str]) {
        for role in roles {
            self.server.sql(&self.named(&format!("ALTER ROLE \"<p>{role}\" PASSWORD 'secret'"))).unwrap();
        }
    }

    /// What the server says to SQL of one of the roles.
    fn says(&self, role: &str, database: &str, sql: &str) -> String {
        let mut psql = self.server.psql().unwrap();
        psql.args(["-h", self.server.host(), "-p", &self.server.port().to_string()]);
        psql.args(["-U", &self.named(&format!("<p>{role}")), "-d", &self.named(database), "-c", &self.named(sql)]);
        let output = psql.env("PGPASSWORD", "secret").output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        self.unnamed(String::from_utf8(text).unwrap().trim())
    }

    /// Asks for it, runs it, and starts twice.
    async fn works(&self, roles: &[&str]) -> String {
        let script = self.script(&[]);
        self.psql(&script);
        self.sets_passwords(roles);
        let missing = self.script(&["--minimal"]);
        assert!(missing.trim_end().ends_with("-- All of it is there."), "{missing}");
        let (code, text, stderr) = run(&mut self.home.command(), &["plan"]);
        assert_eq!((code, stderr.as_str()), (Some(3), ""), "{text}");
        serves(&self.home).await;
        let (code, text, stderr) = run(&mut self.home.command(), &["plan"]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{text}");
        assert!(text.ends_with("a start makes nothing, and runs no migration on what is kept\n"), "{text}");
        serves(&self.home).await;
        let missing = self.script(&["--minimal"]);
        assert!(missing.trim_end().ends_with("-- All of it is there."), "{missing}");
        self.unnamed(&script)
    }
}

/// Starts, reads and writes, and stops.
async fn serves(home: &Home) {
    let backend = home.start();
    let todos = backend.url("/api/todo/todos");
    let added = reqwest::Client::new().post(&todos).json(&json!({ "title": "milk" })).send().await.unwrap();
    assert_eq!(added.status(), 201);
    let entities: Value = reqwest::get(backend.url("/api/catalog/entities")).await.unwrap().json().await.unwrap();
    assert!(entities.as_array().unwrap().len() > 20, "{entities}");
    backend.signal("TERM");
    let (code, log) = backend.ended();
    assert_eq!(code, Some(0), "{log}");
}

#[tokio::test]
async fn a_database_for_each_plugin() {
    let place = Place::new("");
    place.works(&["portal"]).await;
    assert_snapshot!(place.says("portal", "<p>todo", "CREATE DATABASE \"<p>mine\""), @"ERROR:  permission denied to create database");
    place.server.sql(&place.named("CREATE ROLE \"<p>other\" LOGIN PASSWORD 'secret'")).unwrap();
    assert_snapshot!(place.says("other", "<p>todo", "SELECT 1").split_once("FATAL").unwrap().1, @r#"
    :  permission denied for database "<p>todo"
    DETAIL:  User does not have CONNECT privilege.
    "#);
}

#[tokio::test]
async fn a_schema_for_each_plugin() {
    let place = Place::new("pluginDivisionMode: schema");
    place.works(&["portal"]).await;
    assert_snapshot!(place.says("portal", "<p>portal", "CREATE SCHEMA mine"), @"ERROR:  permission denied for database <p>portal");
    assert_snapshot!(place.says("portal", "<p>portal", "CREATE TABLE public.mine ()"), @r"
    ERROR:  permission denied for schema public
    LINE 1: CREATE TABLE public.mine ()
                         ^
    ");
    assert_snapshot!(place.says("portal", "<p>portal", "CREATE TEMPORARY TABLE mine ()"), @r#"
    ERROR:  permission denied to create temporary tables in database "<p>portal"
    LINE 1: CREATE TEMPORARY TABLE mine ()
                                   ^
    "#);
}

#[tokio::test]
async fn a_role_that_all_take() {
    for mode in ["database", "schema"] {
        let place = Place::new(&format!("role: '<p>owner'\n    pluginDivisionMode: {mode}"));
        place.works(&["portal"]).await;
        let (database, schema) = if mode == "schema" { ("<p>portal", "todo") } else { ("<p>todo", "public") };
        let owners = format!("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = '{schema}'");
        assert_eq!(place.says("portal", database, &owners), "<p>owner");
    }
}

#[tokio::test]
async fn a_role_for_each_plugin() {
    let place = Place::new("isolation: role");
    place.works(&["portal"]).await;
    let place = Place::new("isolation: role\n    pluginDivisionMode: schema");
    let script = place.works(&["portal"]).await;
    let sql = "SET ROLE \"<p>todo\"; SELECT * FROM catalog.entities";
    assert_snapshot!(place.says("portal", "<p>portal", sql), @r#"
    ERROR:  permission denied for schema catalog
    LINE 1: SET ROLE "<p>todo"; SELECT * FROM catalog.ent...
                                                             ^
    "#);
    // One grant less does not do.
    let place = Place::new("isolation: role\n    pluginDivisionMode: schema");
    let less: Vec<_> = script.lines().filter(|it| *it != "GRANT \"<p>todo\" TO \"<p>portal\";").collect();
    assert_eq!(less.len(), script.lines().count() - 1);
    place.psql(&place.named(&less.join("\n")));
    place.sets_passwords(&["portal"]);
    assert_snapshot!(place.unnamed(&place.home.refusal()), @r#"
    error: the backend did not start:
      - plugin `todo`: plugin `todo` has no role "<p>todo" that it may take (`backend.database.isolation`), and `backend.database.ensureExists` is off: let a superuser run `GRANT "<p>todo" TO "<p>portal"`
    "#);
    assert_snapshot!(place.unnamed(&place.script(&["--minimal"])), @r#"
    -- PostgreSQL server 127.0.0.1:<port>: a schema for each plugin, in one database, each with a role of its own.
    -- To be run by a superuser: psql -v ON_ERROR_STOP=1 -f <this file>
    -- The config says `ensureExists: false`: the backend makes nothing itself.

    -- Plugin `todo`.
    GRANT "<p>todo" TO "<p>portal";
    "#);
}

#[tokio::test]
async fn another_role_that_migrates() {
    let migrator = "migrationConnection: { user: '<p>migrator', password: secret }";
    for mode in ["database", "schema"] {
        let config = format!("pluginDivisionMode: {mode}\n    {migrator}");
        let place = Place::new(&config);
        place.works(&["portal", "migrator"]).await;
        let (database, schema) = if mode == "schema" { ("<p>portal", "todo") } else { ("<p>todo", "public") };
        let owners = format!("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = '{schema}'");
        assert_eq!(place.says("portal", database, &owners), "<p>migrator");
        insta::allow_duplicates! {
            let denied = place.says("portal", database, &format!("CREATE TABLE {schema}.mine ()")).replace(schema, "<schema>");
            assert_snapshot!(denied.lines().next().unwrap(), @"ERROR:  permission denied for schema <schema>");
            assert_snapshot!(place.says("portal", database, &format!("TRUNCATE {schema}.todos")), @"ERROR:  permission denied for table todos");
        }
    }
    // Without what new tables give it, it may not even look.
    let place = Place::new(&format!("pluginDivisionMode: schema\n    {migrator}"));
    let script = place.script(&[]);
    let less: Vec<_> = script.lines().filter(|it| !it.starts_with("ALTER DEFAULT PRIVILEGES")).collect();
    place.psql(&less.join("\n"));
    place.sets_passwords(&["portal", "migrator"]);
    let refusal = place.unnamed(&place.home.refusal());
    assert!(refusal.contains("permission denied for table"), "{refusal}");
    // The rest of the script mends it: what is there, and what will be.
    place.psql(&place.script(&["--minimal"]));
    serves(&place.home).await;
}

#[tokio::test]
async fn behind_a_pooler() {
    let place = Place::new("");
    let pooler = PgBouncer::start(place.server, 2).unwrap();
    let way = format!("pooler: transaction\n    migrationConnection: {{ port: {} }}", place.server.port());
    place.configure(pooler.port(), &way);
    let script = place.works(&["portal"]).await;
    assert!(script.contains("-- The pooler "), "{script}");
}

/// Names that are hard to write.
#[test]
fn names_with_quotes_and_lines() {
    let place = Place::new(
        "plugin: { todo: { connection: { database: \"<p>it's\\n\\\"a\\\"\\\\ b\" } } }\n    \
         migrationConnection: { user: '<p>mi\"grator', password: secret }",
    );
    place.psql(&place.script(&[]));
    let databases = "SELECT count(*) FROM pg_database WHERE datname IN (E'<p>it\\'s\\n\"a\"\\\\ b', '<p>catalog')";
    assert_eq!(place.server.sql(&place.named(databases)).unwrap(), "2");
}

#[tokio::test]
async fn on_mysql() {
    let server = MariaDb::shared().unwrap();
    let scratch = server.scratch();
    let prefix = scratch.prefix();
    let home = Home::shipped(&format!(
        "backend:\n  listen: '127.0.0.1:0'\n  database:\n    client: mysql2\n    prefix: {prefix}\n    ensureExists: false\n    \
         connection: {{ host: {}, port: {}, user: {prefix}portal, password: secret }}\n",
        server.host(),
        server.port()
    ));
    let (code, script, stderr) = run(&mut home.command(), &["plan", "--sql"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    server.sql(&script).unwrap();
    // Nobody gets in before there is a password.
    let refusal = home.refusal();
    assert!(refusal.contains("Access denied"), "{refusal}");
    let locked =
        format!("SELECT JSON_VALUE(priv, '$.account_locked') FROM mysql.global_priv WHERE user = '{prefix}portal'");
    assert_eq!(server.sql(&locked).unwrap(), "1");
    server.sql(&format!("ALTER USER '{prefix}portal'@'%' IDENTIFIED BY 'secret' ACCOUNT UNLOCK")).unwrap();
    let (code, text, _) = run(&mut home.command(), &["plan"]);
    assert_eq!(code, Some(3), "{text}");
    serves(&home).await;
    serves(&home).await;
    assert_eq!(run(&mut home.command(), &["plan"]).0, Some(0));
    let (_, missing, _) = run(&mut home.command(), &["plan", "--sql", "--minimal"]);
    // Only who may read `mysql.user` knows that it is there.
    let statements: Vec<_> = missing.lines().filter(|it| !it.starts_with("--") && !it.is_empty()).collect();
    assert_eq!(statements, [format!("CREATE USER IF NOT EXISTS '{prefix}portal'@'%' ACCOUNT LOCK;")]);
    // One privilege less does not do.
    server.sql(&format!("DROP DATABASE `{prefix}todo`; CREATE DATABASE `{prefix}todo`")).unwrap();
    let pattern = format!("{prefix}todo").replace('_', "\\_");
    server.sql(&format!("REVOKE CREATE ON `{pattern}`.* FROM '{prefix}portal'@'%'")).unwrap();
    let refusal = home.refusal();
    assert!(refusal.contains("may not make tables in the database"), "{refusal}");
}

#[test]
fn what_a_start_would_do() {
    let place = Place::new("isolation: role\n    pluginDivisionMode: schema\n    maxConnections: 9");
    place.psql(&place.named("CREATE ROLE \"<p>portal\" LOGIN CREATEROLE PASSWORD 'secret';"));
    let (code, text, stderr) = run(&mut place.home.command(), &["plan"]);
    assert_eq!((code, stderr.as_str()), (Some(3), ""));
    assert_snapshot!(place.unnamed(&text), @r"
    plugin   client  server           database                  schema   role                       max  missing                             pending
    catalog  pg      127.0.0.1:<port>  <p>portal  catalog  <p>catalog   10  database, membership, role, schema        2
    todo     pg      127.0.0.1:<port>  <p>portal  todo     <p>todo      10  database, membership, role, schema        2

    catalog
      wants role `<p>catalog`, and may not make it (`ensureExists`)
      wants membership of `<p>portal` in `<p>catalog`, and may not make it (`ensureExists`)
      wants database `<p>portal`, and may not make it (`ensureExists`)
      wants schema `catalog`, and may not make it (`ensureExists`)
      applies `m20260101_000001_stamp` (of the host)
      applies `m20260101_create_catalog`

    todo
      wants role `<p>todo`, and may not make it (`ensureExists`)
      wants membership of `<p>portal` in `<p>todo`, and may not make it (`ensureExists`)
      wants database `<p>portal`, and may not make it (`ensureExists`)
      wants schema `todo`, and may not make it (`ensureExists`)
      applies `m20260101_000001_stamp` (of the host)
      applies `m20260101_000001_create_todos`
    ");
    let (code, text, _) = run(&mut place.home.command(), &["plan", "--json", "--plugin", "todo"]);
    assert_eq!(code, Some(3));
    assert_snapshot!(place.unnamed(&text), @r#"
    {
      "plugins": {
        "todo": {
          "client": "pg",
          "server": "127.0.0.1:<port>",
          "database": "<p>portal",
          "schema": "todo",
          "role": "<p>todo",
          "user": "<p>portal",
          "pool": {
            "max": 10
          },
          "migrations": "run",
          "missing": [
            {
              "kind": "role",
              "name": "<p>todo",
              "made": false
            },
            {
              "kind": "membership",
              "name": "<p>portal in <p>todo",
              "made": false
            },
            {
              "kind": "database",
              "name": "<p>portal",
              "made": false
            },
            {
              "kind": "schema",
              "name": "todo",
              "made": false
            }
          ],
          "pending": [
            {
              "list": "host",
              "version": "m20260101_000001_stamp"
            },
            {
              "list": "plugin",
              "version": "m20260101_000001_create_todos"
            }
          ],
          "ephemeral": false,
          "error": null
        }
      }
    }
    "#);
}

#[test]
fn no_file_is_made_by_looking() {
    let home = Home::with_config(
        "backend: { database: { connection: { directory: data }, plugin: { todo: { connection: ':memory:' } } } }",
    );
    let (code, text, stderr) = run(&mut home.command(), &["plan"]);
    assert_eq!((code, stderr.as_str()), (Some(3), ""));
    assert_snapshot!(text, @r"
    plugin   client          server  database             schema  role  max  missing  pending
    catalog  better-sqlite3  -       data/catalog.sqlite  -       -       5  file           2
    todo     better-sqlite3  -       in memory            -       -       5  nothing        2

    catalog
      makes file `data/catalog.sqlite`
      applies `m20260101_000001_stamp` (of the host)
      applies `m20260101_create_catalog`

    todo
      applies `m20260101_000001_stamp` (of the host)
      applies `m20260101_000001_create_todos`
    ");
    assert!(!home.path().join("data").exists());
    // What is in memory is made by each start: nothing to do before.
    assert_eq!(run(&mut home.command(), &["plan", "--plugin", "todo"]).0, Some(0));
}

#[test]
fn what_cannot_be_reached() {
    let port = super::port();
    let home = Home::with_config(&format!(
        "backend: {{ database: {{ client: pg, connection: {{ host: 127.0.0.1, port: {port}, user: portal }}, plugin: {{ \
         todo: {{ client: better-sqlite3, connection: {{ directory: data }} }} }} }} }}",
    ));
    let (code, text, stderr) = run(&mut home.command(), &["plan"]);
    assert_eq!(code, Some(1));
    assert_snapshot!(stderr, @"error: cannot look at what there is of `catalog`");
    assert_snapshot!(text.replace(&port.to_string(), "<port>"), @r"
    plugin   client          server           database                  schema  role  max  missing  pending
    catalog  pg              127.0.0.1:<port>  backstage_plugin_catalog  -       -      10  ?              ?
    todo     better-sqlite3  -                data/todo.sqlite          -       -       5  file           2

    catalog
      cannot be looked at: cannot connect to database `backstage_plugin_catalog` at 127.0.0.1:<port> as `portal`: Connection refused (os error 111)

    todo
      makes file `data/todo.sqlite`
      applies `m20260101_000001_stamp` (of the host)
      applies `m20260101_000001_create_todos`
    ");
    // Nobody is asked for this.
    assert_eq!(run(&mut home.command(), &["plan", "--sql"]).0, Some(0));
    let (code, _, stderr) = run(&mut home.command(), &["plan", "--sql", "--minimal"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("Connection refused"), "{stderr}");
}

#[test]
fn misuse() {
    let home = Home::with_config("");
    assert_eq!(run(&mut home.command(), &["plan", "--minimal"]).0, Some(2));
    assert_eq!(run(&mut home.command(), &["plan", "--sql", "--json"]).0, Some(2));
    assert_snapshot!(run(&mut home.command(), &["plan", "--help"]).1, @r"
    Show what a start would make and run, or print it as SQL for an administrator

    Usage: backend db plan [OPTIONS]

    Options:
          --plugin <ID>                    This plugin alone. Repeatable
          --sql                            Print the SQL by which an administrator makes it, for `ensureExists: false`
          --minimal                        Leave out what the servers have already
          --json                           As JSON
          --config <FILE|URL>              Config file, or its URL, to read instead of `app-config.yaml` and the like in the working directory or above. Repeatable: a later one overrides an earlier one
          --env-file <FILE>                File of variables, as `NAME=value`, for what the environment does not have. Repeatable
          --config-reload-interval <TIME>  How often to ask the URLs among the config's files for changes: `60s`, `5m`, a number of seconds [default: 60s]
          --store <WHERE>                  Where all plugins keep their data, whatever `backend.database` says: `memory`, `fs` (SQLite files in `--data-dir`), or `pg` (the PostgreSQL that `PGHOST`, `PGUSER`, ... name)
          --data-dir <FOLDER>              The folder of `--store fs`, with a SQLite file for each plugin. Default: `.data`
      -h, --help                           Print help

    Servers are asked; nothing is made, and no SQLite file either. Exit code 3: a start would make or run something. With `--sql` nobody is asked, unless `--minimal` is there too. The script has the least privileges for what the config says, and no passwords.

    Examples:
      backend db plan
      backend db plan --sql > plan.sql && psql -v ON_ERROR_STOP=1 -f plan.sql
      backend db plan --sql --minimal --plugin catalog
    ");
}

/// What others made is left as it is, and only what is lacking is asked for.
#[tokio::test]
async fn databases_of_others() {
    for mode in ["database", "schema"] {
        let place = Place::new(&format!("pluginDivisionMode: {mode}"));
        let sql = "CREATE ROLE \"<p>portal\" LOGIN PASSWORD 'secret'; CREATE DATABASE \"<p>portal\"; CREATE DATABASE \"<p>todo\"; \
                   CREATE DATABASE \"<p>catalog\"";
        for statement in sql.split("; ") {
            place.server.sql(&place.named(statement)).unwrap();
        }
        let script = place.script(&["--minimal"]);
        assert!(!script.contains("REVOKE") && !script.contains("CREATE DATABASE"), "{script}");
        if mode == "database" {
            assert_snapshot!(place.unnamed(&script), @r#"
            -- PostgreSQL server 127.0.0.1:<port>: a database for each plugin.
            -- To be run by a superuser: psql -v ON_ERROR_STOP=1 -f <this file>
            -- The config says `ensureExists: false`: the backend makes nothing itself.

            -- Plugin `catalog`.
            \connect "<p>catalog"
            GRANT USAGE, CREATE ON SCHEMA "public" TO "<p>portal";

            -- Plugin `todo`.
            \connect "<p>todo"
            GRANT USAGE, CREATE ON SCHEMA "public" TO "<p>portal";
            "#);
        }
        assert_eq!(place.home.run().status.code(), Some(1));
        place.psql(&script);
        serves(&place.home).await;
    }
}

#[test]
fn what_a_start_leaves_to_others() {
    for mode in ["migrations: verify", "migrations: wait", "skipMigrations: true"] {
        let home =
            Home::with_config(&format!("backend: {{ database: {{ {mode}, connection: {{ directory: data }} }} }}"));
        assert_eq!(run(&mut home.command(), &["create", "--plugin", "todo"]).0, Some(0));
        let (code, text, _) = run(&mut home.command(), &["plan", "--plugin", "todo"]);
        assert_eq!(code, Some(if mode.starts_with("skip") { 0 } else { 3 }));
        let text: Vec<_> = text.lines().skip_while(|it| !it.is_empty()).skip(1).collect();
        match mode {
            "migrations: verify" => assert_snapshot!(text.join("\n"), @r"
            todo
              wants `m20260101_000001_stamp` (of the host), and does not start without it (`migrations: verify`)
              wants `m20260101_000001_create_todos`, and does not start without it (`migrations: verify`)
            "),
            "migrations: wait" => assert_snapshot!(text.join("\n"), @r"
            todo
              waits until another has applied `m20260101_000001_stamp` (of the host) (`migrations: wait`)
              waits until another has applied `m20260101_000001_create_todos` (`migrations: wait`)
            "),
            _ => assert_snapshot!(text.join("\n"), @r"
            todo
              leaves out `m20260101_000001_stamp` (of the host) (`skipMigrations`)
              leaves out `m20260101_000001_create_todos` (`skipMigrations`)

            a start makes nothing, and runs no migration on what is kept
            "),
        }
    }
}

#[test]
fn a_private_server_is_not_made_by_looking() {
    let home =
        Home::with_config("backend: { database: { client: embedded-postgres, connection: { directory: data } } }");
    let (code, text, stderr) = run(&mut home.command(), &["plan", "--plugin", "todo"]);
    assert_eq!((code, stderr.as_str()), (Some(3), ""));
    assert_snapshot!(text, @r"
    plugin  client             server  database               schema  role  max  missing   pending
    todo    embedded-postgres  data    backstage_plugin_todo  -       -      10  database        2

    todo
      makes database `backstage_plugin_todo`
      applies `m20260101_000001_stamp` (of the host)
      applies `m20260101_000001_create_todos`
    ");
    assert!(!home.path().join("data").exists());
}
