use clap::Args;
use database_tools::planning::Missing;
use serde_json::{Map, Value, json};

use super::each::{each, tell_failures};
use super::outcome::{Outcome, show};
use super::sites::{PluginArgs, Sites};

const EXAMPLE: &str = "\
What is there stays as it is, and nothing is migrated. Who makes is `backend.database.admin`, else who connects; it is \
made though a start may not (`ensureExists: false`).

Example:
  backend db create --plugin catalog && backend db migrate --plugin catalog";

/// Make databases, schemas and roles that are not there.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = EXAMPLE)]
pub struct CreateArgs {
    #[command(flatten)]
    pub plugins: PluginArgs,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

pub(super) async fn run(args: &CreateArgs, sites: &Sites) -> anyhow::Result<Outcome> {
    let done = each(&sites.sites, "creating", async |site| {
        let made = site.create().await?;
        Ok((site.plan.info().ephemeral, made))
    })
    .await;
    let lines = || done.iter().filter_map(|(plugin, done)| Some((plugin, done.as_ref().ok()?)));
    let machine = || {
        let plugins = lines().map(|(plugin, (ephemeral, made))| {
            let made: Vec<_> = made.iter().map(|it| json!({ "kind": it.kind(), "name": it.name() })).collect();
            (plugin.to_string(), json!({ "made": made, "ephemeral": ephemeral }))
        });
        json!({ "plugins": Map::<String, Value>::from_iter(plugins) })
    };
    let people = || {
        let lines = lines().map(|(plugin, (ephemeral, made))| format!("{plugin}: {}", said(*ephemeral, made)));
        lines.collect::<Vec<_>>().join("\n")
    };
    show(args.json, machine, people);
    Ok(tell_failures(&done))
}

fn said(ephemeral: bool, made: &[Missing]) -> String {
    match made {
        _ if ephemeral => "in memory, made by each start".to_owned(),
        [] => "all of it was there".to_owned(),
        made => format!("made {}", made.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}
