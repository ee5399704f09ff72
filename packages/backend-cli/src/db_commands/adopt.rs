use backend_defaults::database::DatabasePlan;
use clap::Args;
use database_tools::inspect::{Counting, Facts, Stamp, facts_of_all};
use serde_json::{Map, Value, json};

use super::confirm::Consent;
use super::facts::{database, rows, schema};
use super::outcome::{Outcome, show};
use super::sites::{PluginArgs, Sites};
use super::table::{Column, table};
use crate::report;

const EXAMPLE: &str = "\
You vouch that all that is there is the plugin's. PostgreSQL: a comment on the database or the schema, which keeps what was
said there before; MySQL and SQLite: a row of the table `greenroom_stamp`. Then `backend db drop` may destroy it.

Example:
  backend db adopt --plugin catalog";

/// Take databases that others made for Greenroom's own.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = EXAMPLE)]
pub struct AdoptArgs {
    #[command(flatten)]
    pub plugins: PluginArgs,
    /// Without asking.
    #[arg(long)]
    pub yes: bool,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// One plugin's line.
struct Line<'a> {
    plan: &'a DatabasePlan,
    facts: &'a Facts,
}

pub(super) async fn run(args: &AdoptArgs, sites: &Sites) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::Done;
    let mut wanted = Vec::new();
    for (site, facts) in sites.sites.iter().zip(facts_of_all(&sites.sites, Counting::Exact).await) {
        let (plugin, location) = (site.plugin(), site.plan.info().location);
        match facts {
            Err(error) => {
                report::failure(&format!("{error:#}"));
                outcome = Outcome::Failed;
            }
            Ok(facts) => match &facts.stamp {
                _ if site.database.info().ephemeral => report::note(&format!("`{plugin}` is in memory")),
                _ if !facts.exists => report::note(&format!("`{plugin}`: {location} is not there")),
                Stamp::Comment => report::note(&format!("`{plugin}`: {location} is stamped already")),
                Stamp::Row if facts.tables.iter().all(|it| it.schema.is_none()) => {
                    report::note(&format!("`{plugin}`: {location} is stamped already"));
                }
                Stamp::Other(owner) => {
                    report::failure(&format!("`{plugin}`: {location} is stamped as that of plugin `{owner}`"));
                    outcome = Outcome::Failed;
                }
                Stamp::None | Stamp::Row => wanted.push((site, facts)),
            },
        }
    }
    if outcome != Outcome::Done {
        report::note("nothing was done");
        return Ok(outcome);
    }
    if !wanted.is_empty() {
        let lines: Vec<_> = wanted.iter().map(|(site, facts)| Line { plan: &site.plan, facts }).collect();
        report::note(&format!("to be stamped, with all that is there:\n\n{}\n", table(&columns(), &lines)));
        let word = match &wanted[..] {
            [(site, _)] => site.plugin().to_string(),
            _ => "adopt".to_owned(),
        };
        if let Err(outcome) = (Consent { yes: args.yes, production: true }).ask(&word) {
            return Ok(outcome);
        }
    }
    let mut done = Vec::new();
    for (site, facts) in &wanted {
        let stamped = site.adopt(facts).await;
        if let Err(error) = &stamped {
            report::failure(&format!("`{}`: {error:#}", site.plugin()));
            outcome = Outcome::Failed;
        }
        done.push((&site.plan, stamped));
    }
    show(args.json, || for_machines(&done), || for_people(&done));
    Ok(outcome)
}

fn columns<'a>() -> [Column<Line<'a>>; 6] {
    [
        ("plugin", false, |it| Some(it.plan.plugin.to_string())),
        ("server", false, |it| it.plan.server()),
        ("database", false, |it| Some(database(it.plan))),
        ("schema", false, |it| schema(it.plan)),
        ("tables", true, |it| Some(it.facts.tables.len().to_string())),
        ("rows", true, |it| Some(rows(it.facts))),
    ]
}

type Done<'a> = (&'a DatabasePlan, anyhow::Result<()>);

fn for_people(done: &[Done<'_>]) -> String {
    let stamped = done.iter().filter(|(_, done)| done.is_ok());
    stamped.map(|(plan, _)| format!("stamped {}", plan.info().location)).collect::<Vec<_>>().join("\n")
}

fn for_machines(done: &[Done<'_>]) -> Value {
    let plugins = done.iter().map(|(plan, done)| {
        let error = done.as_ref().err().map(|it| format!("{it:#}"));
        (plan.plugin.to_string(), json!({ "location": plan.info().location, "stamped": done.is_ok(), "error": error }))
    });
    json!({ "plugins": Map::from_iter(plugins) })
}
