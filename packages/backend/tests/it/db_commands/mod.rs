//! `backend db ...`, beside a backend that runs and without one.

mod adopt;
mod backup;
mod copy;
mod create;
mod destroy;
mod doctor;
mod drift;
mod layouts;
mod orphans;
mod plan;
mod shell;
mod status;

use std::net::TcpListener;
use std::process::{Command, Output};

use serde_json::{Value, json};
use test_servers::{MariaDb, MariaDbAddress, Postgres, PostgresAddress, Scratch};

use crate::process::Home;

/// Runs `backend db` with these; its exit code, standard output and standard error.
fn run(command: &mut Command, args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.arg("db").args(args).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// One that was free a moment ago.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The plugins' databases in one of the layouts, with a name for it. Nothing is there yet.
struct Place {
    layout: &'static str,
    home: Home,
    /// `backend.database`.
    database: Value,
    names: Names,
}

/// Dropped on the server with this.
enum Names {
    None,
    Postgres(Scratch<PostgresAddress>),
    MySql(Scratch<MariaDbAddress>),
}

impl Place {
    fn all() -> [Self; 4] {
        [Self::files(), Self::postgres(), Self::schemas(), Self::mysql()]
    }

    fn files() -> Self {
        Self::new("files", json!({ "connection": { "directory": "data" } }), Names::None)
    }

    fn postgres() -> Self {
        let server = Postgres::shared().unwrap();
        let scratch = server.scratch();
        let connection = json!({
            "host": server.host(), "port": server.port(), "user": server.user(), "password": server.password(),
        });
        let database = json!({ "client": "pg", "prefix": scratch.prefix(), "connection": connection });
        Self::new("postgres", database, Names::Postgres(scratch))
    }

    fn schemas() -> Self {
        let server = Postgres::shared().unwrap();
        let scratch = server.scratch();
        let login = scratch.login().unwrap();
        let connection = json!({
            "host": server.host(), "port": server.port(), "user": login.user, "password": login.password,
            "database": login.database,
        });
        let database = json!({ "client": "pg", "pluginDivisionMode": "schema", "connection": connection });
        Self::new("schemas", database, Names::Postgres(scratch))
    }

    fn mysql() -> Self {
        let server = MariaDb::shared().unwrap();
        let scratch = server.scratch();
        let connection = json!({
            "host": server.host(), "port": server.port(), "user": server.user(), "password": server.password(),
        });
        let database = json!({ "client": "mysql2", "prefix": scratch.prefix(), "connection": connection });
        Self::new("mysql", database, Names::MySql(scratch))
    }

    fn new(layout: &'static str, database: Value, names: Names) -> Self {
        let home = Home::with_config("");
        let place = Self { layout, home, database, names };
        place.configure(json!({}));
        place
    }

    /// With these keys of `backend.database` too.
    fn configure(&self, more: Value) {
        let mut database = self.database.clone();
        database.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let config = json!({ "backend": { "listen": format!("127.0.0.1:{}", port()), "database": database } });
        self.home.write("app-config.yaml", &config.to_string());
    }

    /// Runs `backend db` with these; what differs between runs is taken out of what it says.
    fn db(&self, args: &[&str]) -> (Option<i32>, String, String) {
        self.run(&mut self.home.command(), args)
    }

    fn run(&self, command: &mut Command, args: &[&str]) -> (Option<i32>, String, String) {
        let (code, stdout, stderr) = run(command, args);
        (code, self.plain(&stdout), self.plain(&stderr))
    }

    fn plain(&self, text: &str) -> String {
        let server = match &self.names {
            Names::None => return text.replace(&self.home.path().display().to_string(), "<home>"),
            Names::Postgres(scratch) => (scratch.prefix(), Postgres::shared().unwrap().port()),
            Names::MySql(scratch) => (scratch.prefix(), MariaDb::shared().unwrap().port()),
        };
        // As long as they are, for the columns of tables.
        let (prefix, port) = (format!("{:_<1$}", "it", server.0.len()), "0".repeat(server.1.to_string().len()));
        text.replace(server.0, &prefix).replace(&format!("127.0.0.1:{}", server.1), &format!("127.0.0.1:{port}"))
    }

    /// All there is.
    fn status(&self) -> Value {
        let (code, stdout, stderr) = run(&mut self.home.command(), &["status", "--json"]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{}", self.layout);
        serde_json::from_str(&stdout).unwrap()
    }

    /// Makes all, migrated.
    fn make(&self) {
        let (code, _, stderr) = run(&mut self.home.command(), &["reset", "--yes"]);
        assert_eq!(code, Some(0), "{}: {stderr}", self.layout);
    }
}
