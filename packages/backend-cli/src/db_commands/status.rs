use backend_defaults::database::LibpqEnvironment;
use backend_defaults::http::config::{HttpsConfig, ListenConfig};
use backend_plugin_api::Section;
use clap::Args;
use database_tools::inspect::{Counting, facts_of_all};
use futures::future::join;

use super::live;
use super::outcome::{Outcome, show};
use super::report::{Live, Report};
use super::sites::{PluginArgs, Sites};
use crate::report;

const EXAMPLE: &str = "\
Rows are counted up to 100,000 a table; with more, the server's estimate is shown, marked `~`. Pools are asked of the backend
that runs where `backend.listen` says. Nothing is changed.

Exit code 1: a database could not be read.

Example:
  backend db status --plugin catalog --json | jq .plugins.catalog.migrations";

/// What to show, and how.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = EXAMPLE)]
pub struct StatusArgs {
    #[command(flatten)]
    pub plugins: PluginArgs,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

pub(super) async fn run(args: &StatusArgs, sites: &Sites) -> anyhow::Result<Outcome> {
    let environment = LibpqEnvironment::of_process();
    // The check has told all mistakes.
    let plans = sites.installed.iter().filter_map(|it| sites.databases.plan(*it, &environment).ok()).collect();
    let (live, facts) = join(live(sites), facts_of_all(&sites.sites, Counting::Bounded)).await;
    let facts = facts.into_iter().map(|it| it.map_err(|error| format!("{error:#}")));
    let report = Report { plans, facts: sites.sites.iter().map(|it| it.plugin()).zip(facts).collect(), live: live? };
    show(args.json, || report.json(), || report.text());
    let failed: Vec<_> = report.facts.values().filter_map(|it| it.as_ref().err()).collect();
    for error in &failed {
        report::failure(error);
    }
    Ok(if failed.is_empty() { Outcome::Done } else { Outcome::Failed })
}

async fn live(sites: &Sites) -> anyhow::Result<Live> {
    let (listen, https): (ListenConfig, HttpsConfig) =
        (sites.config.read(ListenConfig::KEY)?, sites.config.read(HttpsConfig::KEY)?);
    Ok(match live::address(&listen, &https) {
        None => Live::Unknown,
        Some(address) => match live::readiness(&address).await {
            Ok(readiness) => Live::Answers { address, readiness },
            Err(error) => Live::Silent { address, cause: format!("{error:#}") },
        },
    })
}
