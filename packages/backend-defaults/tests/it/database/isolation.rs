//! `backend.database.isolation: role`: what a plugin that tries is refused, who owns what, who makes the roles.

use backend_plugin_api::PluginId;
use backend_plugin_api::services::Database;
use backend_plugin_api::services::database::DatabaseError;
use futures::future::join_all;
use insta::assert_snapshot;
use sea_orm::{ConnectionTrait, DbErr, TransactionSession, TransactionTrait};
use serde_json::{Value, json};

use super::fixture::{OTHER, PLUGIN, bounded, manager, migrate};
use super::place::{Place, ask};
use super::suite::{insert, names};

/// Two plugins in schemas of one database, with what their login may do.
async fn two_schemas(place: &Place, privileges: &str) -> Value {
    let mut connection = place.role("app");
    connection["database"] = place.name("portal").into();
    place.sql(&format!("CREATE DATABASE {{p}}portal; GRANT CREATE ON DATABASE {{p}}portal TO {{p}}app; {privileges}"));
    json!({ "client": "pg", "pluginDivisionMode": "schema", "isolation": "role", "prefix": place.prefix(), "connection": connection })
}

fn without_rest(place: &Place, text: &str) -> String {
    text.replace(place.prefix(), "P_").replace(&place.server.port().to_string(), "PORT")
}

