//! `cargo xtask bench startup`.

use anyhow::{Context, Result, ensure};

use super::backend::Backend;
use super::build;
use super::figure::{Figure, Goal, median};
use super::wrk;
use crate::requirements::{self, CC, WRK};

const LIVENESS: &str = "/.backstage/health/v1/liveness";
const ROUNDS: usize = 3;

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How often to start the backend, after one start that does not count.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// A running server to compare with, e.g. a Backstage at `http://127.0.0.1:7008`.
    #[arg(long, value_name = "URL")]
    peer: Option<String>,
    /// One JSON object a figure.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(options: &Options) -> Result<Vec<Figure>> {
    requirements::ensure(&[CC, WRK])?;
    let binary = build::backend()?;
    let folder = tempfile::tempdir()?;

    eprintln!("starting it {} times", options.runs);
    Backend::start(&binary, folder.path())?;
    let (mut start_up, mut resident) = (Vec::new(), Vec::new());
    for _ in 0..options.runs {
        let backend = Backend::start(&binary, folder.path())?;
        start_up.push(backend.start_up.as_secs_f64() * 1e3);
        resident.push(backend.resident()?);
    }

    let backend = Backend::start(&binary, folder.path())?;
    let ours = format!("http://{}{LIVENESS}", backend.address);
    let peer = options.peer.as_ref().map(|base| format!("{}{LIVENESS}", base.trim_end_matches('/')));
    let (mut our_rate, mut peer_rate) = (Vec::new(), Vec::new());
    // In turns, so that whatever else the machine does slows both.
    for round in 1..=ROUNDS {
        eprintln!("liveness under load, round {round} of {ROUNDS}");
        our_rate.push(wrk::requests_per_second(&ours)?);
        if let Some(peer) = &peer {
            peer_rate.push(wrk::requests_per_second(peer)?);
        }
    }
    let loaded = backend.resident()?;

    let slowest = start_up.iter().copied().fold(0.0, f64::max);
    let figure = |name, unit, value, goal| Figure { name, unit, value, goal };
    let our_rate = median(our_rate).context("no rounds")?;
    let mut figures = vec![
        figure("start to ready", "ms", median(start_up).context("no runs")?, Some(Goal::AtMost(60.0))),
        figure("start to ready, slowest", "ms", slowest, None),
        figure("resident memory when ready", "MB", median(resident).context("no runs")?, Some(Goal::AtMost(30.0))),
        figure("resident memory after the load", "MB", loaded, None),
        figure("liveness, 16 connections", "/s", our_rate, None),
    ];
    if let Some(peer_rate) = median(peer_rate) {
        ensure!(peer_rate > 0.0, "the peer answered nothing");
        figures.push(figure("liveness of the peer", "/s", peer_rate, None));
        figures.push(figure("liveness, times the peer's", "x", our_rate / peer_rate, Some(Goal::AtLeast(4.0))));
    }
    Ok(figures)
}
