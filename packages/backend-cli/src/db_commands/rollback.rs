use anyhow::bail;
use backend_app_api::{HistoryRow, MigrationId, MigrationList};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use database_tools::Site;
use serde_json::{Map, Value, json};

use super::confirm::Consent;
use super::each::{each, tell_failures};
use super::migrate::migration_json;
use super::outcome::{Outcome, show};
use super::sites::{PluginArgs, Sites, did_you_mean};
use crate::report;

const EXAMPLE: &str = "\
By the SQL that was kept when a migration was applied, so that this backend need not know it: run it before an older \
version is started. What is undone may take data with it.

Examples:
  backend db rollback --plugin todo
  backend db rollback --plugin todo --to m20260101_000001_create_todos --yes";

/// Undo migrations.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = EXAMPLE)]
pub struct RollbackArgs {
    #[command(flatten)]
    pub plugins: PluginArgs,
    /// How many of each plugin, the newest first. Default: 1.
    #[arg(long, value_name = "N", conflicts_with = "to", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub steps: Option<usize>,
    /// All after this migration of the plugin. With one `--plugin`.
    #[arg(long, value_name = "VERSION")]
    pub to: Option<String>,
    #[command(flatten)]
    pub consent: Consent,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

pub(super) async fn run(args: &RollbackArgs, sites: &Sites) -> anyhow::Result<Outcome> {
    if let Some(message) = misuse(args) {
        let _ = report::usage(message);
        return Ok(Outcome::Misused);
    }
    if let Err(outcome) = args.consent.suits(sites.environment) {
        return Ok(outcome);
    }
    let looked = each(&sites.sites, "looking", applied).await;
    if tell_failures(&looked) == Outcome::Failed {
        return Ok(Outcome::Failed);
    }
    let mut wanted = Vec::new();
    for (site, (_, applied)) in sites.sites.iter().zip(looked) {
        match to_undo(args, applied?) {
            Ok(undone) => wanted.push((site.clone(), undone)),
            Err(message) => {
                let _ = report::usage(&format!("plugin `{}` {message}", site.plugin()));
                return Ok(Outcome::Misused);
            }
        }
    }
    wanted.retain(|(_, undone)| !undone.is_empty());
    if !wanted.is_empty() {
        report::note(&announced(&wanted));
        let word: Vec<_> = wanted.iter().map(|(site, _)| site.plugin().as_str()).collect();
        if let Err(outcome) = args.consent.ask(&word.join(" ")) {
            return Ok(outcome);
        }
    }
    let done = each(&sites.sites, "rolling back", async |site| {
        let Some((_, asked)) = wanted.iter().find(|(it, _)| it.plugin() == site.plugin()) else {
            return Ok(Vec::new());
        };
        let now = applied(site).await?;
        if !now.iter().rev().take(asked.len()).eq(asked) {
            bail!("others have migrated it in the meantime: nothing was undone");
        }
        Ok(site.migrator().roll_back(MigrationList::Plugin, asked.len()).await?)
    })
    .await;
    let lines = || done.iter().filter_map(|(plugin, done)| Some((plugin, done.as_ref().ok()?)));
    let machine = || {
        let plugins = lines().map(|(plugin, undone)| {
            let undone: Vec<_> = undone.iter().map(migration_json).collect();
            (plugin.to_string(), json!({ "undone": undone }))
        });
        json!({ "plugins": Map::<String, Value>::from_iter(plugins) })
    };
    let people = || {
        let lines = lines().map(|(plugin, undone)| match undone.is_empty() {
            true => format!("{plugin}: nothing to undo"),
            false => format!("{plugin}: undone{}", list(undone)),
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    show(args.json, machine, people);
    Ok(tell_failures(&done))
}

fn misuse(args: &RollbackArgs) -> Option<&'static str> {
    match (args.plugins.plugins.as_slice(), &args.to) {
        ([], _) => Some("say whose migrations are to be undone, by `--plugin`"),
        ([_], _) | (_, None) => None,
        (_, Some(_)) => Some("`--to` is a migration of one plugin: say which, by one `--plugin`"),
    }
}

/// The plugin's own, oldest first. No file is made for it.
async fn applied(site: &Site) -> anyhow::Result<Vec<MigrationId>> {
    if !site.exists().await? {
        return Ok(Vec::new());
    }
    let applied = site.migrator().applied().await?;
    Ok(applied.iter().filter_map(HistoryRow::id).filter(|it| it.list == MigrationList::Plugin).collect())
}

/// What is to be undone of what was applied, newest first; or what is wrong about it.
fn to_undo(args: &RollbackArgs, mut applied: Vec<MigrationId>) -> Result<Vec<MigrationId>, String> {
    applied.reverse();
    let count = match (&args.to, args.steps) {
        (Some(version), _) => applied.iter().position(|it| it.version == *version).ok_or_else(|| {
            let versions: Vec<_> = applied.iter().map(|it| it.version.as_str()).collect();
            match versions.is_empty() {
                true => "has no migration that was applied".to_owned(),
                false => format!("has not applied the migration `{version}`; {}", did_you_mean(version, &versions)),
            }
        })?,
        (None, Some(steps)) if steps > applied.len() => {
            let applied = applied.len();
            let plural = if applied == 1 { "" } else { "s" };
            return Err(format!("has applied {applied} migration{plural}: {steps} cannot be undone"));
        }
        (None, steps) => steps.unwrap_or(1),
    };
    applied.truncate(count);
    Ok(applied)
}

fn announced(wanted: &[(Site, Vec<MigrationId>)]) -> String {
    let plugins = wanted
        .iter()
        .map(|(site, undone)| format!("\n{} ({}):{}", site.plugin(), site.plan.info().location, list(undone)));
    format!("these are undone, with the data that is in what they made:{}", plugins.collect::<String>())
}

fn list(ids: &[MigrationId]) -> String {
    ids.iter().map(|it| format!("\n  {it}")).collect()
}
