//! `cargo xtask bench provisioning`.

use std::path::Path;

use anyhow::{Context, Result};
use embedded_postgres::Cluster;

use super::backend::Backend;
use super::build;
use super::figure::{Figure, Goal, median};
use crate::requirements::{self, CC, POSTGRES};

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How often to start the backend on new databases, and how often on those that are there.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// How many plugins.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    plugins: u32,
    /// One JSON object a figure.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Of a cold start: a quarter of what Backstage takes for as many plugins.
const COLD: Goal = Goal::AtMost(850.0);
const WARM: Goal = Goal::AtMost(150.0);

pub(crate) fn run(options: &Options) -> Result<Vec<Figure>> {
    requirements::ensure(&[CC, POSTGRES])?;
    let binary = build::example("backend-cli", "many_plugins")?;
    let folder = tempfile::tempdir()?;
    // The server's own defaults, with everything synced to disk.
    let cluster = Cluster::start(&embedded_postgres::Options::new(folder.path().join("pg"), std::env::var_os("PATH")))?;
    let mut figures = Vec::new();
    for (mode, cold_name, warm_name) in [
        ("database", "cold start, a database each", "warm start, a database each"),
        ("schema", "cold start, a schema each", "warm start, a schema each"),
    ] {
        let (mut cold, mut warm) = (Vec::new(), Vec::new());
        for round in 0..=options.runs {
            eprintln!("{mode} mode, round {round} of {}", options.runs);
            let config = config(mode, round, &cluster);
            let start = || Backend::start_with(&binary, folder.path(), &config, options.plugins).map(|it| it.start_up);
            let (first, second) = (start()?, start()?);
            // The first round also fills the server's caches.
            if round > 0 {
                cold.push(first.as_secs_f64() * 1e3);
                warm.push(second.as_secs_f64() * 1e3);
            }
        }
        for (name, values, goal) in [(cold_name, cold, COLD), (warm_name, warm, WARM)] {
            let value = median(values).context("no runs")?;
            figures.push(Figure { name, unit: "ms", value, goal: Some(goal) });
        }
    }
    cluster.stop()?;
    Ok(figures)
}

/// With names of its own in each round.
fn config(mode: &str, round: u32, cluster: &Cluster) -> String {
    let socket = Path::display(cluster.socket());
    format!(
        "backend:\n  database:\n    client: pg\n    pluginDivisionMode: {mode}\n    prefix: round{round}_\n    \
         connection: {{host: '{socket}', port: {}, user: {}, database: round{round}}}\n",
        cluster.port(),
        embedded_postgres::USER,
    )
}
