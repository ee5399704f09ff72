//! What an administrator is given to run, by config alone.

use backend_defaults::database::{As, DatabaseConfig, EnginePlan, LibpqEnvironment};
use backend_plugin_api::PluginId;
use backend_plugin_api::services::database::MigrationMode;
use config::Config;
use database_tools::doctor::{Severity, examine};
use database_tools::planning::{Script, Wanted};
use insta::assert_snapshot;
use serde_json::{Value, json};
use test_servers::{Postgres, SqlServer as _};
use tokio::task::spawn_blocking;

use crate::fixture::{LAYOUTS, Layout, OTHER, Place, SAMPLE, site};

/// The script for plugins `catalog`, with an extension, and `todo`.
fn script(databases: &Value) -> String {
    let root = Config::from_json(json!({ "backend": { "database": databases } }));
    let databases: DatabaseConfig = root.read("backend.database").unwrap();
    let wanted = [("catalog", vec!["pg_trgm".to_owned()]), ("todo", Vec::new())].map(|(plugin, extensions)| {
        let plan = databases.plan(PluginId::new(plugin), &LibpqEnvironment::default()).unwrap();
        Wanted { plan, extensions }
    });
    Script::new(&wanted).to_string()
}

fn on_db(more: &Value) -> Value {
    let mut config = json!({ "client": "pg", "connection": { "host": "db", "user": "portal", "password": "geheim" } });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

#[test]
fn a_database_for_each_plugin() {
    assert_snapshot!(script(&on_db(&json!({}))), @r#"
    -- PostgreSQL server db:5432: a database for each plugin.
    -- To be run by a superuser: psql -v ON_ERROR_STOP=1 -f <this file>
    -- Then set `backend.database.ensureExists: false` in the config: the backend makes nothing itself.

    -- Who connects. To set its password:
    --   \password "portal"
    CREATE ROLE "portal" LOGIN;

    -- Plugin `catalog`.
    CREATE DATABASE "backstage_plugin_catalog" OWNER "portal";
    REVOKE CONNECT, TEMPORARY ON DATABASE "backstage_plugin_catalog" FROM PUBLIC;
    COMMENT ON DATABASE "backstage_plugin_catalog" IS 'made by greenroom 0.1.0 for plugin catalog';
    \connect "backstage_plugin_catalog"
    CREATE EXTENSION "pg_trgm";

    -- Plugin `todo`.
    CREATE DATABASE "backstage_plugin_todo" OWNER "portal";
    REVOKE CONNECT, TEMPORARY ON DATABASE "backstage_plugin_todo" FROM PUBLIC;
    COMMENT ON DATABASE "backstage_plugin_todo" IS 'made by greenroom 0.1.0 for plugin todo';
    "#);
}

#[test]
fn a_schema_for_each_plugin() {
    let config = json!({ "client": "pg", "pluginDivisionMode": "schema", "ensureExists": false,
        "connection": { "host": "db", "user": "portal", "database": "portal" } });
    assert_snapshot!(script(&config), @r#"
    -- PostgreSQL server db:5432: a schema for each plugin, in one database.
    -- To be run by a superuser: psql -v ON_ERROR_STOP=1 -f <this file>
    -- The config says `ensureExists: false`: the backend makes nothing itself.

    -- Who connects. To set its password:
    --   \password "portal"
    CREATE ROLE "portal" LOGIN;

    -- The database that all have their schemas in.
    CREATE DATABASE "portal";
    REVOKE CONNECT, TEMPORARY ON DATABASE "portal" FROM PUBLIC;
    COMMENT ON DATABASE "portal" IS 'made by greenroom 0.1.0';
    GRANT CONNECT ON DATABASE "portal" TO "portal";
    \connect "portal"
    REVOKE ALL ON SCHEMA public FROM PUBLIC;

    -- Plugin `catalog`.
    CREATE SCHEMA "catalog" AUTHORIZATION "portal";
    COMMENT ON SCHEMA "catalog" IS 'made by greenroom 0.1.0 for plugin catalog';
    CREATE EXTENSION "pg_trgm" SCHEMA "catalog";

    -- Plugin `todo`.
    CREATE SCHEMA "todo" AUTHORIZATION "portal";
    COMMENT ON SCHEMA "todo" IS 'made by greenroom 0.1.0 for plugin todo';
    "#);
}

#[test]
fn a_role_that_all_take() {
    assert_snapshot!(script(&on_db(&json!({ "role": "owner" }))), @r#"
    -- PostgreSQL server db:5432: a database for each plugin.
    -- To be run by a superuser: psql -v ON_ERROR_STOP=1 -f <this file>
    -- Then set `backend.database.ensureExists: false` in the config: the backend makes nothing itself.

    -- Who connects. To set its password:
    --   \password "portal"
    CREATE ROLE "portal" LOGIN;
    CREATE ROLE "owner" NOLOGIN;
    GRANT "owner" TO "portal";

    -- Plugin `catalog`.
    CREATE DATABASE "backstage_plugin_catalog" OWNER "owner";
    REVOKE CONNECT, TEMPORARY ON DATABASE "backstage_plugin_catalog" FROM PUBLIC;
    COMMENT ON DATABASE "backstage_plugin_catalog" IS 'made by greenroom 0.1.0 for plugin catalog';
    GRANT CONNECT ON DATABASE "backstage_plugin_catalog" TO "portal";
    \connect "backstage_plugin_catalog"
    CREATE EXTENSION "pg_trgm";

    -- Plugin `todo`.
    CREATE DATABASE "backstage_plugin_todo" OWNER "owner";
    REVOKE CONNECT, TEMPORARY ON DATABASE "backstage_plugin_todo" FROM PUBLIC;
    COMMENT ON DATABASE "backstage_plugin_todo" IS 'made by greenroom 0.1.0 for plugin todo';
    GRANT CONNECT ON DATABASE "backstage_plugin_todo" TO "portal";
    "#);
}

#[test]
fn a_role_for_each_plugin() {
    assert_snapshot!(script(&on_db(&json!({ "isolation": "role" }))), @r#"
    -- PostgreSQL server db:5432: a database for each plugin, each with a role of its own.
    -- To be run by a superuser: psql -v ON_ERROR_STOP=1 -f <this file>
    -- Then set `backend.database.ensureExists: false` in the config: the backend makes nothing itself.

    -- Who connects. To set its password:
    --   \password "portal"
    CREATE ROLE "portal" LOGIN;

    -- Plugin `catalog`.
    CREATE ROLE "backstage_plugin_catalog" NOLOGIN;
    COMMENT ON ROLE "backstage_plugin_catalog" IS 'made by greenroom 0.1.0 for plugin catalog';
    GRANT "backstage_plugin_catalog" TO "portal";
    CREATE DATABASE "backstage_plugin_catalog" OWNER "backstage_plugin_catalog";
    REVOKE CONNECT, TEMPORARY ON DATABASE "backstage_plugin_catalog" FROM PUBLIC;
    COMMENT ON DATABASE "backstage_plugin_catalog" IS 'made by greenroom 0.1.0 for plugin catalog';
    GRANT CONNECT ON DATABASE "backstage_plugin_catalog" TO "portal";
    \connect "backstage_plugin_catalog"
    CREATE EXTENSION "pg_trgm";

    -- Plugin `todo`.
    CREATE ROLE "backstage_plugin_todo" NOLOGIN;
    COMMENT ON ROLE "backstage_plugin_todo" IS 'made by greenroom 0.1.0 for plugin todo';
    GRANT "backstage_plugin_todo" TO "portal";
    CREATE DATABASE "backstage_plugin_todo" OWNER "backstage_plugin_todo";
    REVOKE CONNECT, TEMPORARY ON DATABASE "backstage_plugin_todo" FROM PUBLIC;
    COMMENT ON DATABASE "backstage_plugin_todo" IS 'made by greenroom 0.1.0 for plugin todo';
    GRANT CONNECT ON DATABASE "backstage_plugin_todo" TO "portal";
    "#);
    let config = json!({ "client": "pg", "pluginDivisionMode": "schema", "isolation": "role",
        "connection": { "host": "db", "user": "portal", "database": "portal" } });
    assert_snapshot!(script(&config), @r#"
    -- PostgreSQL server db:5432: a schema for each plugin, in one database, each with a role of its own.
    -- To be run by a superuser: psql -v ON_ERROR_STOP=1 -f <this file>
    -- Then set `backend.database.ensureExists: false` in the config: the backend makes nothing itself.

    -- Who connects. To set its password:
    --   \password "portal"
    CREATE ROLE "portal" LOGIN;

    -- The database that all have their schemas in.
    CREATE DATABASE "portal";
    REVOKE CONNECT, TEMPORARY ON DATABASE "portal" FROM PUBLIC;
    COMMENT ON DATABASE "portal" IS 'made by greenroom 0.1.0';
    GRANT CONNECT ON DATABASE "portal" TO "portal";
    \connect "portal"
    REVOKE ALL ON SCHEMA public FROM PUBLIC;

    -- Plugin `catalog`.
    CREATE ROLE "backstage_plugin_catalog" NOLOGIN;
    COMMENT ON ROLE "backstage_plugin_catalog" IS 'made by greenroom 0.1.0 for plugin catalog';
    GRANT "backstage_plugin_catalog" TO "portal";
    CREATE SCHEMA "catalog" AUTHORIZATION "backstage_plugin_catalog";
    COMMENT ON SCHEMA "catalog" IS 'made by greenroom 0.1.0 for plugin catalog';
    CREATE EXTENSION "pg_trgm" SCHEMA "catalog";

    -- Plugin `todo`.
    CREATE ROLE "backstage_plugin_todo" NOLOGIN;
    COMMENT ON ROLE "backstage_plugin_todo" IS 'made by greenroom 0.1.0 for plugin todo';
    GRANT "backstage_plugin_todo" TO "portal";
    CREATE SCHEMA "todo" AUTHORIZATION "backstage_plugin_todo";
    COMMENT ON SCHEMA "todo" IS 'made by greenroom 0.1.0 for plugin todo';
    "#);
}

#[test]
fn another_role_that_migrates() {
    let migrator = json!({ "migrationConnection": { "user": "migrator", "password": "geheim" } });
    assert_snapshot!(script(&on_db(&migrator)), @r#"
    -- PostgreSQL server db:5432: a database for each plugin.
    -- To be run by a superuser: psql -v ON_ERROR_STOP=1 -f <this file>
    -- Then set `backend.database.ensureExists: false` in the config: the backend makes nothing itself.

    -- Who connects. To set their passwords:
    --   \password "migrator"
    --   \password "portal"
    CREATE ROLE "migrator" LOGIN;
    CREATE ROLE "portal" LOGIN;

    -- Plugin `catalog`.
    CREATE DATABASE "backstage_plugin_catalog" OWNER "migrator";
    REVOKE CONNECT, TEMPORARY ON DATABASE "backstage_plugin_catalog" FROM PUBLIC;
    COMMENT ON DATABASE "backstage_plugin_catalog" IS 'made by greenroom 0.1.0 for plugin catalog';
    GRANT CONNECT ON DATABASE "backstage_plugin_catalog" TO "portal";
    \connect "backstage_plugin_catalog"
    CREATE EXTENSION "pg_trgm";
    GRANT USAGE ON SCHEMA "public" TO "portal";
    ALTER DEFAULT PRIVILEGES FOR ROLE "migrator" IN SCHEMA "public" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "portal";
    ALTER DEFAULT PRIVILEGES FOR ROLE "migrator" IN SCHEMA "public" GRANT USAGE ON SEQUENCES TO "portal";
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "public" TO "portal";
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA "public" TO "portal";

    -- Plugin `todo`.
    CREATE DATABASE "backstage_plugin_todo" OWNER "migrator";
    REVOKE CONNECT, TEMPORARY ON DATABASE "backstage_plugin_todo" FROM PUBLIC;
    COMMENT ON DATABASE "backstage_plugin_todo" IS 'made by greenroom 0.1.0 for plugin todo';
    GRANT CONNECT ON DATABASE "backstage_plugin_todo" TO "portal";
    \connect "backstage_plugin_todo"
    GRANT USAGE ON SCHEMA "public" TO "portal";
    ALTER DEFAULT PRIVILEGES FOR ROLE "migrator" IN SCHEMA "public" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "portal";
    ALTER DEFAULT PRIVILEGES FOR ROLE "migrator" IN SCHEMA "public" GRANT USAGE ON SEQUENCES TO "portal";
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "public" TO "portal";
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA "public" TO "portal";
    "#);
    let config = json!({ "client": "pg", "pluginDivisionMode": "schema",
        "connection": { "host": "db", "user": "portal", "database": "portal" },
        "migrationConnection": { "user": "migrator", "password": "geheim" } });
    assert_snapshot!(script(&config), @r#"
    -- PostgreSQL server db:5432: a schema for each plugin, in one database.
    -- To be run by a superuser: psql -v ON_ERROR_STOP=1 -f <this file>
    -- Then set `backend.database.ensureExists: false` in the config: the backend makes nothing itself.

    -- Who connects. To set their passwords:
    --   \password "migrator"
    --   \password "portal"
    CREATE ROLE "migrator" LOGIN;
    CREATE ROLE "portal" LOGIN;

    -- The database that all have their schemas in.
    CREATE DATABASE "portal";
    REVOKE CONNECT, TEMPORARY ON DATABASE "portal" FROM PUBLIC;
    COMMENT ON DATABASE "portal" IS 'made by greenroom 0.1.0';
    GRANT CONNECT ON DATABASE "portal" TO "migrator";
    GRANT CONNECT ON DATABASE "portal" TO "portal";
    \connect "portal"
    REVOKE ALL ON SCHEMA public FROM PUBLIC;

    -- Plugin `catalog`.
    CREATE SCHEMA "catalog" AUTHORIZATION "migrator";
    COMMENT ON SCHEMA "catalog" IS 'made by greenroom 0.1.0 for plugin catalog';
    CREATE EXTENSION "pg_trgm" SCHEMA "catalog";
    GRANT USAGE ON SCHEMA "catalog" TO "portal";
    ALTER DEFAULT PRIVILEGES FOR ROLE "migrator" IN SCHEMA "catalog" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "portal";
    ALTER DEFAULT PRIVILEGES FOR ROLE "migrator" IN SCHEMA "catalog" GRANT USAGE ON SEQUENCES TO "portal";
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "catalog" TO "portal";
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA "catalog" TO "portal";

    -- Plugin `todo`.
    CREATE SCHEMA "todo" AUTHORIZATION "migrator";
    COMMENT ON SCHEMA "todo" IS 'made by greenroom 0.1.0 for plugin todo';
    GRANT USAGE ON SCHEMA "todo" TO "portal";
    ALTER DEFAULT PRIVILEGES FOR ROLE "migrator" IN SCHEMA "todo" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "portal";
    ALTER DEFAULT PRIVILEGES FOR ROLE "migrator" IN SCHEMA "todo" GRANT USAGE ON SEQUENCES TO "portal";
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "todo" TO "portal";
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA "todo" TO "portal";
    "#);
}

#[test]
fn behind_a_pooler() {
    let pooler = json!({ "pooler": "transaction", "migrationConnection": { "host": "primary", "port": 5433 } });
    assert_snapshot!(script(&on_db(&pooler)), @r#"
    -- PostgreSQL server primary:5433: a database for each plugin.
    -- To be run by a superuser: psql -v ON_ERROR_STOP=1 -f <this file>
    -- Then set `backend.database.ensureExists: false` in the config: the backend makes nothing itself.
    -- The pooler db:5432 has to let in "portal", to each of these databases.

    -- Who connects. To set its password:
    --   \password "portal"
    CREATE ROLE "portal" LOGIN;

    -- Plugin `catalog`.
    CREATE DATABASE "backstage_plugin_catalog" OWNER "portal";
    REVOKE CONNECT, TEMPORARY ON DATABASE "backstage_plugin_catalog" FROM PUBLIC;
    COMMENT ON DATABASE "backstage_plugin_catalog" IS 'made by greenroom 0.1.0 for plugin catalog';
    \connect "backstage_plugin_catalog"
    CREATE EXTENSION "pg_trgm";

    -- Plugin `todo`.
    CREATE DATABASE "backstage_plugin_todo" OWNER "portal";
    REVOKE CONNECT, TEMPORARY ON DATABASE "backstage_plugin_todo" FROM PUBLIC;
    COMMENT ON DATABASE "backstage_plugin_todo" IS 'made by greenroom 0.1.0 for plugin todo';
    "#);
    let alone = json!({ "pooler": "transaction", "ensureExists": false, "migrations": "wait" });
    let script = script(&on_db(&alone));
    assert_snapshot!(script.lines().take(4).collect::<Vec<_>>().join("\n"), @r#"
    -- PostgreSQL server db:5432: a database for each plugin.
    -- To be run by a superuser: psql -v ON_ERROR_STOP=1 -f <this file>
    -- The config says `ensureExists: false`: the backend makes nothing itself.
    -- db:5432 is a pooler, which has to let in "portal": run this on the server behind it.
    "#);
}

#[test]
fn on_mysql() {
    let config = json!({ "client": "mysql2", "connection": { "host": "db", "user": "por'tal", "password": "geheim" } });
    assert_snapshot!(script(&config), @r"
    -- MySQL server db:3306: a database for each plugin.
    -- To be run by an administrator: mysql < <this file>
    -- Then set `backend.database.ensureExists: false` in the config: the backend makes nothing itself.

    -- Who connects, from any host. To set a password, and let it in:
    --   ALTER USER 'por''tal'@'%' IDENTIFIED BY '<password>' ACCOUNT UNLOCK;
    CREATE USER IF NOT EXISTS 'por''tal'@'%' ACCOUNT LOCK;

    -- Plugin `catalog`.
    CREATE DATABASE `backstage_plugin_catalog` CHARACTER SET utf8mb4;
    GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES ON `backstage\_plugin\_catalog`.* TO 'por''tal'@'%';

    -- Plugin `todo`.
    CREATE DATABASE `backstage_plugin_todo` CHARACTER SET utf8mb4;
    GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES ON `backstage\_plugin\_todo`.* TO 'por''tal'@'%';
    ");
}

#[test]
fn where_there_is_nothing_to_run() {
    assert_snapshot!(script(&json!({ "connection": { "directory": "/var/lib/portal" } })), @r"
    -- SQLite: there is nothing to run.
    -- Plugin `catalog` has the file /var/lib/portal/catalog.sqlite.
    -- Plugin `todo` has the file /var/lib/portal/todo.sqlite.
    -- The folder /var/lib/portal has to belong to who runs the backend, on a disk of this machine; it is made when it is not there.
    ");
    assert_snapshot!(script(&json!({})), @r"
    -- SQLite: there is nothing to run.
    -- Plugin `catalog` keeps its data in memory, and loses it when the backend stops.
    -- Plugin `todo` keeps its data in memory, and loses it when the backend stops.
    ");
    assert_snapshot!(script(&json!({ "client": "embedded-postgres", "connection": { "directory": "/var/lib/pg" } })), @"-- PostgreSQL in /var/lib/pg: the backend runs it itself, and makes all there.");
}

#[test]
fn a_part_for_each_server() {
    let config = json!({ "plugin": {
        "catalog": { "connection": { "host": "fast", "user": "cat\"alog", "database": "entities" } },
        "todo": { "client": "better-sqlite3", "connection": ":memory:" },
    } });
    assert_snapshot!(script(&on_db(&config)), @r#"
    -- SQLite: there is nothing to run.
    -- Plugin `todo` keeps its data in memory, and loses it when the backend stops.

    -- PostgreSQL server fast:5432: a database for each plugin.
    -- To be run by a superuser: psql -v ON_ERROR_STOP=1 -f <this file>
    -- Then set `backend.database.ensureExists: false` in the config: the backend makes nothing itself.

    -- Who connects. To set its password:
    --   \password "cat""alog"
    CREATE ROLE "cat""alog" LOGIN;

    -- Plugin `catalog`.
    CREATE DATABASE "entities" OWNER "cat""alog";
    REVOKE CONNECT, TEMPORARY ON DATABASE "entities" FROM PUBLIC;
    COMMENT ON DATABASE "entities" IS 'made by greenroom 0.1.0 for plugin catalog';
    \connect "entities"
    CREATE EXTENSION "pg_trgm";
    "#);
}

/// Whatever is a name in it.
#[test]
fn no_password_and_no_name_that_ends_early() {
    let script = script(&on_db(&json!({ "prefix": "it's a \"test\"\n; DROP " })));
    assert!(!script.contains("geheim"), "{script}");
    assert_snapshot!(script, @r#"
    -- PostgreSQL server db:5432: a database for each plugin.
    -- To be run by a superuser: psql -v ON_ERROR_STOP=1 -f <this file>
    -- Then set `backend.database.ensureExists: false` in the config: the backend makes nothing itself.

    -- Who connects. To set its password:
    --   \password "portal"
    CREATE ROLE "portal" LOGIN;

    -- Plugin `catalog`.
    CREATE DATABASE "it's a ""test""
    ; DROP catalog" OWNER "portal";
    REVOKE CONNECT, TEMPORARY ON DATABASE "it's a ""test""
    ; DROP catalog" FROM PUBLIC;
    COMMENT ON DATABASE "it's a ""test""
    ; DROP catalog" IS 'made by greenroom 0.1.0 for plugin catalog';
    \connect '"it''s a ""test""\012; DROP catalog"'
    CREATE EXTENSION "pg_trgm";

    -- Plugin `todo`.
    CREATE DATABASE "it's a ""test""
    ; DROP todo" OWNER "portal";
    REVOKE CONNECT, TEMPORARY ON DATABASE "it's a ""test""
    ; DROP todo" FROM PUBLIC;
    COMMENT ON DATABASE "it's a ""test""
    ; DROP todo" IS 'made by greenroom 0.1.0 for plugin todo';
    "#);
}

/// Before it is there, and after.
#[tokio::test]
async fn what_is_missing_is_made() {
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        let site = place.site(SAMPLE);
        let before = site.outlook().await.unwrap();
        let kinds: Vec<_> = before.gaps.iter().map(|it| (it.what.kind(), it.made)).collect();
        let kind = match layout {
            Layout::Files => "file",
            Layout::Postgres | Layout::MySql => "database",
            Layout::PostgresSchema => "schema",
        };
        assert_eq!(kinds, [(kind, true)], "{layout:?}");
        assert_eq!(before.pending.unwrap().len(), 3);
        let made: Vec<_> = site.create().await.unwrap();
        assert_eq!(made, before.gaps.into_iter().map(|it| it.what).collect::<Vec<_>>());
        assert_eq!(site.create().await.unwrap(), []);
        let after = place.site(SAMPLE).outlook().await.unwrap();
        assert_eq!(
            (after.gaps.len(), after.pending.map(|it| it.len())),
            (0, Some(3)),
            "{layout:?}: nothing is migrated"
        );
        site.migrator().run().await.unwrap();
        assert!(!site.outlook().await.unwrap().is_to_do(MigrationMode::Run));
        let diagnosis = examine(&[site.clone(), place.site(OTHER)]).await;
        let bad: Vec<_> = diagnosis.findings.iter().filter(|it| it.severity != Severity::Ok).collect();
        assert!(bad.is_empty(), "{layout:?}: {bad:#?}");
        site.close().await;
    }
}

/// Made by the superuser, for who may make nothing.
#[tokio::test]
async fn an_extension() {
    let place = Place::new(Layout::Postgres).await;
    let server = Postgres::shared().unwrap();
    for (mode, schema) in [("database", None), ("schema", Some("sample"))] {
        let user = format!("{}{mode}", place.config["prefix"].as_str().unwrap());
        let connection = json!({ "host": server.host(), "port": server.port(), "user": user, "password": "secret", "database": user });
        let config = json!({ "client": "pg", "pluginDivisionMode": mode, "ensureExists": false, "connection": connection,
            "prefix": user });
        let site = site(&config, SAMPLE);
        let wanted = Wanted { extensions: vec!["pg_trgm".to_owned()], ..Wanted::of(&site) };
        let script = Script::new(std::slice::from_ref(&wanted)).to_string();
        let set_password = format!("ALTER ROLE \"{user}\" PASSWORD 'secret';");
        spawn_blocking(move || server.sql(&format!("{script}\n{set_password}")).unwrap()).await.unwrap();
        let left = Script::missing(&[wanted], &site.access).await.unwrap();
        assert!(left.parts.iter().all(|it| it.is_empty()), "{left}");
        let EnginePlan::Postgres(plan) = &site.plan.engine else { panic!() };
        let sql = "SELECT n.nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'pg_trgm'";
        let mut connected = site.access.postgres(plan, As::Plugin, None).await.unwrap();
        let found: String = sqlx::query_scalar(sql).fetch_one(&mut connected.connection).await.unwrap();
        assert_eq!(found, schema.unwrap_or("public"));
        site.provision().await.unwrap();
        site.migrator().run().await.unwrap();
        site.close().await;
    }
}
