//! What `docs/operating.md` tells operators to run works as it is written there.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use test_servers::{Postgres, PostgresAddress, PostgresOptions, SqlServer as _};

use crate::process::Home;

/// What a guide has, in order.
enum Block {
    /// A file and its text.
    File(String, String),
    /// Commands, a line each.
    Commands(Vec<String>),
}

/// The blocks under `## title`.
fn guide(title: &str) -> Vec<Block> {
    let document = std::fs::read_to_string(crate::root().join("docs/operating.md")).unwrap();
    let (_, rest) = document.split_once(&format!("\n## {title}\n")).unwrap();
    let guide = rest.split("\n## ").next().unwrap();
    let blocks = guide.split("\n```").collect::<Vec<_>>();
    let blocks = blocks.chunks(2).filter_map(|pair| pair.get(1));
    blocks.map(|block| block_of(block)).collect()
}

fn block_of(block: &str) -> Block {
    let (kind, text) = block.split_once('\n').unwrap();
    match kind {
        "sh" => Block::Commands(text.lines().map(str::to_owned).collect()),
        "yaml" => {
            let name = text.lines().next().unwrap().trim_start_matches("# ");
            Block::File(name.to_owned(), text.to_owned())
        }
        kind => panic!("a block of {kind:?} is not run"),
    }
}

/// A line of shell that ends the script if a command fails that may not.
fn checked(line: &str) -> String {
    let (command, comment) = line.split_once("    # ").unwrap_or((line, ""));
    let other = match comment.strip_prefix("exits with ") {
        Some(rest) => rest.split([' ', ':']).next().unwrap(),
        None => "0",
    };
    format!(
        "{command}\ncode=$?; case $code in 0|{other}) ;; *) echo \"exited with $code:\" '{}' >&2; exit 1 ;; esac\n",
        command.replace('\'', "'\\''")
    )
}

/// A machine with a PostgreSQL, and the config that the project ships.
struct Machine {
    server: Postgres,
    home: Home,
}

