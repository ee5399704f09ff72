//! What holds behind a pooler that gives each transaction another session, and what is refused there.

use std::collections::BTreeSet;

use backend_defaults::database::DatabaseError;
use backend_plugin_api::services::Database;
use futures::TryStreamExt;
use futures::future::{join_all, try_join_all};
use insta::assert_snapshot;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, StreamTrait, TransactionSession, TransactionTrait, Value};
use serde_json::json;
use test_servers::{Login, PgBouncer, Postgres, PostgresAddress, PostgresOptions, Scratch};

use tokio::task::{spawn_blocking, yield_now};
use tracing::instrument::WithSubscriber;
use tracing_subscriber::layer::SubscriberExt;

use super::fixture::{OTHER, PLUGIN, bounded, manager};

/// What is logged.
#[derive(Clone)]
struct Messages(tokio::sync::watch::Sender<Vec<String>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Messages {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            if field.name() == "message" {
                self.0.send_modify(|it| it.push(format!("{value:?}")));
            }
        });
    }
}

/// Two plugins with a schema each in one database, through a pooler.
struct Place {
    database: Database,
    other: Database,
    config: serde_json::Value,
    login: Login,
    server: &'static PostgresAddress,
    pooler: PgBouncer,
    _scratch: Scratch<PostgresAddress>,
}

impl Place {
    /// With as many sessions, and what is other than usual.
    async fn new(sessions: u32, over: serde_json::Value) -> Self {
        let started = spawn_blocking(move || {
            let server = Postgres::shared().unwrap();
            let scratch = server.scratch();
            (server, scratch.login().unwrap(), scratch, PgBouncer::start(server, sessions).unwrap())
        });
        let (server, login, scratch, pooler) = started.await.unwrap();
        let mut config = json!({
            "client": "pg", "pluginDivisionMode": "schema", "pooler": "transaction",
            "connection": {
                "host": pooler.host(), "port": pooler.port(),
                "user": login.user, "password": login.password, "database": login.database,
            },
            "migrationConnection": { "host": server.host(), "port": server.port() },
        });
        for (key, value) in over.as_object().unwrap() {
            match value.as_object() {
                Some(keys) if config[key].is_object() => {
                    config[key].as_object_mut().unwrap().extend(keys.clone());
                }
                _ => config[key] = value.clone(),
            }
        }
        let manager = manager(config.clone());
        let [database, other] = [PLUGIN, OTHER].map(|it| manager.database_for(it).unwrap());
        Self { database, other, config, login, server, pooler, _scratch: scratch }
    }

    /// As the superuser.
    fn sql(&self, sql: &str) -> String {
        self.server.sql_in(&self.login.database, sql).unwrap()
    }

    async fn provision(self) -> Self {
        for database in [&self.database, &self.other] {
            database.provision(&[]).await.unwrap();
        }
        self
    }

    /// Closes, so that what is dropped is not in use.
    async fn close(self) {
        self.database.close().await;
        self.other.close().await;
    }
}

fn statement(sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}

async fn run(connection: &impl ConnectionTrait, sql: &str) -> Result<(), DbErr> {
    connection.execute_raw(statement(sql, [])).await.map(drop)
}

async fn text(connection: &impl ConnectionTrait, sql: &str) -> String {
    let row = connection.query_one_raw(statement(sql, [])).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    row.unwrap().try_get_by_index(0).unwrap()
}

/// A table of the same name has other columns in the one plugin and in the other; each row tells whose it is.
async fn make_tables(place: &Place) {
    place.sql(&format!(
        "CREATE TABLE todo.item (id bigint PRIMARY KEY, whose text NOT NULL DEFAULT 'todo', done bool NOT NULL);
         CREATE TABLE catalog.item (whose text DEFAULT 'catalog', weight float8, id text PRIMARY KEY);
         ALTER TABLE todo.item OWNER TO {0}; ALTER TABLE catalog.item OWNER TO {0};",
        place.login.user
    ));
}

async fn of_todo(connection: &(impl ConnectionTrait + StreamTrait), id: i64) -> Result<(), DbErr> {
    connection.execute_raw(statement("INSERT INTO item (id, done) VALUES ($1, $2)", [id.into(), true.into()])).await?;
    let row = connection.query_one_raw(statement("SELECT * FROM item WHERE id = $1", [id.into()])).await?.unwrap();
    let row: (i64, String, bool) = (row.try_get("", "id")?, row.try_get("", "whose")?, row.try_get("", "done")?);
    assert_eq!(row, (id, "todo".to_owned(), true));
    Ok(())
}

