//! `cargo xtask storm`: ends and restarts PostgreSQL while clients write, and checks what a backend promises then.

mod clients;
mod watch;

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use test_servers::{Postgres, PostgresAddress, PostgresOptions, SqlServer};

use crate::bench::backend::Backend;
use crate::bench::build;
use crate::bench::figure::{Figure, Goal};
use crate::requirements::{self, CC, POSTGRES};
use clients::{Client, Tally};
use watch::Watch;

/// How to storm.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How often PostgreSQL is ended and started again.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// One JSON object a figure.
    #[arg(long)]
    json: bool,
}

const PLUGINS: u32 = 5;
const CLIENTS: u32 = 8;
/// How long the server is up between two rounds, after all clients had an answer.
const CALM: Duration = Duration::from_secs(1);
/// `acquireTimeoutMillis`: after that, a request gets an error.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the server is down, where it does not come back at once: long enough for errors.
const OUTAGE: Duration = Duration::from_secs(3);
/// How soon requests are to be answered after the server's return.
const RECOVERY: Duration = Duration::from_secs(2);
/// Of an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long things may take.
#[derive(Clone, Copy)]
struct Bounds {
    recovery: Duration,
    answer: Duration,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    requirements::ensure(&[CC, POSTGRES])?;
    let binary = build::example("backend-cli", "many_plugins")?;
    let figures = storm(&binary, options.rounds, Bounds { recovery: RECOVERY, answer: PATIENCE })?;
    for figure in &figures {
        match options.json {
            true => println!("{}", figure.json()),
            false => println!("{figure}"),
        }
    }
    let missed: Vec<_> = figures.iter().filter(|it| it.is_missed()).map(|it| it.name).collect();
    ensure!(missed.is_empty(), "broken: {}", missed.join(", "));
    Ok(())
}

fn storm(binary: &Path, rounds: u32, bounds: Bounds) -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    // What it has said to be committed stays.
    let settings = vec![("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on")];
    let mut server = Postgres::start(&PostgresOptions { settings, ..PostgresOptions::default() })?;
    let backend = Backend::start_with(binary, folder.path(), &config(server.address())?, PLUGINS)?;
    let watch = Watch::new(CLIENTS as usize, bounds);
    let mut slowest = Duration::ZERO;
    let tallies = thread::scope(|scope| {
        let client = |number| Client { number, address: backend.address, watch: &watch, tally: Tally::default() };
        let clients: Vec<_> = (0..CLIENTS).map(client).map(|it| scope.spawn(|| it.run())).collect();
        for round in 1..=rounds {
            match strike(&mut server, round, &watch) {
                Ok(recovery) => slowest = slowest.max(recovery),
                Err(error) => {
                    watch.stop();
                    return Err(error);
                }
            }
        }
        watch.stop();
        let tallies = clients.into_iter().map(|it| it.join().ok().context("a client panicked"));
        tallies.collect::<Result<Vec<_>>>()
    })?;
    let tally = tallies.into_iter().fold(Tally::default(), Tally::and);
    for mistake in tally.mistakes.iter().take(10) {
        eprintln!("broken: {mistake}");
    }
    let lost = lost(server.address(), &tally)?;
    drop(backend);
    server.stop()?;
    Ok(figures(&tally, lost, slowest, bounds))
}

/// Ends the server and starts it again: by turns as a crash and in order, at once and after a while. Returns how long it
/// took from then until each client had data again.
#[expect(clippy::disallowed_methods, reason = "there is no runtime whose thread could be blocked")]
fn strike(server: &mut Postgres, round: u32, watch: &Watch) -> Result<Duration> {
    let (crash, outage) = (round % 2 == 1, (round / 2) % 2 == 1);
    thread::sleep(CALM);
    watch.goes_down();
    if crash {
        server.kill()?;
    } else {
        server.stop()?;
    }
    if outage {
        thread::sleep(OUTAGE);
    }
    server.restart()?;
    let recovery = watch.is_back(Instant::now())?;
    let how = if crash { "killed" } else { "stopped" };
    let down = if outage { "down for a while" } else { "started at once" };
    eprintln!("round {round}: {how}, {down}: every client had data {:.0} ms after", recovery.as_secs_f64() * 1e3);
    Ok(recovery)
}

fn config(server: &PostgresAddress) -> Result<String> {
    server.sql("CREATE ROLE app LOGIN PASSWORD 'storm'; CREATE DATABASE app OWNER app;")?;
    Ok(format!(
        "backend:\n  database:\n    client: pg\n    pluginDivisionMode: schema\n    maxConnections: {PLUGINS}\n    \
         connection: {{host: {}, port: {}, user: app, password: storm, database: app}}\n    \
         knexConfig: {{pool: {{acquireTimeoutMillis: {}}}}}\n",
        server.host(),
        server.port(),
        ACQUIRE_TIMEOUT.as_millis(),
    ))
}

/// How many rows that were said to be written are not there.
fn lost(server: &PostgresAddress, tally: &Tally) -> Result<usize> {
    let mut lost = 0;
    for plugin in 1..=PLUGINS {
        let rows = server.sql_in("app", &format!("SELECT id FROM extra{plugin:02}.extra_rows"))?;
        let rows: std::collections::HashSet<&str> = rows.lines().collect();
        lost += tally.written.iter().filter(|it| it.plugin == plugin && !rows.contains(&*it.id.to_string())).count();
    }
    Ok(lost)
}

fn figures(tally: &Tally, lost: usize, recovery: Duration, bounds: Bounds) -> Vec<Figure> {
    let none = Some(Goal::AtMost(0.0));
    let within = |bound: Duration| Some(Goal::AtMost(bound.as_secs_f64() * 1e3));
    let figure = |name, unit, value, goal| Figure { name, unit, value, goal };
    vec![
        figure("rows said to be written", "", tally.written.len() as f64, Some(Goal::AtLeast(1.0))),
        figure("of these, lost", "", lost as f64, none),
        figure("requests answered 503", "", tally.unavailable as f64, None),
        figure("answers that were neither data nor 503", "", tally.mistakes.len() as f64, none),
        figure("slowest answer", "ms", tally.slowest.as_secs_f64() * 1e3, within(bounds.answer)),
        figure("slowest return to service", "ms", recovery.as_secs_f64() * 1e3, within(bounds.recovery)),
    ]
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Bounds are wide, as tests run beside this one.
    #[test]
    fn a_short_storm_loses_nothing() {
        let binary = build::example_for_tests("many_plugins").unwrap();
        let bounds = Bounds { recovery: Duration::from_secs(30), answer: Duration::from_secs(60) };
        let figures = storm(&binary, 2, bounds).unwrap();
        let missed: Vec<_> = figures.iter().filter(|it| it.is_missed()).map(ToString::to_string).collect();
        assert!(missed.is_empty(), "{missed:#?}");
    }
}
