//! What `docs/databases.md` says works as it is written there.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};
use test_servers::{MariaDb, MariaDbOptions, PgBouncer, Postgres, PostgresOptions, SqlServer as _};

use crate::process::Home;

const DATABASES: &str =
    "SELECT datname FROM pg_database WHERE datname LIKE 'backstage%' OR datname = 'portal' ORDER BY 1";
const SCHEMAS: &str = "SELECT nspname FROM pg_namespace WHERE nspname IN ('catalog', 'todo') ORDER BY 1";
const OWNERS: &str = "SELECT DISTINCT schemaname || ': ' || tableowner FROM pg_tables WHERE schemaname IN ('catalog', 'todo') ORDER BY 1";

/// The block behind `<!-- test: name -->`, as one would copy it.
fn block(name: &str) -> String {
    let document = std::fs::read_to_string(crate::root().join("docs/databases.md")).unwrap();
    let (_, rest) = document.split_once(&format!("<!-- test: {name} -->\n")).unwrap();
    let lines = rest.lines().skip(1).take_while(|it| !it.trim_start().starts_with("```"));
    let indent = rest.len() - rest.trim_start().len();
    lines.map(|it| it.get(indent..).unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The shipped config with a block of the document.
fn home(config: &str) -> Home {
    Home::shipped(&config.replacen("backend:\n", "backend:\n  listen: '127.0.0.1:0'\n", 1))
}

/// Starts twice, as on empty and on full databases, and uses what is there.
async fn works(home: &Home, variables: &[(String, String)]) {
    for round in 1..=2 {
        let backend = home.spawn(home.command().envs(variables.iter().map(|(name, value)| (name, value))));
        let todos = backend.url("/api/todo/todos");
        let added = reqwest::Client::new().post(&todos).json(&json!({ "title": "milk" })).send().await.unwrap();
        assert_eq!(added.status(), 201);
        let all: Value = reqwest::get(&todos).await.unwrap().json().await.unwrap();
        assert_eq!(all.as_array().unwrap().len(), round, "{all}");
        let entities: Value = reqwest::get(backend.url("/api/catalog/entities")).await.unwrap().json().await.unwrap();
        assert!(entities.as_array().unwrap().len() > 20, "{entities}");
        backend.signal("TERM");
        let (code, log) = backend.ended();
        assert_eq!(code, Some(0), "{log}");
    }
}

/// A machine with a PostgreSQL of its own, and the shipped config with another block of the document.
struct Machine {
    server: Postgres,
    home: Home,
}

impl Machine {
    fn new(config: &str) -> Self {
        Self { server: Postgres::start(&PostgresOptions::default()).unwrap(), home: home(config) }
    }

    /// The block `switch`, with more keys of `backend.database`.
    fn with_switched(more: &str) -> Self {
        Self::new(&format!("{}\n    {}\n", block("switch"), more.replace('\n', "\n    ")))
    }

    /// What the document says to run, by the superuser with `psql`.
    fn psql(self, name: &str) -> Self {
        let address = self.server.address();
        let mut psql = address.psql().unwrap();
        psql.arg("-h").arg(address.socket()).args(["-U", address.user(), "-p", &address.port().to_string()]);
        psql.env("PGPASSWORD", address.password()).stdin(Stdio::piped());
        let mut psql = psql.spawn().unwrap();
        psql.stdin.take().unwrap().write_all(block(name).as_bytes()).unwrap();
        assert!(psql.wait().unwrap().success(), "{name}");
        self
    }

    async fn works(&self, prefix: &str, user: &str, password: &str) {
        let address = self.server.address();
        let variable = |name: &str, value: &str| (format!("{prefix}{name}"), value.to_owned());
        let port = address.port().to_string();
        let variables = [("HOST", address.host()), ("PORT", &port), ("USER", user), ("PASSWORD", password)];
        works(&self.home, &variables.map(|(name, value)| variable(name, value))).await;
    }

    async fn works_for_the_superuser(&self, variables: &str) {
        let address = self.server.address();
        self.works(variables, address.user(), address.password()).await;
    }

    async fn works_for_portal(&self) {
        self.works("POSTGRES_", "portal", "secret").await;
    }

    fn databases(&self) -> String {
        self.server.address().sql(DATABASES).unwrap()
    }

    /// Of the tables in each schema.
    fn owners(&self) -> String {
        self.server.address().sql_in("portal", OWNERS).unwrap()
    }

    fn schemas(&self) -> String {
        self.server.address().sql_in("portal", SCHEMAS).unwrap()
    }
}

#[tokio::test]
async fn from_sqlite_to_postgresql() {
    let machine = Machine::new(&block("switch"));
    machine.works_for_the_superuser("POSTGRES_").await;
    assert_eq!(machine.databases(), "backstage_plugin_catalog\nbackstage_plugin_todo");
}

#[tokio::test]
async fn by_libpqs_environment_alone() {
    let machine = Machine::new(&block("environment"));
    machine.works_for_the_superuser("PG").await;
    assert_eq!(machine.databases(), "backstage_plugin_catalog\nbackstage_plugin_todo");
}

#[tokio::test]
async fn one_database_for_all_plugins() {
    let machine = Machine::new(&block("schema"));
    machine.works_for_the_superuser("POSTGRES_").await;
    assert_eq!((machine.databases().as_str(), machine.schemas().as_str()), ("portal", "catalog\ntodo"));
}

#[tokio::test]
async fn a_role_that_may_create_databases() {
    Machine::new(&block("switch")).psql("privileges-1").works_for_portal().await;
}

#[tokio::test]
async fn a_role_that_may_create_nothing() {
    Machine::with_switched("ensureExists: false").psql("privileges-2").works_for_portal().await;
}

#[tokio::test]
async fn a_role_that_may_create_schemas() {
    let machine = Machine::new(&block("schema")).psql("privileges-3");
    machine.works_for_portal().await;
    assert_eq!(machine.schemas(), "catalog\ntodo");
    let machine =
        Machine::new(&format!("{}\n    ensureExists: false\n    ensureSchemaExists: true\n", block("schema")));
    machine.psql("privileges-3").works_for_portal().await;
}

#[tokio::test]
async fn a_role_that_may_create_nothing_in_a_database() {
    let machine = Machine::new(&format!("{}\n    ensureExists: false\n", block("schema")));
    machine.psql("privileges-4").works_for_portal().await;
}

#[tokio::test]
async fn a_role_that_migrates() {
    let machine = Machine::new(&block("migrator")).psql("migrator-privileges");
    machine.works_for_portal().await;
    let owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname IN ('catalog', 'todo')";
    assert_eq!(machine.server.address().sql_in("portal", owners).unwrap(), "portal_migrator");
}

#[tokio::test]
async fn behind_a_pooler() {
    let machine = Machine::new(&block("pooler"));
    let address = machine.server.address();
    let pooler = PgBouncer::start(address, 2).unwrap();
    let (port, server_port) = (pooler.port().to_string(), address.port().to_string());
    let variables = [
        ("PGBOUNCER_HOST", pooler.host()),
        ("PGBOUNCER_PORT", &port),
        ("POSTGRES_HOST", address.host()),
        ("POSTGRES_PORT", &server_port),
        ("POSTGRES_USER", address.user()),
        ("POSTGRES_PASSWORD", address.password()),
    ];
    works(&machine.home, &variables.map(|(name, value)| (name.to_owned(), value.to_owned()))).await;
    assert_eq!(machine.databases(), "backstage_plugin_catalog\nbackstage_plugin_todo");
}

#[tokio::test]
async fn an_admin_that_creates() {
    let machine = Machine::new(&block("admin")).psql("privileges-5");
    machine.works_for_portal().await;
    let owners = "SELECT DISTINCT pg_get_userbyid(datdba) FROM pg_database WHERE datname LIKE 'backstage%'";
    assert_eq!(machine.server.address().sql(owners).unwrap(), "portal");
}

#[tokio::test]
async fn a_role_for_each_plugin() {
    let machine = Machine::new(&block("isolation")).psql("privileges-6");
    machine.works_for_portal().await;
    assert_eq!(machine.owners(), "catalog: backstage_plugin_catalog\ntodo: backstage_plugin_todo");
}

#[tokio::test]
async fn a_role_for_each_plugin_that_is_there() {
    let block = block("isolation");
    let (without_admin, _) = block.split_once("    admin:").unwrap();
    let machine = Machine::new(&format!("{without_admin}    ensureExists: false\n")).psql("privileges-7");
    machine.works_for_portal().await;
    assert_eq!(machine.owners(), "catalog: backstage_plugin_catalog\ntodo: backstage_plugin_todo");
}

#[tokio::test]
async fn mysql() {
    let server = MariaDb::start(&MariaDbOptions::default()).unwrap();
    server.address().sql(&block("mysql-privileges")).unwrap();
    let address = server.address();
    let variables = [("MYSQL_HOST", address.host().to_owned()), ("MYSQL_PORT", address.port().to_string())];
    works(&home(&block("mysql")), &variables.map(|(name, value)| (name.to_owned(), value))).await;
}

#[tokio::test]
async fn a_postgresql_of_the_backends_own() {
    works(&home(&block("embedded")), &[("PATH".to_owned(), std::env::var("PATH").unwrap())]).await;
}