async fn of_catalog(connection: &(impl ConnectionTrait + StreamTrait), id: &str) -> Result<(), DbErr> {
    connection.execute_raw(statement("INSERT INTO item (id, weight) VALUES ($1, $2)", [id.into(), 0.5.into()])).await?;
    let select = statement("SELECT * FROM item WHERE id = $1", [id.into()]);
    let rows: Vec<_> = connection.stream_raw(select).await?.try_collect().await?;
    let row = &rows[0];
    let row: (String, String, f64) = (row.try_get("", "id")?, row.try_get("", "whose")?, row.try_get("", "weight")?);
    assert_eq!(row, (id.to_owned(), "catalog".to_owned(), 0.5));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_plugins_on_few_sessions_never_cross() {
    const TASKS: i64 = 12;
    const ROUNDS: i64 = 25;
    bounded(async {
        let place = Place::new(3, json!({})).await.provision().await;
        make_tables(&place).await;
        let work = (0..TASKS).map(|task| {
            let (todo, catalog) = (place.database.clone(), place.other.clone());
            tokio::spawn(async move {
                let mut sessions = BTreeSet::new();
                for id in (0..ROUNDS).map(|round| task * ROUNDS + round) {
                    of_todo(&todo, 3 * id).await.unwrap();
                    of_catalog(&catalog, &format!("a {id}")).await.unwrap();
                    let transaction = todo.begin().await.unwrap();
                    of_todo(&transaction, 3 * id + 1).await.unwrap();
                    let nested = transaction.begin().await.unwrap();
                    of_todo(&nested, 3 * id + 2).await.unwrap();
                    nested.rollback().await.unwrap();
                    transaction.commit().await.unwrap();
                    let transaction = catalog.begin().await.unwrap();
                    of_catalog(&transaction, &format!("b {id}")).await.unwrap();
                    // It breaks its transaction, and nothing else.
                    of_catalog(&transaction, &format!("b {id}")).await.unwrap_err();
                    drop(transaction);
                    sessions.insert(text(&todo, "SELECT pg_backend_pid()::text").await);
                }
                sessions
            })
        });
        let sessions: BTreeSet<_> = try_join_all(work).await.unwrap().into_iter().flatten().collect();
        assert_eq!(sessions.len(), 3, "{sessions:?}");
        let rows = |of: &str| place.sql(&format!("SELECT whose, count(*) FROM {of}.item GROUP BY whose"));
        assert_eq!(rows("todo"), format!("todo\t{}", 2 * TASKS * ROUNDS));
        assert_eq!(rows("catalog"), format!("catalog\t{}", TASKS * ROUNDS));
        // Nothing was left in the sessions: they are as those of somebody who comes next.
        let left = text(&place.database, "SELECT count(*)::text FROM pg_prepared_statements").await;
        assert_eq!(left, "0");
        place.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_statements_leave_no_transaction_in_a_session() {
    bounded(async {
        let place = Place::new(2, json!({ "knexConfig": { "pool": { "max": 4 } } })).await.provision().await;
        make_tables(&place).await;
        let work = (0..60_i64).map(|id| {
            let database = place.database.clone();
            async move {
                let after = std::time::Duration::from_micros(u64::try_from(id).unwrap() * 150);
                drop(tokio::time::timeout(after, of_todo(&database, id)).await);
                let slow = "INSERT INTO item (id, done) SELECT 1000 + $1, pg_sleep(0.02) IS NULL";
                drop(tokio::time::timeout(after, database.execute_raw(statement(slow, [id.into()]))).await);
            }
        });
        join_all(work).await;
        let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                    AND pid <> pg_backend_pid() AND state <> 'idle'";
        while place.sql(open) != "0" {
            yield_now().await;
        }
        for id in 2000..2010 {
            of_todo(&place.database, id).await.unwrap();
        }
        place.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_stay_in_a_session_is_refused() {
    bounded(async {
        let place = Place::new(1, json!({})).await.provision().await;
        let transaction = place.database.begin().await.unwrap();
        for sql in [
            "SET search_path TO catalog",
            "SELECT pg_advisory_lock(1)",
            "CREATE TEMPORARY TABLE mine (id int)",
            "LISTEN news",
            "PREPARE mine AS SELECT 1",
            "SELECT set_config('search_path', 'catalog', false)",
            "BEGIN",
        ] {
            for error in [
                run(&place.other, sql).await.unwrap_err(),
                place.other.execute_unprepared(sql).await.unwrap_err(),
                run(&transaction, sql).await.unwrap_err(),
                transaction.execute_unprepared(sql).await.unwrap_err(),
            ] {
                assert!(matches!(DatabaseError::of(&error), Some(DatabaseError::KeepsState { .. })), "{sql}: {error}");
            }
        }
        let error = run(&transaction, "SET search_path TO catalog").await.unwrap_err();
        assert_snapshot!(DatabaseError::of(&error).unwrap(), @"`SET` keeps something in its session, and behind a pooler each transaction gets another session: say it for one transaction (`SET LOCAL`, `pg_advisory_xact_lock`), or do without");
        // The transaction goes on, and what is for it alone is not refused.
        transaction
            .execute_unprepared("SET LOCAL work_mem TO '1MB'; CREATE TEMP TABLE a (x int) ON COMMIT DROP")
            .await
            .unwrap();
        run(&transaction, "SELECT pg_advisory_xact_lock(1), set_config('app.who', 'me', true)").await.unwrap();
        assert_eq!(text(&transaction, "SHOW work_mem").await, "1MB");
        transaction.commit().await.unwrap();
        assert_ne!(text(&place.database, "SHOW work_mem").await, "1MB");
        place.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_transaction_begins_with_the_settings_of_its_plugin() {
    bounded(async {
        let connection = json!({ "statement_timeout": 12_345, "options": "-c geqo=off -c app.who=it's\\ me" });
        let place = Place::new(1, json!({ "connection": connection })).await;
        place.sql(&format!(
            "CREATE ROLE {0}_owner; GRANT {0}_owner TO {0}; GRANT CREATE ON DATABASE {0} TO {0}_owner",
            place.login.user
        ));
        let owner = format!("{}_owner", place.login.user);
        let mut config = place.config.clone();
        config["plugin"] = json!({ "todo": { "role": owner } });
        let manager = manager(config);
        let [todo, catalog] = [PLUGIN, OTHER].map(|it| manager.database_for(it).unwrap());
        for (database, schema, role) in [(&todo, "todo", owner.as_str()), (&catalog, "catalog", &place.login.user)] {
            database.provision(&[]).await.unwrap();
            let transaction = database.begin().await.unwrap();
            let shown = |setting: &'static str| text(&transaction, setting);
            assert_eq!(shown("SHOW statement_timeout").await, "12345ms");
            assert_eq!(shown("SHOW geqo").await, "off");
            assert_eq!(shown("SHOW app.who").await, "it's me");
            assert_eq!(shown("SHOW application_name").await, format!("backstage_plugin_{schema}"));
            assert_eq!(shown("SELECT current_user::text").await, role);
            transaction.commit().await.unwrap();
            assert_eq!(text(database, "SELECT current_schemas(false)::text").await, format!("{{{schema}}}"));
            assert_eq!(text(database, "SELECT current_user::text").await, role);
        }
        todo.close().await;
        catalog.close().await;
        place.close().await;
    })
    .await;
}

/// Behind a pooler sqlx may not ask for types when it needs them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn types_of_ones_own_work_at_once() {
    bounded(async {
        let place = Place::new(1, json!({})).await;
        place.sql("CREATE SCHEMA todo; CREATE TYPE todo.mood AS ENUM ('glad'); CREATE DOMAIN todo.word AS text");
        place.sql("CREATE TYPE todo.pair AS (a int, b todo.mood)");
        place.sql(&format!("GRANT ALL ON SCHEMA todo TO {}", place.login.user));
        let place = place.provision().await;
        let transaction = place.database.begin().await.unwrap();
        let all = "SELECT 'glad'::mood, ARRAY['glad'::mood], 'w'::word, ROW(1, 'glad')::pair, 'a'::tsvector, \
                   1::information_schema.cardinal_number WHERE $1 = 'glad'::mood";
        transaction
            .query_one_raw(statement(&all.replace("$1", "$1::text::mood"), ["glad".into()]))
            .await
            .unwrap()
            .unwrap();
        transaction.commit().await.unwrap();
        place.database.query_all_raw(statement("SELECT * FROM information_schema.tables", [])).await.unwrap();
        place.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_at_the_commit_of_a_statement_is_told() {
    bounded(async {
        let place = Place::new(1, json!({})).await.provision().await;
        make_tables(&place).await;
        place.sql(&format!(
            "CREATE TABLE todo.child (item bigint REFERENCES todo.item DEFERRABLE INITIALLY DEFERRED); \
             ALTER TABLE todo.child OWNER TO {}",
            place.login.user
        ));
        for error in [
            run(&place.database, "INSERT INTO child VALUES (1)").await.unwrap_err(),
            place.database.execute_unprepared("INSERT INTO child VALUES (1); SELECT 1").await.unwrap_err(),
            place
                .database
                .query_all_raw(statement("INSERT INTO child VALUES (1) RETURNING item", []))
                .await
                .unwrap_err(),
        ] {
            assert!(error.to_string().contains("foreign key"), "{error}");
        }
        assert_eq!(text(&place.database, "SELECT count(*)::text FROM child").await, "0");
        place.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_is_not_up_yet_is_waited_for() {
    bounded(async {
        let mut place = Place::new(1, json!({})).await;
        place.pooler.kill().unwrap();
        let database = place.database.clone();
        let provisioned = tokio::spawn(async move { database.provision(&[]).await });
        // It has come past what goes directly.
        while place.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'todo'") != "1" {
            yield_now().await;
        }
        place.pooler.restart().unwrap();
        provisioned.await.unwrap().unwrap();
        place.database.ping().await.unwrap();
        place.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_behind_a_pooler_that_is_not_up_yet_is_waited_for() {
    bounded(async {
        let started = spawn_blocking(|| {
            let mut server = Postgres::start(&PostgresOptions::default()).unwrap();
            server.stop().unwrap();
            let pooler = PgBouncer::start(server.address(), 1).unwrap();
            (server, pooler)
        });
        let (mut server, pooler) = started.await.unwrap();
        let address = server.address().clone();
        let config = json!({
            "client": "pg", "pluginDivisionMode": "schema", "pooler": "transaction",
            "ensureExists": false, "migrations": "wait", "schemaPrefix": "pg_",
            "connection": {
                "host": pooler.host(), "port": pooler.port(), "user": address.user(), "password": address.password(),
                "database": "postgres", "connectionTimeoutMillis": 2000,
            },
        });
        // A schema that there always is.
        let plugin = backend_plugin_api::PluginId::new("catalog");
        let database = manager(config).database_for(plugin).unwrap();
        let (log, mut logged) = tokio::sync::watch::channel(Vec::new());
        let waiting = database.clone();
        let subscriber = tracing_subscriber::registry().with(Messages(log));
        let provisioned = tokio::spawn(async move { waiting.provision(&[]).await }.with_subscriber(subscriber));
        let message = logged.wait_for(|it| !it.is_empty()).await.unwrap()[0].clone();
        assert!(message.contains(&format!("for the database server `127.0.0.1:{}`", pooler.port())), "{message}");
        let server = spawn_blocking(move || {
            server.restart().unwrap();
            server
        });
        let server = server.await.unwrap();
        provisioned.await.unwrap().unwrap();
        database.close().await;
        spawn_blocking(move || drop((pooler, server))).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_told_by_the_pooler() {
    bounded(async {
        let place = Place::new(1, json!({ "connection": { "password": "wrong" } })).await;
        let mut config = place.config.clone();
        config["migrationConnection"]["password"] = place.login.password.clone().into();
        let database = manager(config).database_for(PLUGIN).unwrap();
        let error = format!("{:#}", database.provision(&[]).await.unwrap_err());
        let error = error.replace(&place.login.user, "USER").replace(&place.pooler.port().to_string(), "PORT");
        assert_snapshot!(error, @"cannot open the database of `todo` (127.0.0.1:PORT/USER schema todo): cannot connect to database `USER` at 127.0.0.1:PORT as `USER`: SASL authentication failed (08P01): check `user` and `password`");
        database.close().await;
        place.close().await;
    })
    .await;
}

/// As in the documentation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_role_migrates_and_another_works() {
    bounded(async {
        let place = Place::new(1, json!({})).await;
        let (app, database) = (&place.login.user, &place.login.database);
        place.sql(&format!(
            "CREATE ROLE {app}_m LOGIN PASSWORD 'secret'; GRANT CREATE ON DATABASE {database} TO {app}_m; \
             ALTER DATABASE {database} OWNER TO {app}_m; REVOKE CREATE ON DATABASE {database} FROM {app}; \
             ALTER DEFAULT PRIVILEGES FOR ROLE {app}_m GRANT USAGE ON SCHEMAS TO {app}; \
             ALTER DEFAULT PRIVILEGES FOR ROLE {app}_m GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}; \
             ALTER DEFAULT PRIVILEGES FOR ROLE {app}_m GRANT USAGE ON SEQUENCES TO {app};"
        ));
        let mut config = place.config.clone();
        config["migrationConnection"]["user"] = format!("{app}_m").into();
        config["migrationConnection"]["password"] = "secret".into();
        let migrated = manager(config).database_for(PLUGIN).unwrap();
        super::fixture::migrate(PLUGIN, &migrated).await;
        super::suite::insert(&migrated, "one").await.unwrap();
        assert_eq!(super::suite::names(&migrated).await, ["one"]);
        let error = run(&migrated, "CREATE TABLE mine (id int)").await.unwrap_err();
        assert!(error.to_string().contains("permission denied for schema todo"), "{error}");
        migrated.close().await;
        place.close().await;
    })
    .await;
}
