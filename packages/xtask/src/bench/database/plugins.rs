//! Many plugins under load, each with one table and one route that inserts a row and counts.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use test_servers::{Postgres, PostgresAddress, PostgresOptions, SqlServer};

use crate::bench::backend::Backend;
use crate::bench::build;
use crate::bench::figure::{Figure, Goal};
use crate::bench::wrk::{self, Load};

/// A backend, and the clients that ask it.
struct Setup {
    mode: &'static str,
    plugins: u32,
    /// `backend.database.maxConnections`; `None`: what is safe on the server.
    budget: Option<u32>,
    /// How many, and what is told of it: the rate, and the requests that failed.
    clients: &'static [(u32, [&'static str; 2])],
}

/// The server's `max_connections`.
const LIMIT: &str = "100";

const SETUPS: [Setup; 3] = [
    Setup {
        mode: "database",
        plugins: 50,
        budget: None,
        clients: &[
            (16, ["50 databases, 16 clients", "50 databases, 16 clients, failed"]),
            (64, ["50 databases, 64 clients", "50 databases, 64 clients, failed"]),
            (200, ["50 databases, 200 clients", "50 databases, 200 clients, failed"]),
        ],
    },
    Setup {
        mode: "schema",
        plugins: 50,
        budget: None,
        clients: &[
            (16, ["50 schemas, 16 clients", "50 schemas, 16 clients, failed"]),
            (64, ["50 schemas, 64 clients", "50 schemas, 64 clients, failed"]),
            (200, ["50 schemas, 200 clients", "50 schemas, 200 clients, failed"]),
        ],
    },
    Setup {
        mode: "schema",
        plugins: 500,
        budget: Some(20),
        clients: &[
            (64, ["500 schemas on 20, 64 clients", "500 schemas on 20, 64 clients, failed"]),
            (200, ["500 schemas on 20, 200 clients", "500 schemas on 20, 200 clients, failed"]),
        ],
    },
];

pub(super) fn run(seconds: u32) -> Result<Vec<Figure>> {
    let binary = build::example("backend-cli", "many_plugins")?;
    let mut figures = Vec::new();
    for setup in &SETUPS {
        let folder = tempfile::tempdir()?;
        // As a server is by default: what it has committed is on the disk.
        let settings = vec![
            ("max_connections", LIMIT),
            ("fsync", "on"),
            ("synchronous_commit", "on"),
            ("full_page_writes", "on"),
            ("shared_buffers", "128MB"),
        ];
        let mut server = Postgres::start(&PostgresOptions { settings, ..PostgresOptions::default() })?;
        let config = config(setup, server.address())?;
        let script = folder.path().join("all.lua");
        fs::write(&script, lua(setup.plugins))?;
        let backend = Backend::start_with(&binary, folder.path(), &config, setup.plugins)?;
        let url = format!("http://{}", backend.address);
        for (clients, [rate_name, failed_name]) in setup.clients {
            eprintln!("{} plugins in {} mode, {clients} clients", setup.plugins, setup.mode);
            let Load { rate, failed } = load(&url, &script, *clients, seconds)?;
            figures.push(Figure { name: rate_name, unit: "/s", value: rate, goal: None });
            let goal = Some(Goal::AtMost(0.0));
            figures.push(Figure { name: failed_name, unit: "", value: failed as f64, goal });
        }
        drop(backend);
        server.stop()?;
    }
    Ok(figures)
}

fn load(url: &str, script: &Path, clients: u32, seconds: u32) -> Result<Load> {
    let (clients, seconds) = (format!("-c{clients}"), format!("-d{seconds}s"));
    let script = script.to_str().context("the temporary folder's name is no UTF-8")?;
    // Time to be late: what was not answered is the figure.
    wrk::run(&["-t2", &clients, &seconds, "--timeout", "60s", "-s", script, url])
}

/// A role without privileges, as an operator would give it.
fn config(setup: &Setup, server: &PostgresAddress) -> Result<String> {
    server.sql("CREATE ROLE app LOGIN CREATEDB PASSWORD 'bench'; CREATE DATABASE app OWNER app;")?;
    let budget = setup.budget.map(|it| format!("    maxConnections: {it}\n")).unwrap_or_default();
    Ok(format!(
        "backend:\n  database:\n    client: pg\n    pluginDivisionMode: {}\n{budget}    \
         connection: {{host: {}, port: {}, user: app, password: bench, database: app}}\n",
        setup.mode,
        server.host(),
        server.port(),
    ))
}

/// Asks the plugins' routes one after another.
fn lua(plugins: u32) -> String {
    format!(
        "local i = 0\nrequest = function()\n  i = i % {plugins} + 1\n  \
         return wrk.format(\"GET\", string.format(\"/api/extra%02d/\", i))\nend\n"
    )
}
