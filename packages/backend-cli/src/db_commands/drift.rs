use std::fmt::Write as _;

use backend_plugin_api::PluginId;
use clap::Args;
use database_tools::drift::{Comparison, Difference, Drift, State};
use futures::{FutureExt as _, StreamExt as _, stream};
use serde_json::{Value, json};

use super::outcome::{Outcome, show};
use super::sites::{PluginArgs, Sites};
use crate::signals::Signals;

const EXAMPLE: &str = "\
Migrations run in a scratch database beside the plugin's (in schema mode, and for a role that may make no databases, a
schema in the same database; for SQLite, memory), which is dropped at the end. Names of databases and schemas, owners,
rights, collations and the order of columns do not count. Nothing is changed: the SQL that mends a difference is shown,
and what would destroy something is in comments.

Exit codes: 0 no difference, 3 there are differences, migrations to apply, or databases to make, 1 it failed.

Example:
  backend db drift
  backend db drift --plugin catalog --json | jq -r .plugins.catalog.sql";

/// How many scratch databases there are at once.
const AT_ONCE: usize = 8;

/// Compare the tables that are there with those that migrations make.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = EXAMPLE)]
pub struct DriftArgs {
    #[command(flatten)]
    pub plugins: PluginArgs,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// What came of one plugin.
struct Found {
    plugin: PluginId,
    location: String,
    drift: Drift,
}

pub(super) async fn run(args: &DriftArgs, sites: &Sites) -> anyhow::Result<Outcome> {
    let mut signals = Signals::catch()?;
    let stop = async move { _ = signals.next().await }.boxed().shared();
    let compared = stream::iter(&sites.sites).map(|site| {
        let stop = stop.clone();
        async move { (site, site.drift(stop).await) }
    });
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    for (site, drift) in compared.buffered(AT_ONCE).collect::<Vec<_>>().await {
        let (plugin, location) = (site.plugin(), site.plan.info().location);
        match drift {
            Ok(drift) => found.push(Found { plugin, location, drift }),
            Err(error) => failed.push(format!("{plugin}: {error:#}")),
        }
    }
    if args.json || !found.is_empty() {
        show(args.json, || machine(&found), || people(&found));
    }
    anyhow::ensure!(failed.is_empty(), "{}", failed.join("\n       "));
    Ok(if found.iter().all(Found::is_same) { Outcome::Done } else { Outcome::ToDo })
}

impl Found {
    fn is_same(&self) -> bool {
        match &self.drift {
            Drift::InMemory => true,
            Drift::Missing | Drift::Pending(_) => false,
            Drift::Compared(it) => it.differences.is_empty(),
        }
    }

    fn state(&self) -> &'static str {
        match &self.drift {
            Drift::InMemory => "in memory",
            Drift::Missing => "missing",
            Drift::Pending(_) => "pending",
            Drift::Compared(it) if it.differences.is_empty() => "same",
            Drift::Compared(_) => "differs",
        }
    }
}

fn machine(found: &[Found]) -> Value {
    let plugins = found.iter().map(|it| {
        let names = |ids: &[backend_app_api::MigrationId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut plugin = json!({ "state": it.state(), "location": it.location });
        match &it.drift {
            Drift::InMemory | Drift::Missing => {}
            Drift::Pending(pending) => plugin["pending"] = names(pending).into(),
            Drift::Compared(Comparison { differences, sql, unknown }) => {
                plugin["differences"] = json!(differences);
                plugin["sql"] = sql.as_str().into();
                plugin["unknown"] = names(unknown).into();
            }
        }
        (it.plugin.to_string(), plugin)
    });
    json!({ "plugins": plugins.collect::<serde_json::Map<_, _>>() })
}

fn people(found: &[Found]) -> String {
    let texts: Vec<_> =
        found.iter().map(|it| format!("{} ({}): {}", it.plugin, it.location, told(&it.drift))).collect();
    texts.join("\n")
}

fn told(drift: &Drift) -> String {
    let comparison = match drift {
        Drift::InMemory => return "migrations make it at each start".to_owned(),
        Drift::Missing => return "is not there: `backend db create` makes it".to_owned(),
        Drift::Pending(pending) => {
            let pending: Vec<_> = pending.iter().map(ToString::to_string).collect();
            return format!("has migrations to apply, run `backend db migrate` first: {}", pending.join(", "));
        }
        Drift::Compared(comparison) => comparison,
    };
    if comparison.differences.is_empty() {
        return "as migrations make it".to_owned();
    }
    let mut text = "is not as migrations make it (- there, + by migrations)\n".to_owned();
    // Writing to a string does not fail.
    if !comparison.unknown.is_empty() {
        let unknown: Vec<_> = comparison.unknown.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "  another version applied what this one does not know: {}", unknown.join(", "));
    }
    for Difference { kind, name, state, diff } in &comparison.differences {
        let state = match state {
            State::Missing => ", missing",
            State::Extra => ", made by no migration",
            State::Changed => "",
        };
        let _ = writeln!(text, "\n  {kind} {name}{state}\n{}", indented(diff));
    }
    let _ = writeln!(text, "\n  SQL to mend it, to be read before it is run:\n\n{}", indented(&comparison.sql));
    text
}

fn indented(text: &str) -> String {
    text.trim_end().lines().map(|it| format!("    {it}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
