//! `cargo xtask bench ...`: figures of a release build, each with its goal.

pub(crate) mod backend;
pub(crate) mod build;
mod config;
mod copy;
mod database;
pub(crate) mod figure;
pub(crate) mod http;
mod provisioning;
mod startup;
mod wrk;

use anyhow::Result;

use figure::Figure;

/// What to measure.
#[derive(clap::Subcommand)]
pub(crate) enum Bench {
    /// From the start of the process until it is ready; memory; the liveness route.
    Startup(startup::Options),
    /// The first and the second start of many plugins on PostgreSQL.
    Provisioning(provisioning::Options),
    /// Plugins' databases: their handles beside stock pools, and many plugins under load.
    Database(database::Options),
    /// `db copy` of a million rows from SQLite to PostgreSQL, beside psql; `db status` of 50 plugins.
    Copy(copy::Options),
    /// Loading config, beside Backstage's loader.
    Config(config::Options),
}

impl Bench {
    pub(crate) fn run(&self) -> Result<()> {
        match self {
            Self::Startup(options) => print(&startup::run(options)?, options.json),
            Self::Provisioning(options) => print(&provisioning::run(options)?, options.json),
            Self::Database(options) => print(&database::run(options)?, options.json),
            Self::Copy(options) => print(&copy::run(options)?, options.json),
            Self::Config(options) => print(&config::run(options)?, options.json),
        }
        Ok(())
    }
}

fn print(figures: &[Figure], json: bool) {
    for figure in figures {
        match json {
            true => println!("{}", figure.json()),
            false => println!("{figure}"),
        }
    }
}