impl Machine {
    fn new() -> Self {
        let server = Postgres::start(&PostgresOptions::default()).unwrap();
        let home = Home::shipped("backend:\n  listen: '127.0.0.1:0'\n");
        std::fs::create_dir(home.path().join("bin")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_backend"), home.path().join("bin/backend")).unwrap();
        program(&home.path().join("bin/psql"), server.address());
        Self { server, home }
    }

    fn bash(&self) -> Command {
        let mut bash = self.home.command_of("bash");
        let path = std::env::var("PATH").unwrap();
        let address = self.server.address();
        bash.env("PATH", format!("{}:{path}", self.home.path().join("bin").display()));
        bash.env("POSTGRES_HOST", address.host()).env("POSTGRES_PORT", address.port().to_string());
        bash.env("POSTGRES_USER", address.user()).env("POSTGRES_PASSWORD", address.password());
        bash.env("PORTAL_PASSWORD", "secret of the portal");
        bash
    }

    /// Runs all that the guide says.
    fn follows(&self, title: &str) {
        let mut script = String::new();
        for block in guide(title) {
            match block {
                Block::File(name, text) => {
                    script.push_str(&format!("cat > {name} <<'END'\n{text}\nEND\n"));
                }
                Block::Commands(lines) => lines.iter().for_each(|line| script.push_str(&checked(line))),
            }
        }
        self.runs(&script);
    }

    fn runs(&self, script: &str) -> String {
        let output = self.bash().args(["-c", script]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{script}\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// Starts the backend by these config files, and does something there.
    async fn with_backend<T>(&self, environment: &str, files: &[&str], work: impl AsyncFnOnce(Client) -> T) -> T {
        let mut command = self.bash();
        let files: Vec<_> = files.iter().map(|it| format!("--config {it}")).collect();
        command.args(["-c", &format!("exec backend {}", files.join(" "))]).env("BACKSTAGE_ENV", environment);
        let backend = self.home.spawn(&mut command);
        let done = work(Client(backend.url(""))).await;
        backend.signal("TERM");
        assert_eq!(backend.ended().0, Some(0));
        done
    }

    /// The titles of all todos in production.
    async fn todos(&self) -> Vec<String> {
        self.with_backend("production", &[], async |client| client.todos().await).await
    }
}

/// The to-do list of a backend that runs.
struct Client(String);

impl Client {
    async fn add(&self, title: &str) {
        let todos = format!("{}/api/todo/todos", self.0);
        let added = reqwest::Client::new().post(&todos).json(&json!({ "title": title })).send().await.unwrap();
        assert_eq!(added.status(), 201);
    }

    async fn todos(&self) -> Vec<String> {
        let all: Value = reqwest::get(format!("{}/api/todo/todos", self.0)).await.unwrap().json().await.unwrap();
        all.as_array().unwrap().iter().map(|it| it["title"].as_str().unwrap().to_owned()).collect()
    }
}

/// `psql` as an administrator has it: it finds its server.
fn program(file: &Path, address: &PostgresAddress) {
    let psql = address.psql().unwrap();
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let (host, user, password) = (quoted(address.host()), quoted(address.user()), quoted(address.password()));
    let (port, psql) = (address.port(), quoted(&psql.get_program().to_string_lossy()));
    let text = format!(
        "#!/bin/sh\nPGHOST={host} PGPORT={port} PGUSER={user} PGPASSWORD={password} PGDATABASE=postgres exec {psql} -X \"$@\"\n"
    );
    std::fs::write(file, text).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn every_guide_is_followed() {
    let document = std::fs::read_to_string(crate::root().join("docs/operating.md")).unwrap();
    let with_commands = document.split("\n## ").filter(|it| it.contains("```sh\n"));
    let titles: Vec<_> = with_commands.map(|it| it.lines().next().unwrap()).collect();
    let followed = [
        "From a laptop to production",
        "With the least privileges",
        "Backup and restore",
        "Upgrading with replicas",
        "Going back a version",
        "Removing a plugin",
    ];
    assert_eq!(titles, followed);
}

#[tokio::test]
async fn from_a_laptop_to_production_and_on() {
    let machine = Machine::new();
    let Block::File(name, text) = &guide("From a laptop to production")[0] else { panic!("no file") };
    machine.home.write(name, text);
    let laptop = ["app-config.yaml", "app-config.local.yaml", name];
    machine.with_backend("", &laptop, async |client| client.add("milk").await).await;
    machine.follows("From a laptop to production");
    assert_eq!(machine.todos().await, ["milk"]);

    // Monday's backup, then a disaster.
    let script = |title| {
        guide(title).into_iter().filter_map(|it| match it {
            Block::Commands(lines) => Some(lines.iter().map(|line| checked(line)).collect::<String>()),
            Block::File(..) => None,
        })
    };
    let backup: Vec<_> = script("Backup and restore").collect();
    let environment = "export BACKSTAGE_ENV=production\n";
    machine.runs(&format!("{environment}{}", backup[0]));
    for plugin in ["todo", "catalog"] {
        machine.server.address().sql(&format!("DROP DATABASE backstage_plugin_{plugin}")).unwrap();
    }
    machine.runs(&format!("{environment}{}", backup[1]));
    assert_eq!(machine.todos().await, ["milk"]);

    let production = std::fs::read_to_string(machine.home.path().join("app-config.production.yaml")).unwrap();
    for block in guide("Upgrading with replicas") {
        if let Block::File(name, text) = block {
            // The guide's file has the keys that are added.
            let (_, added) = text.split_once("  database:\n").unwrap();
            machine.home.write(&name, &format!("{production}\n{added}"));
        }
    }
    let upgrade: String = script("Upgrading with replicas").collect();
    machine.runs(&upgrade);
    assert_eq!(machine.todos().await, ["milk"]);

    machine.home.write("app-config.production.yaml", &production);
    let back: String = script("Going back a version").collect();
    machine.runs(&format!("{environment}{back}"));
    assert_eq!(machine.todos().await, Vec::<String>::new());
}

#[tokio::test]
async fn with_the_least_privileges() {
    let machine = Machine::new();
    machine.follows("With the least privileges");
    machine.with_backend("production", &[], async |client| client.add("milk").await).await;
    assert_eq!(machine.todos().await, ["milk"]);
    let may = "SELECT rolcreatedb OR rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = 'portal'";
    assert_eq!(machine.server.address().sql(may).unwrap(), "f");
}

#[tokio::test]
async fn removing_a_plugin() {
    let machine = Machine::new();
    let Block::File(name, text) = &guide("From a laptop to production")[1] else { panic!("no file") };
    machine.home.write(name, text);
    machine.with_backend("production", &[], async |client| client.add("milk").await).await;
    // A backend of before had a plugin more.
    let server = machine.server.address();
    server.sql("CREATE DATABASE backstage_plugin_notes").unwrap();
    server.sql("COMMENT ON DATABASE backstage_plugin_notes IS 'made by greenroom 0.1.0 for plugin notes'").unwrap();
    let script: String = guide("Removing a plugin")
        .iter()
        .map(|it| match it {
            Block::Commands(lines) => lines.iter().map(|line| checked(line)).collect::<String>(),
            Block::File(..) => String::new(),
        })
        .collect();
    let said = machine.runs(&format!("export BACKSTAGE_ENV=production\n{script}"));
    assert!(said.contains("backstage_plugin_notes"), "{said}");
    let left = "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE datname LIKE 'backstage%'";
    assert_eq!(server.sql(left).unwrap(), "backstage_plugin_catalog backstage_plugin_todo");
    assert_eq!(machine.todos().await, ["milk"]);
}
