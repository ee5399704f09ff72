use std::time::Duration;

use backend_defaults::database::DatabaseError;
use backend_plugin_api::services::Database;
use insta::assert_snapshot;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use test_servers::{MariaDb, MariaDbAddress, MariaDbOptions, Scratch, SqlServer as _, Tls};

use super::fixture::{PLUGIN, bounded, manager, migrate};
use super::suite::{insert, names};

/// Names that nobody else has on a MariaDB server.
struct MySqlServer {
    address: &'static MariaDbAddress,
    scratch: Scratch<MariaDbAddress>,
}

async fn server() -> MySqlServer {
    tokio::task::spawn_blocking(MySqlServer::new).await.unwrap()
}

fn todo(config: Value) -> Database {
    manager(config).database_for(PLUGIN).unwrap()
}

async fn text(database: &Database, query: &str) -> String {
    let statement = Statement::from_string(ConnectionTrait::get_database_backend(database), query);
    database.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

impl MySqlServer {
    /// Blocks.
    fn new() -> Self {
        let address = MariaDb::shared().unwrap();
        Self { address, scratch: address.scratch() }
    }

    /// As the superuser.
    fn config(&self) -> Value {
        json!({
            "client": "mysql2",
            "connection": {
                "socketPath": self.address.socket(),
                "user": self.address.user(),
                "password": self.address.password(),
            },
            "prefix": self.scratch.prefix(),
        })
    }

    /// What the superuser is told, as text. Blocks for a moment.
    fn sql(&self, sql: &str) -> String {
        self.address.sql(sql).unwrap()
    }

    /// As a user who may do nothing yet.
    fn config_of_nobody(&self) -> Value {
        let user = format!("{}u", self.scratch.prefix());
        self.sql(&format!("CREATE USER {user}@localhost IDENTIFIED BY 'secret'"));
        let mut config = self.config();
        config["connection"]["user"] = user.into();
        config["connection"]["password"] = "secret".into();
        config
    }

    fn database(&self) -> String {
        format!("{}todo", self.scratch.prefix())
    }

    /// With the names that are other each time replaced.
    fn shown(&self, error: &anyhow::Error) -> String {
        let escaped = self.scratch.prefix().replace('_', "\\_");
        let text = format!("{error:#}").replace(&escaped, "PREFIX\\_").replace(self.scratch.prefix(), "PREFIX_");
        let socket = self.address.socket().display().to_string();
        text.replace(&socket, "SOCKET")
    }
}

#[tokio::test]
async fn a_database_is_made_when_it_is_not_there() {
    bounded(async {
        let server = server().await;
        let database = todo(server.config());
        assert!(server.sql(&format!("SHOW DATABASES LIKE '{}'", server.database())).is_empty());
        database.provision(&[]).await.unwrap();
        migrate(PLUGIN, &database).await;
        insert(&database, "🦀").await.unwrap();
        assert_eq!(names(&database).await, ["🦀"]);
        assert_eq!(text(&database, "SELECT @@character_set_database").await, "utf8mb4");
        assert_eq!(text(&database, "SELECT @@time_zone").await, "+00:00");
        assert!(text(&database, "SELECT @@sql_mode").await.contains("STRICT_TRANS_TABLES"));
        let too_long = insert(&database, &"x".repeat(300)).await.unwrap_err();
        assert!(too_long.to_string().contains("too long"), "{too_long}");
        database.provision(&[]).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn several_backends_may_start_at_once() {
    bounded(async {
        let server = server().await;
        let starts = (0..8).map(|_| {
            let database = todo(server.config());
            async move {
                database.provision(&[]).await.unwrap();
                migrate(PLUGIN, &database).await;
                database.close().await;
            }
        });
        futures::future::join_all(starts).await;
        assert!(names(&todo(server.config())).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn who_lacks_a_privilege_is_told_which() {
    bounded(async {
        let server = server().await;
        let mut config = server.config_of_nobody();
        let told = async |config: &Value| server.shown(&todo(config.clone()).provision(&[]).await.unwrap_err());
        assert_snapshot!(told(&config).await, @r#"user 'PREFIX_u'@'localhost' may not use the database `PREFIX_todo`, or make it; let an administrator run: GRANT ALL PRIVILEGES ON `PREFIX\_todo`.* TO 'PREFIX_u'@'localhost'"#);
        config["ensureExists"] = false.into();
        assert_snapshot!(told(&config).await, @r#"user 'PREFIX_u'@'localhost' may not use the database `PREFIX_todo`, or make it; let an administrator run: CREATE DATABASE IF NOT EXISTS `PREFIX_todo` CHARACTER SET utf8mb4; GRANT ALL PRIVILEGES ON `PREFIX\_todo`.* TO 'PREFIX_u'@'localhost'"#);
        // With rights, and no database.
        let (user, grant) = (config["connection"]["user"].as_str().unwrap().to_owned(), "GRANT SELECT ON");
        let pattern = server.database().replace('_', "\\_");
        server.sql(&format!("{grant} `{pattern}`.* TO '{user}'@'localhost'"));
        assert_snapshot!(told(&config).await, @"the database `PREFIX_todo` does not exist, and `backend.database.ensureExists` is off; create it by: CREATE DATABASE `PREFIX_todo` CHARACTER SET utf8mb4");
        config["ensureExists"] = true.into();
        assert_snapshot!(told(&config).await, @r#"user 'PREFIX_u'@'localhost' may not create the database `PREFIX_todo`; name who may in `backend.database.admin`, or let an administrator run: GRANT ALL PRIVILEGES ON `PREFIX\_todo`.* TO 'PREFIX_u'@'localhost'"#);
        // With a database, and no right to make tables.
        server.sql(&format!("CREATE DATABASE `{}`", server.database()));
        let database = todo(config.clone());
        database.provision(&[]).await.unwrap();
        assert_snapshot!(server.shown(&database.migration_connection().await.unwrap_err()), @r#"user 'PREFIX_u'@'localhost' may not make tables in the database `PREFIX_todo`; let an administrator run: GRANT ALL PRIVILEGES ON `PREFIX\_todo`.* TO 'PREFIX_u'@'localhost'"#);
        // What the messages say helps.
        server.sql(&format!("GRANT ALL PRIVILEGES ON `{pattern}`.* TO '{user}'@'localhost'"));
        let database = todo(config);
        database.provision(&[]).await.unwrap();
        migrate(PLUGIN, &database).await;
    })
    .await;
}

#[tokio::test]
async fn another_may_make_the_database() {
    bounded(async {
        let server = server().await;
        let mut config = server.config_of_nobody();
        config["admin"] = json!({ "user": server.address.user(), "password": server.address.password() });
        let database = todo(config);
        database.provision(&[]).await.unwrap();
        migrate(PLUGIN, &database).await;
        assert!(text(&database, "SELECT CURRENT_USER()").await.starts_with(server.scratch.prefix()));
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_is_told_at_once() {
    bounded(async {
        let server = server().await;
        let mut config = server.config_of_nobody();
        config["startupTimeout"] = "10m".into();
        config["connection"]["password"] = "wrong".into();
        let error = todo(config.clone()).provision(&[]).await.unwrap_err();
        assert_snapshot!(server.shown(&error), @"cannot open the database of `todo` (SOCKET/PREFIX_todo): cannot connect to SOCKET as `PREFIX_u`: Access denied for user 'PREFIX_u'@'localhost' (using password: YES) (1045): check `user` and `password`");
        config["connection"]["password"] = Value::Null;
        let error = todo(config).provision(&[]).await.unwrap_err();
        assert_snapshot!(server.shown(&error), @"cannot open the database of `todo` (SOCKET/PREFIX_todo): cannot connect to SOCKET as `PREFIX_u`: Access denied for user 'PREFIX_u'@'localhost' (using password: NO) (1045): no password is set: set `password`");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_up_is_waited_for() {
    bounded(async {
        let stopped = tokio::task::spawn_blocking(|| {
            let mut server = MariaDb::start(&MariaDbOptions::default()).unwrap();
            server.stop().unwrap();
            server
        });
        let mut server = stopped.await.unwrap();
        let address = server.address().clone();
        let mut config = json!({
            "client": "mysql2",
            "connection": {
                "socketPath": address.socket(),
                "user": address.user(),
                "password": address.password(),
            },
            "startupTimeout": "200ms",
        });
        let error = format!("{:#}", todo(config.clone()).provision(&[]).await.unwrap_err());
        assert!(
            error.starts_with("waited 0.2 s (`backend.database.startupTimeout`); check that the server runs, and its address: cannot open the database"),
            "{error}"
        );

        config["startupTimeout"] = "50s".into();
        let database = todo(config);
        let (provisioned, server) = tokio::join!(
            database.provision(&[]),
            tokio::task::spawn_blocking(move || {
                server.restart().unwrap();
                server
            })
        );
        provisioned.unwrap();
        migrate(PLUGIN, &database).await;
        insert(&database, "one").await.unwrap();

        // Connections of before the restart are not used.
        let mut server = server.unwrap();
        let server = tokio::task::spawn_blocking(move || {
            server.restart().unwrap();
            server
        });
        let server = server.await.unwrap();
        while address.sql("SELECT 1").is_err() {}
        while names_of(&database).await.is_err() {}
        insert(&database, "two").await.unwrap();
        assert_eq!(names(&database).await, ["one", "two"]);
        drop(tokio::task::spawn_blocking(move || drop(server)).await);
    })
    .await;
}

async fn names_of(database: &Database) -> Result<(), sea_orm::DbErr> {
    database.execute_unprepared("SELECT name FROM item").await.map(drop)
}

#[tokio::test]
async fn the_connection_of_migrations_is_not_replaced_by_another() {
    bounded(async {
        let server = server().await;
        let database = todo(server.config());
        database.provision(&[]).await.unwrap();
        let alone = database.migration_connection().await.unwrap();
        let statement = Statement::from_string(alone.get_database_backend(), "SELECT CAST(CONNECTION_ID() AS SIGNED)");
        let id: i64 = alone.query_one_raw(statement.clone()).await.unwrap().unwrap().try_get_by_index(0).unwrap();
        server.sql(&format!("KILL {id}"));
        alone.query_one_raw(statement.clone()).await.unwrap_err();
        alone.query_one_raw(statement).await.unwrap_err();
        alone.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn connections_that_are_all_busy_are_told() {
    bounded(async {
        let server = server().await;
        let mut config = server.config();
        config["knexConfig"] = json!({ "pool": { "max": 1, "acquireTimeoutMillis": 50 } });
        let database = todo(config);
        database.provision(&[]).await.unwrap();
        let sleeping = tokio::spawn({
            let database = database.clone();
            async move { database.execute_unprepared("SELECT SLEEP(60)").await }
        });
        let error = loop {
            match names_of(&database).await {
                Err(error) if DatabaseError::of(&error).is_some() => break error,
                // It came before.
                _ => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        };
        assert!(matches!(DatabaseError::of(&error), Some(DatabaseError::ConnectionsBusy { count: 1, .. })), "{error}");
        sleeping.abort();
        // The sleeper's connection is not waited for.
        assert_eq!(text(&database, "SELECT 'awake'").await, "awake");
    })
    .await;
}

#[tokio::test]
async fn connections_are_encrypted_as_asked() {
    bounded(async {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let client = rcgen::generate_simple_self_signed(["client".to_owned()]).unwrap();
        let (ca, client_certificate) = (own.cert.pem(), client.cert.pem());
        let tls = Tls {
            certificate: ca.clone(),
            key: own.signing_key.serialize_pem(),
            client_ca: Some(client_certificate.clone()),
        };
        let started = tokio::task::spawn_blocking(|| {
            let server = MariaDb::start(&MariaDbOptions { tls: Some(tls), ..Default::default() }).unwrap();
            server.address().sql("GRANT ALL ON *.* TO certain IDENTIFIED BY 'secret' REQUIRE X509").unwrap();
            server
        });
        let server = started.await.unwrap();
        let address = server.address().clone();
        let connect = async |host: &str, user: &str, ssl: Value| {
            let password = if user == "certain" { "secret" } else { address.password() };
            let connection =
                json!({ "host": host, "port": address.port(), "user": user, "password": password, "ssl": ssl });
            let database = todo(json!({ "client": "mysql2", "connection": connection }));
            match database.provision(&[]).await {
                Ok(()) => match value(&database, "SHOW SESSION STATUS LIKE 'Ssl_version'").await.is_empty() {
                    true => "plain".to_owned(),
                    false => "encrypted".to_owned(),
                },
                Err(error) => error.root_cause().to_string().split_once("`: ").map(|(_, it)| it.to_owned()).unwrap(),
            }
        };
        let identity = json!({ "ca": ca, "cert": client_certificate, "key": client.signing_key.serialize_pem() });
        let cases = [
            ("localhost", "root", json!(null)),
            ("localhost", "root", json!(false)),
            ("localhost", "root", json!(true)),
            ("localhost", "root", json!({ "rejectUnauthorized": false })),
            ("localhost", "root", json!({ "ca": ca })),
            ("127.0.0.1", "root", json!({ "ca": ca })),
            ("127.0.0.1", "root", json!({ "ca": client_certificate })),
            ("localhost", "certain", json!({ "ca": ca })),
            ("localhost", "certain", identity),
        ];
        let mut told = Vec::new();
        for (host, user, ssl) in cases {
            told.push(format!("{host} {user}: {}", connect(host, user, ssl).await));
        }
        assert_snapshot!(told.join("\n"), @r#"
        localhost root: encrypted
        localhost root: plain
        localhost root: the server's certificate is not trusted (UnknownIssuer): `ssl.ca` names who is, and `host` has to be a name in it
        localhost root: encrypted
        localhost root: encrypted
        127.0.0.1 root: the server's certificate is not trusted (certificate not valid for name "127.0.0.1"; certificate is only valid for DnsName("localhost")): `ssl.ca` names who is, and `host` has to be a name in it
        127.0.0.1 root: the server's certificate is not trusted (BadSignature): `ssl.ca` names who is, and `host` has to be a name in it
        localhost certain: Access denied for user 'certain'@'127.0.0.1' (using password: YES) (1045): check `user` and `password`
        localhost certain: encrypted
        "#);
        drop(tokio::task::spawn_blocking(move || drop(server)).await);
    })
    .await;
}

/// Of a status variable.
async fn value(database: &Database, query: &str) -> String {
    let statement = Statement::from_string(ConnectionTrait::get_database_backend(database), query);
    database.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(1).unwrap()
}

#[tokio::test]
async fn a_server_without_encryption_is_told() {
    bounded(async {
        let server = server().await;
        let mut config = server.config();
        config["connection"]["ssl"] = json!({ "rejectUnauthorized": false });
        let error = todo(config).provision(&[]).await.unwrap_err();
        assert_snapshot!(server.shown(&error), @"cannot open the database of `todo` (SOCKET/PREFIX_todo): cannot connect to SOCKET as `root`: the server cannot encrypt connections, and `ssl` asks for that");
    })
    .await;
}
