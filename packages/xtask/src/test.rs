//! `cargo xtask test`.

use std::process::Command;
use std::thread;

use anyhow::{Result, anyhow};
use test_servers::{MariaDb, MariaDbOptions, Postgres, PostgresOptions};

use crate::requirements::{self, CC, GIT, MARIADB, PGBOUNCER, POSTGRES, SQLITE};
use crate::sh;

/// What to test.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Handed to the test runner in place of `--workspace`, e.g. `-p catalog relations`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Runs the tests with cargo-nextest where it is installed, else with `cargo test`, beside servers
/// that end with it.
pub(crate) fn run(options: &Options) -> Result<()> {
    requirements::ensure(&[CC, GIT, POSTGRES, PGBOUNCER, MARIADB, SQLITE])?;
    let servers = Servers::start()?;
    let cargo = |arguments: &[&str]| {
        let mut cargo = sh::cargo();
        servers.tell(cargo.args(arguments));
        cargo
    };
    let nextest = sh::succeeds(sh::cargo().args(["nextest", "--version"]));
    let runner: &[&str] = if nextest { &["nextest", "run"] } else { &["test", "--no-fail-fast"] };
    if !options.arguments.is_empty() {
        return sh::run(cargo(runner).args(&options.arguments));
    }
    let tests = sh::run(cargo(runner).arg("--workspace"));
    if nextest {
        // nextest does not run the examples in the documentation.
        let examples = sh::run(&mut cargo(&["test", "--workspace", "--doc"]));
        return tests.and(examples);
    }
    tests
}

/// What all tests share.
struct Servers {
    postgres: Postgres,
    mariadb: MariaDb,
}

impl Servers {
    fn start() -> Result<Self> {
        thread::scope(|scope| {
            let mariadb = scope.spawn(|| MariaDb::start(&MariaDbOptions::shared()));
            let postgres = Postgres::start(&PostgresOptions::shared())?;
            Ok(Self { postgres, mariadb: mariadb.join().map_err(|_| anyhow!("starting MariaDB panicked"))?? })
        })
    }

    fn tell(&self, command: &mut Command) {
        command.envs([self.postgres.variable(), self.mariadb.variable()]);
    }
}
