//! Where the plugins' data may be.

use serde_json::{Value, json};
use test_servers::{Login, MariaDb, MariaDbAddress, Postgres, PostgresAddress, Scratch};

use crate::process::Home;

/// A folder whose config says where, and what is to be dropped on a server.
pub(super) struct Place {
    pub(super) layout: &'static str,
    pub(super) home: Home,
    /// Of the server.
    pub(super) password: Option<String>,
    /// The one for all plugins, in schema mode.
    pub(super) database: Option<String>,
    _names: Names,
}

enum Names {
    None,
    Postgres(#[expect(dead_code, reason = "dropped with it")] Scratch<PostgresAddress>),
    MySql(#[expect(dead_code, reason = "dropped with it")] Scratch<MariaDbAddress>),
}

/// SQLite files, PostgreSQL in both modes, MySQL.
pub(super) fn places() -> [Place; 4] {
    [files(), postgres(), postgres_schema(), mysql()]
}

impl Place {
    fn new(layout: &'static str, database: Value, names: Names) -> Self {
        let of_connection = |key: &str| database["connection"][key].as_str().map(str::to_owned);
        let (password, name) = (of_connection("password"), of_connection("database"));
        let local = json!({ "backend": { "listen": "127.0.0.1:0", "database": database } });
        Self { layout, home: Home::shipped(&local.to_string()), password, database: name, _names: names }
    }

    /// Lets a backend make everything, and stops it.
    pub(super) fn migrated(self) -> Self {
        let backend = self.home.start();
        backend.signal("TERM");
        assert_eq!(backend.ended().0, Some(0));
        self
    }
}

pub(super) fn files() -> Place {
    Place::new("files", json!({ "client": "better-sqlite3", "connection": { "directory": "data" } }), Names::None)
}

fn postgres() -> Place {
    let server = Postgres::shared().unwrap();
    let scratch = server.scratch();
    let connection = json!({
        "host": server.host(), "port": server.port(), "user": server.user(), "password": server.password(),
    });
    let database = json!({ "client": "pg", "prefix": scratch.prefix(), "connection": connection });
    Place::new("postgres", database, Names::Postgres(scratch))
}

pub(super) fn postgres_schema() -> Place {
    let server = Postgres::shared().unwrap();
    let scratch = server.scratch();
    let Login { database, user, password } = scratch.login().unwrap();
    let connection = json!({
        "host": server.host(), "port": server.port(), "user": user, "password": password, "database": database,
    });
    let database = json!({ "client": "pg", "pluginDivisionMode": "schema", "connection": connection });
    Place::new("postgres schema", database, Names::Postgres(scratch))
}

fn mysql() -> Place {
    let server = MariaDb::shared().unwrap();
    let scratch = server.scratch();
    let connection = json!({
        "host": server.host(), "port": server.port(), "user": server.user(), "password": server.password(),
    });
    let database = json!({ "client": "mysql2", "prefix": scratch.prefix(), "connection": connection });
    Place::new("mysql", database, Names::MySql(scratch))
}
