//! What is made on a PostgreSQL server, by whom, and what is said when it may not be.

use backend_plugin_api::PluginId;
use insta::assert_snapshot;
use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::json;
use test_servers::{Postgres, PostgresOptions};
use tokio::task::{spawn_blocking, yield_now};

use super::fixture::{OTHER, PLUGIN, bounded, manager, migrate};
use super::place::{Place, ask};

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_made_and_stamped_and_the_maintenance_database_left_alone_after() {
    let place = Place::new().await;
    let connection = place.role("owner");
    place.sql("ALTER ROLE {p}owner CREATEDB");
    let config = json!({ "connection": connection });
    place.database(config.clone()).provision(&[]).await.unwrap();
    let made = "SELECT pg_get_userbyid(datdba) || ': ' || shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{p}todo'";
    let made = place.sql(made).replace(place.prefix(), "P_").replace(env!("CARGO_PKG_VERSION"), "VERSION");
    assert_snapshot!(made, @"P_owner: made by greenroom VERSION for plugin todo");

    let mut config = config;
    config["maintenanceDatabase"] = "there_is_no_such".into();
    let database = place.database(config.clone());
    database.provision(&[]).await.unwrap();
    database.ping().await.unwrap();
    database.close().await;
    place.sql("DROP DATABASE {p}todo");
    assert_snapshot!(place.refusal(config).await, @r#"the database "P_todo" does not exist, and to create it (`backend.database.maintenanceDatabase` names another database to connect to): cannot connect to database `there_is_no_such` at 127.0.0.1:PORT as `P_owner`: database "there_is_no_such" does not exist"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_make_databases_is_told_what_is_missing() {
    let place = Place::new().await;
    let app = place.role("app");
    assert_snapshot!(place.refusal(json!({ "connection": app })).await, @r#"role "P_app" may not create the database "P_todo": let a superuser run `ALTER ROLE "P_app" CREATEDB`, or `CREATE DATABASE "P_todo" OWNER "P_app"`; or name who may in `backend.database.admin`"#);
    assert_snapshot!(place.refusal(json!({ "connection": app, "ensureExists": false })).await, @r#"the database "P_todo" does not exist, and `backend.database.ensureExists` is off: create it by `CREATE DATABASE "P_todo" OWNER "P_app"`"#);
    // The advice, followed.
    place.sql("CREATE DATABASE {p}todo OWNER {p}app");
    let database = place.database(json!({ "connection": app, "ensureExists": false }));
    migrate(PLUGIN, &database).await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_makes_what_the_plugins_role_then_owns() {
    let place = Place::new().await;
    let app = place.role("app");
    place.role("admin");
    place.sql("ALTER ROLE {p}admin CREATEDB");
    let config = json!({ "connection": app, "admin": { "user": place.name("admin"), "password": "secret" } });
    assert_snapshot!(place.refusal(config.clone()).await, @r#"role "P_admin" may not give what it creates to "P_app": let a superuser run `GRANT "P_app" TO "P_admin"`"#);
    place.sql("GRANT {p}app TO {p}admin");
    let database = place.database(config);
    migrate(PLUGIN, &database).await;
    assert_eq!(
        ask(&database, "SELECT tableowner::text FROM pg_tables WHERE tablename = 'item'").await,
        place.name("app")
    );
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_plugins_own_user_makes_and_owns_its_database() {
    let place = Place::new().await;
    let config = json!({
        "client": "pg", "prefix": place.prefix(), "connection": place.role("one"),
        "plugin": { "todo": { "connection": place.role("two") } },
    });
    place.sql("ALTER ROLE {p}one CREATEDB; ALTER ROLE {p}two CREATEDB;");
    let manager = manager(config);
    let databases = [PLUGIN, OTHER].map(|it| manager.database_for(it).unwrap());
    // At the same time, so that one comes right behind the other.
    let (first, second) = tokio::join!(databases[0].provision(&[]), databases[1].provision(&[]));
    first.and(second).unwrap();
    let owners =
        "SELECT datname || ': ' || pg_get_userbyid(datdba) FROM pg_database WHERE datname LIKE '{p}%' ORDER BY 1";
    assert_eq!(place.sql(owners).replace(place.prefix(), ""), "catalog: one\ntodo: two");
    let left = "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE '{p}%' AND datname = 'postgres'";
    // None is left to the maintenance database.
    bounded(async {
        while place.sql(left) != "0" {
            yield_now().await;
        }
    })
    .await;
    for database in databases {
        database.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_are_made_in_one_database() {
    let place = Place::new().await;
    let mut connection = place.role("app");
    connection["database"] = place.name("portal").into();
    let schema = json!({ "pluginDivisionMode": "schema", "connection": connection });
    place.sql("CREATE DATABASE {p}portal");
    assert_snapshot!(place.refusal(schema.clone()).await, @r#"role "P_app" may not create the schema "todo": let the owner of the database run `GRANT CREATE ON DATABASE "P_portal" TO "P_app"`, or `CREATE SCHEMA "todo" AUTHORIZATION "P_app"`"#);
    let mut left = schema.clone();
    left["ensureExists"] = false.into();
    assert_snapshot!(place.refusal(left.clone()).await, @r#"the schema "todo" does not exist in the database "P_portal", and `backend.database.ensureExists` is off: create it by `CREATE SCHEMA "todo" AUTHORIZATION "P_app"`"#);

    place.sql("GRANT CREATE ON DATABASE {p}portal TO {p}app");
    // Only schemas.
    left["ensureSchemaExists"] = true.into();
    left["schemaPrefix"] = "bs_".into();
    migrate(PLUGIN, &place.database(left)).await;
    migrate(PLUGIN, &place.database(schema)).await;
    let schemas = "SELECT nspname || ': ' || obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname LIKE '%todo' ORDER BY 1";
    assert_snapshot!(place.sql_in("portal", schemas).replace(env!("CARGO_PKG_VERSION"), "VERSION"), @"
    bs_todo: made by greenroom VERSION for plugin todo
    todo: made by greenroom VERSION for plugin todo
    ");
}

/// In SQL such names have to be quoted, and in the start-up packet escaped.
#[tokio::test(flavor = "multi_thread")]
async fn names_may_be_odd() {
    let place = Place::new().await;
    let mut connection = place.superuser();
    for mode in ["database", "schema"] {
        connection["database"] = place.name(r#"it's a "portal" \1"#).into();
        let prefix = place.name(r#"it's a "prefix" \2 "#);
        let config = json!({ "client": "pg", "pluginDivisionMode": mode, "prefix": prefix, "connection": connection });
        let plugin = PluginId::new("my-plugin");
        let database = manager(config).database_for(plugin).unwrap();
        migrate(plugin, &database).await;
        let expected = if mode == "schema" { "my-plugin" } else { "public" };
        assert_eq!(ask(&database, "SELECT schemaname::text FROM pg_tables WHERE tablename = 'item'").await, expected);
        database.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_somebody_elses_is_named_with_the_grants() {
    let place = Place::new().await;
    let mut connection = place.role("app");
    connection["database"] = place.name("portal").into();
    place.sql("CREATE DATABASE {p}portal");
    place.sql_in("portal", "CREATE SCHEMA todo");
    let database = place.database(json!({ "pluginDivisionMode": "schema", "connection": connection }));
    database.provision(&[]).await.unwrap();
    let error = database.migration_connection().await.unwrap_err().to_string();
    assert_snapshot!(error.replace(place.prefix(), "P_"), @r#"role "P_app" may not use the schema "todo" of the database "P_portal": let its owner run `GRANT USAGE, CREATE ON SCHEMA "todo" TO "P_app"`"#);
    place.sql_in("portal", "GRANT USAGE ON SCHEMA todo TO {p}app");
    let error = database.migration_connection().await.unwrap_err().to_string();
    assert_snapshot!(error.replace(place.prefix(), "P_"), @r#"role "P_app" may not make tables in the schema "todo" of the database "P_portal": let its owner run `GRANT CREATE ON SCHEMA "todo" TO "P_app"`"#);
    place.sql_in("portal", "GRANT CREATE ON SCHEMA todo TO {p}app");
    migrate(PLUGIN, &database).await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_take_the_role() {
    let place = Place::new().await;
    let app = place.role("app");
    place.sql("CREATE ROLE {p}owner; ALTER ROLE {p}app CREATEDB;");
    let config = json!({ "connection": app, "role": place.name("owner") });
    assert_snapshot!(place.refusal(config.clone()).await, @r#"role "P_app" may not give what it creates to "P_owner": let a superuser run `GRANT "P_owner" TO "P_app"`"#);
    place.sql("GRANT {p}owner TO {p}app");
    let database = place.database(config);
    migrate(PLUGIN, &database).await;
    assert_eq!(ask(&database, "SELECT current_user::text").await, place.name("owner"));
    assert_eq!(
        ask(&database, "SELECT tableowner::text FROM pg_tables WHERE tablename = 'item'").await,
        place.name("owner")
    );
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn extensions_are_made_if_trusted_and_named_if_missing() {
    let place = Place::new().await;
    let app = place.role("app");
    place.sql("ALTER ROLE {p}app CREATEDB");
    let database = place.database(json!({ "connection": app }));
    database.provision(&["pg_trgm"]).await.unwrap();
    assert_eq!(ask(&database, "SELECT extname::text FROM pg_extension WHERE extname = 'pg_trgm'").await, "pg_trgm");
    // PostgreSQL lets nobody but a superuser have this one.
    let error = database.provision(&["pg_trgm", "pageinspect"]).await.unwrap_err().to_string();
    assert_snapshot!(error.replace(place.prefix(), "P_"), @r#"the database "P_todo" lacks the extension `pageinspect`, which plugin `todo` needs: let a superuser run there `CREATE EXTENSION "pageinspect"`"#);
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_begin_with_what_the_connection_says() {
    let place = Place::new().await;
    let mut connection = place.superuser();
    connection["statement_timeout"] = 12_345.into();
    connection["idle_in_transaction_session_timeout"] = "23456".into();
    connection["options"] = "-c geqo=off".into();
    let database = place.database(json!({ "connection": connection }));
    database.provision(&[]).await.unwrap();
    assert_eq!(ask(&database, "SHOW application_name").await, "backstage_plugin_todo");
    assert_eq!(ask(&database, "SHOW statement_timeout").await, "12345ms");
    assert_eq!(ask(&database, "SHOW idle_in_transaction_session_timeout").await, "23456ms");
    assert_eq!(ask(&database, "SHOW geqo").await, "off");
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_was_rotated_in_its_file_is_taken() {
    let place = Place::new().await;
    let mut connection = place.role("app");
    place.sql("CREATE DATABASE {p}todo OWNER {p}app");
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "secret\n").unwrap();
    connection["password"] = json!({ "$file": secret });
    let yaml =
        json!({ "backend": { "database": { "client": "pg", "prefix": place.prefix(), "connection": connection } } });
    let file = folder.path().join("app-config.yaml");
    std::fs::write(&file, yaml.to_string()).unwrap();
    let config = config::Config::load(&config::Sources::files([file]), &|_: &str| None::<String>).unwrap();
    let manager = backend_defaults::database::DatabaseManager::new(
        config.read("backend.database").unwrap(),
        backend_defaults::database::LibpqEnvironment::default(),
    );
    let database = manager.database_for(PLUGIN).unwrap();
    database.ping().await.unwrap();
    place.sql("ALTER ROLE {p}app PASSWORD 'rotated'");
    std::fs::write(&secret, "rotated\n").unwrap();
    place.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{p}app'");
    // The first may notice that its connection is gone; there is a new one after it.
    drop(database.ping().await);
    database.ping().await.unwrap();
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_at_once() {
    let place = Place::new().await;
    let mut connection = place.role("app");
    connection["password"] = "wrong".into();
    assert_snapshot!(place.refusal(json!({ "connection": connection, "startupTimeout": "1h" })).await, @r#"cannot open the database of `todo` (127.0.0.1:PORT/P_todo): cannot connect to database `P_todo` at 127.0.0.1:PORT as `P_app`: password authentication failed for user "P_app" (28P01): check `user` and `password`"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_up_is_waited_for() {
    bounded(async {
        let mut server = spawn_blocking(|| Postgres::start(&PostgresOptions::default()).unwrap()).await.unwrap();
        let address = server.address().clone();
        let connection = json!({ "host": address.host(), "port": address.port(), "user": address.user(), "password": address.password() });
        let config = |timeout| json!({ "client": "pg", "connection": connection, "startupTimeout": timeout });
        server = spawn_blocking(move || {
            server.stop().unwrap();
            server
        })
        .await
        .unwrap();
        let error = manager(config("200ms")).database_for(PLUGIN).unwrap().provision(&[]).await.unwrap_err();
        assert_snapshot!(format!("{error:#}").replace(&address.port().to_string(), "PORT"), @"waited 0.2 s (`backend.database.startupTimeout`); check that the server runs, and its address: cannot open the database of `todo` (127.0.0.1:PORT/backstage_plugin_todo): cannot connect to database `backstage_plugin_todo` at 127.0.0.1:PORT as `postgres`: Connection refused (os error 111)");

        let manager = manager(config("50s"));
        let databases = [PLUGIN, OTHER].map(|plugin| manager.database_for(plugin).unwrap());
        let waiting = databases.clone().map(|database| tokio::spawn(async move { database.provision(&[]).await }));
        for _ in 0..100 {
            yield_now().await;
        }
        let server = spawn_blocking(move || {
            server.restart().unwrap();
            server
        })
        .await
        .unwrap();
        for waiting in waiting {
            waiting.await.unwrap().unwrap();
        }
        for database in databases {
            database.ping().await.unwrap();
            database.close().await;
        }
        spawn_blocking(move || drop(server)).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_may_be_on_different_engines() {
    let place = Place::new().await;
    let mut config = json!({
        "client": "better-sqlite3", "connection": ":memory:",
        "plugin": { "todo": { "client": "pg", "connection": place.superuser() } },
    });
    config["prefix"] = place.prefix().into();
    let manager = manager(config);
    for (plugin, backend) in [(PLUGIN, DbBackend::Postgres), (OTHER, DbBackend::Sqlite)] {
        let database = manager.database_for(plugin).unwrap();
        migrate(plugin, &database).await;
        assert_eq!(ConnectionTrait::get_database_backend(&database), backend);
        database.close().await;
    }
}
