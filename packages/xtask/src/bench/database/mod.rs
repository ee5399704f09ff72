//! `cargo xtask bench database`.

mod plugins;
mod pools;
mod sqlite;

use anyhow::Result;

use super::figure::Figure;
use crate::requirements::{self, CC, POSTGRES, WRK};

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many seconds of load, for each number of clients.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// One JSON object a figure.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(options: &Options) -> Result<Vec<Figure>> {
    requirements::ensure(&[CC, POSTGRES, WRK])?;
    // Each part is measured in a process of its own.
    let mut figures = pools::run()?;
    figures.extend(plugins::run(options.seconds)?);
    figures.extend(sqlite::run()?);
    Ok(figures)
}