async fn refused(database: &Database, sql: &str) -> String {
    let error = database.execute_unprepared(sql).await.unwrap_err();
    let DbErr::Exec(sea_orm::RuntimeErr::SqlxError(error)) = error else { panic!("{sql}: {error}") };
    let error = error.as_database_error().unwrap();
    format!("{} {}", error.code().unwrap(), error.message())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_plugins_data_is_refused_by_the_server() {
    let place = Place::new().await;
    let config = two_schemas(&place, "ALTER ROLE {p}app CREATEROLE").await;
    let manager = manager(config);
    let [todo, catalog] = [PLUGIN, OTHER].map(|it| manager.database_for(it).unwrap());
    migrate(PLUGIN, &todo).await;
    migrate(OTHER, &catalog).await;
    insert(&todo, "milk").await.unwrap();

    let mut answers = Vec::new();
    for sql in [
        "SELECT * FROM todo.item",
        "INSERT INTO todo.item (name) VALUES ('x')",
        "UPDATE todo.item SET name = 'x'",
        "DELETE FROM todo.item",
        "TRUNCATE todo.item",
        "ALTER TABLE todo.item ADD x int",
        "DROP TABLE todo.item",
        "CREATE TABLE todo.mine (x int)",
        "CREATE VIEW mine AS SELECT * FROM todo.item",
        "SELECT nextval('todo.item_id_seq')",
        "GRANT ALL ON SCHEMA todo TO PUBLIC",
        "ALTER SCHEMA todo OWNER TO CURRENT_USER",
        "DROP SCHEMA todo CASCADE",
        "CREATE SCHEMA mine",
        "DROP ROLE {p}todo",
        "GRANT {p}todo TO CURRENT_USER",
        "REASSIGN OWNED BY {p}todo TO CURRENT_USER",
    ] {
        let answer = refused(&catalog, &sql.replace("{p}", place.prefix())).await;
        answers.push(format!("{sql}: {answer}"));
    }
    assert_snapshot!(without_rest(&place, &answers.join("\n")), @r#"
    SELECT * FROM todo.item: 42501 permission denied for schema todo
    INSERT INTO todo.item (name) VALUES ('x'): 42501 permission denied for schema todo
    UPDATE todo.item SET name = 'x': 42501 permission denied for schema todo
    DELETE FROM todo.item: 42501 permission denied for schema todo
    TRUNCATE todo.item: 42501 permission denied for schema todo
    ALTER TABLE todo.item ADD x int: 42501 permission denied for schema todo
    DROP TABLE todo.item: 42501 permission denied for schema todo
    CREATE TABLE todo.mine (x int): 42501 permission denied for schema todo
    CREATE VIEW mine AS SELECT * FROM todo.item: 42501 permission denied for schema todo
    SELECT nextval('todo.item_id_seq'): 42501 permission denied for schema todo
    GRANT ALL ON SCHEMA todo TO PUBLIC: 42501 permission denied for schema todo
    ALTER SCHEMA todo OWNER TO CURRENT_USER: 42501 must be owner of schema todo
    DROP SCHEMA todo CASCADE: 42501 must be owner of schema todo
    CREATE SCHEMA mine: 42501 permission denied for database P_portal
    DROP ROLE {p}todo: 42501 permission denied to drop role
    GRANT {p}todo TO CURRENT_USER: 42501 must have admin option on role "P_todo"
    REASSIGN OWNED BY {p}todo TO CURRENT_USER: 42501 permission denied to reassign objects
    "#);
    assert_eq!(names(&todo).await, ["milk"]);
    assert_eq!(names(&catalog).await, [""; 0]);
    todo.close().await;
    catalog.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_leaves_the_role_is_refused() {
    let place = Place::new().await;
    let config = two_schemas(&place, "ALTER ROLE {p}app CREATEROLE").await;
    let database = manager(config).database_for(PLUGIN).unwrap();
    migrate(PLUGIN, &database).await;
    let said = |error: &DbErr| match DatabaseError::of(error) {
        Some(error @ DatabaseError::LeavesRole { .. }) => error.to_string(),
        _ => panic!("{error}"),
    };
    let mut answers = Vec::new();
    for sql in [
        "SELECT 1; RESET ROLE",
        "SET SESSION AUTHORIZATION DEFAULT",
        "DISCARD ALL",
        "SELECT set_config('role', 'none', true)",
    ] {
        answers.push(said(&database.execute_unprepared(sql).await.unwrap_err()));
    }
    // In a transaction, which goes on.
    let transaction = database.begin().await.unwrap();
    answers.push(said(&transaction.execute_unprepared("SET LOCAL ROLE none").await.unwrap_err()));
    insert(&transaction, "milk").await.unwrap();
    transaction.commit().await.unwrap();
    assert_snapshot!(answers.join("\n"), @"
    `RESET ROLE` as SQL text: `backend.database.isolation` keeps each plugin to its own role
    `SET ROLE` as SQL text: `backend.database.isolation` keeps each plugin to its own role
    `DISCARD ALL` as SQL text: `backend.database.isolation` keeps each plugin to its own role
    `set_config` as SQL text: `backend.database.isolation` keeps each plugin to its own role
    `SET ROLE` as SQL text: `backend.database.isolation` keeps each plugin to its own role
    ");
    assert_eq!(names(&database).await, ["milk"]);
    assert_eq!(ask(&database, "SELECT current_user::text").await, place.name("todo"));
    database.execute_unprepared("SELECT set_config('a.b', 'c', true)").await.unwrap();
    database.close().await;

    // Who is not isolated may.
    let mut config = json!({ "connection": place.superuser() });
    config["connection"]["database"] = place.name("portal").into();
    config["pluginDivisionMode"] = "schema".into();
    let database = place.database(config);
    database.execute_unprepared("RESET ROLE").await.unwrap();
    database.close().await;
}

/// What is each plugin's belongs to its role: the database or schema, and all in it.
#[tokio::test(flavor = "multi_thread")]
async fn each_plugins_objects_are_its_own_roles() {
    let owners = "SELECT DISTINCT nspname || '.' || relname || ': ' || pg_get_userbyid(relowner) FROM pg_class \
                  JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname IN ('public', 'todo', 'catalog') ORDER BY 1";
    let place = Place::new().await;
    let config = two_schemas(&place, "ALTER ROLE {p}app CREATEDB CREATEROLE").await;
    for plugin in [PLUGIN, OTHER] {
        let database = manager(config.clone()).database_for(plugin).unwrap();
        migrate(plugin, &database).await;
        database.close().await;
    }
    let schemas = "SELECT nspname || ': ' || pg_get_userbyid(nspowner) || ', ' || obj_description(oid, 'pg_namespace') \
                   FROM pg_namespace WHERE nspname IN ('todo', 'catalog') ORDER BY 1";
    let found = format!("{}\n{}", place.sql_in("portal", schemas), place.sql_in("portal", owners));
    assert_snapshot!(without_rest(&place, &found).replace(env!("CARGO_PKG_VERSION"), "VERSION"), @"
    catalog: P_catalog, made by greenroom VERSION for plugin catalog
    todo: P_todo, made by greenroom VERSION for plugin todo
    catalog.greenroom_migrations: P_catalog
    catalog.greenroom_migrations_pkey: P_catalog
    catalog.greenroom_stamp: P_catalog
    catalog.greenroom_stamp_pkey: P_catalog
    catalog.item: P_catalog
    catalog.item_id_seq: P_catalog
    catalog.item_name_key: P_catalog
    catalog.item_pkey: P_catalog
    todo.greenroom_migrations: P_todo
    todo.greenroom_migrations_pkey: P_todo
    todo.greenroom_stamp: P_todo
    todo.greenroom_stamp_pkey: P_todo
    todo.item: P_todo
    todo.item_id_seq: P_todo
    todo.item_name_key: P_todo
    todo.item_pkey: P_todo
    ");

    let mut config = config;
    config["pluginDivisionMode"] = "database".into();
    for plugin in [PLUGIN, OTHER] {
        let database = manager(config.clone()).database_for(plugin).unwrap();
        migrate(plugin, &database).await;
        database.close().await;
    }
    let databases = "SELECT datname || ': ' || pg_get_userbyid(datdba) || ', ' || shobj_description(oid, 'pg_database') \
                     FROM pg_database WHERE starts_with(datname, '{p}') AND datname <> '{p}portal' ORDER BY 1";
    let roles = "SELECT rolname || ': ' || rolcanlogin || ', ' || rolsuper || ', ' || shobj_description(oid, 'pg_authid') \
                 FROM pg_roles WHERE starts_with(rolname, '{p}') AND rolname <> '{p}app' ORDER BY 1";
    let found = [place.sql(databases), place.sql_in("todo", owners), place.sql(roles)].join("\n");
    assert_snapshot!(without_rest(&place, &found).replace(env!("CARGO_PKG_VERSION"), "VERSION"), @"
    P_catalog: P_catalog, made by greenroom VERSION for plugin catalog
    P_todo: P_todo, made by greenroom VERSION for plugin todo
    public.greenroom_migrations: P_todo
    public.greenroom_migrations_pkey: P_todo
    public.greenroom_stamp: P_todo
    public.greenroom_stamp_pkey: P_todo
    public.item: P_todo
    public.item_id_seq: P_todo
    public.item_name_key: P_todo
    public.item_pkey: P_todo
    P_catalog: false, false, made by greenroom VERSION for plugin catalog
    P_todo: false, false, made by greenroom VERSION for plugin todo
    ");
}

/// Two backends at once, with many plugins each.
#[tokio::test(flavor = "multi_thread")]
async fn many_may_make_roles_at_the_same_time() {
    let ids: [&'static str; 25] = [
        "a0", "a1", "a2", "a3", "a4", "b0", "b1", "b2", "b3", "b4", "c0", "c1", "c2", "c3", "c4", "d0", "d1", "d2",
        "d3", "d4", "e0", "e1", "e2", "e3", "e4",
    ];
    bounded(async {
        let place = Place::new().await;
        let mut config = two_schemas(&place, "ALTER ROLE {p}app CREATEROLE").await;
        config["knexConfig"] = json!({ "pool": { "max": 1 } });
        let managers = [manager(config.clone()), manager(config)];
        let databases: Vec<_> = ids
            .iter()
            .flat_map(|id| managers.each_ref().map(|it| it.database_for(PluginId::new(id)).unwrap()))
            .collect();
        for provisioned in join_all(databases.iter().map(|it| it.provision(&[]))).await {
            provisioned.unwrap();
        }
        for (index, database) in databases.iter().enumerate() {
            assert_eq!(ask(database, "SELECT current_user::text").await, place.name(ids[index / 2]));
            database.close().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_make_roles_is_told_what_to_run() {
    let place = Place::new().await;
    let config = two_schemas(&place, "").await;
    let off = |config: &Value| {
        let mut config = config.clone();
        config["ensureExists"] = false.into();
        config
    };
    let mut refusals = vec![place.refusal(config.clone()).await, place.refusal(off(&config)).await];
    place.sql("CREATE ROLE {p}todo");
    refusals.extend([place.refusal(config.clone()).await, place.refusal(off(&config)).await]);
    place.sql("GRANT {p}todo TO {p}app");
    refusals.push(place.refusal(off(&config)).await);
    assert_snapshot!(refusals.join("\n"), @r#"
    role "P_app" may not make the role "P_todo" (`backend.database.isolation`): let a superuser run `CREATE ROLE "P_todo" NOLOGIN; GRANT "P_todo" TO "P_app"`, or `ALTER ROLE "P_app" CREATEROLE`; or name who may in `backend.database.admin`
    plugin `todo` has no role "P_todo" that it may take (`backend.database.isolation`), and `backend.database.ensureExists` is off: let a superuser run `CREATE ROLE "P_todo" NOLOGIN; GRANT "P_todo" TO "P_app"`
    role "P_app" may not make the role "P_todo" (`backend.database.isolation`): let a superuser run `GRANT "P_todo" TO "P_app"`, or `ALTER ROLE "P_app" CREATEROLE`; or name who may in `backend.database.admin`
    plugin `todo` has no role "P_todo" that it may take (`backend.database.isolation`), and `backend.database.ensureExists` is off: let a superuser run `GRANT "P_todo" TO "P_app"`
    the schema "todo" does not exist in the database "P_portal", and `backend.database.ensureExists` is off: create it by `CREATE SCHEMA "todo" AUTHORIZATION "P_todo"`
    "#);
    // The advice, followed.
    place.sql_in("portal", "CREATE SCHEMA todo AUTHORIZATION {p}todo");
    let database = place.database(off(&config));
    migrate(PLUGIN, &database).await;
    assert_eq!(ask(&database, "SELECT current_user::text").await, place.name("todo"));
    database.close().await;
}

/// Who connects needs no right to make roles then.
#[tokio::test(flavor = "multi_thread")]
async fn an_admin_makes_the_roles() {
    let place = Place::new().await;
    place.role("admin");
    for mode in ["schema", "database"] {
        let mut config = match mode {
            "schema" => {
                two_schemas(
                    &place,
                    "ALTER ROLE {p}admin CREATEDB CREATEROLE; GRANT CREATE ON DATABASE {p}portal TO {p}admin",
                )
                .await
            }
            _ => json!({ "isolation": "role", "connection": place.role("other") }),
        };
        config["admin"] = json!({ "user": place.name("admin"), "password": "secret" });
        let database = place.database(config);
        migrate(PLUGIN, &database).await;
        insert(&database, "milk").await.unwrap();
        assert_eq!(
            ask(&database, "SELECT tableowner::text FROM pg_tables WHERE tablename = 'item'").await,
            place.name("todo")
        );
        database.close().await;
    }
}

/// What is there and another's is left alone, and told with what gives it to the role.
#[tokio::test(flavor = "multi_thread")]
async fn isolation_may_be_switched_on_later() {
    let place = Place::new().await;
    let isolated = two_schemas(&place, "ALTER ROLE {p}app CREATEROLE CREATEDB").await;
    for (mode, database) in [("schema", "portal"), ("database", "todo")] {
        let mut isolated = isolated.clone();
        isolated["pluginDivisionMode"] = mode.into();
        let mut before = isolated.clone();
        before["isolation"] = "none".into();
        let plugin = place.database(before);
        migrate(PLUGIN, &plugin).await;
        insert(&plugin, "milk").await.unwrap();
        plugin.execute_unprepared("CREATE TYPE color AS ENUM ('red'); CREATE VIEW milk AS SELECT 1 AS one; CREATE FUNCTION one(int, text) RETURNS int LANGUAGE sql AS 'SELECT 1'").await.unwrap();
        plugin.close().await;

        let refusal = place.refusal(isolated.clone()).await;
        match mode {
            "schema" => {
                assert_snapshot!(refusal, @r#"with `backend.database.isolation` all that is plugin `todo`'s has to belong to the role "P_todo": let a superuser run in the database "P_portal" `ALTER SCHEMA todo OWNER TO "P_todo"; ALTER TABLE todo.greenroom_migrations OWNER TO "P_todo"; ALTER TABLE todo.greenroom_stamp OWNER TO "P_todo"; ALTER TABLE todo.item OWNER TO "P_todo"; ALTER TABLE todo.milk OWNER TO "P_todo"; ALTER TYPE todo.color OWNER TO "P_todo"; ALTER ROUTINE todo.one(integer, text) OWNER TO "P_todo"`"#)
            }
            _ => {
                assert_snapshot!(refusal, @r#"with `backend.database.isolation` all that is plugin `todo`'s has to belong to the role "P_todo": let a superuser run in the database "P_todo" `ALTER DATABASE P_todo OWNER TO "P_todo"; ALTER TABLE public.greenroom_migrations OWNER TO "P_todo"; ALTER TABLE public.greenroom_stamp OWNER TO "P_todo"; ALTER TABLE public.item OWNER TO "P_todo"; ALTER TABLE public.milk OWNER TO "P_todo"; ALTER TYPE public.color OWNER TO "P_todo"; ALTER ROUTINE public.one(integer, text) OWNER TO "P_todo"`"#)
            }
        }
        // The advice, followed.
        let sql = refusal.rsplit_once('`').unwrap().0.rsplit_once('`').unwrap().1;
        place.sql_in(database, &sql.replace("P_", "{p}"));
        let plugin = place.database(isolated);
        migrate(PLUGIN, &plugin).await;
        insert(&plugin, "bread").await.unwrap();
        assert_eq!(names(&plugin).await, ["bread", "milk"]);
        plugin.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_nothing_is_refused_is_none() {
    let place = Place::new().await;
    let mut config = two_schemas(&place, "ALTER ROLE {p}app CREATEROLE").await;
    config["plugin"] = json!({ "todo": { "role": place.name("mighty") } });
    place.sql("CREATE ROLE {p}mighty SUPERUSER; GRANT {p}mighty TO {p}app");
    place.sql_in("portal", "CREATE SCHEMA todo AUTHORIZATION {p}mighty");
    assert_snapshot!(place.refusal(config).await, @r#"role "P_mighty" of plugin `todo` is a superuser, to whom the server refuses nothing (`backend.database.isolation`): run `ALTER ROLE "P_mighty" NOSUPERUSER`, or name another as its `role`"#);
}
