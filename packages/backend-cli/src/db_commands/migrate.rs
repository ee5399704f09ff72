use backend_app_api::{MigrationId, MigrationList, MigrationReport};
use clap::Args;
use serde_json::{Map, Value, json};

use super::each::{each, tell_failures};
use super::outcome::{Outcome, show};
use super::sites::{PluginArgs, Sites, did_you_mean};
use crate::report;

const EXAMPLE: &str = "\
What a start would do, and whatever `backend.database.migrations` and `skipMigrations` say: it is for the job that \
migrates before backends start that only `verify` or `wait`. Databases that are not there are made, where they may be.

Examples:
  backend db migrate
  backend db migrate --plugin todo --to m20260101_000001_create_todos";

/// Apply migrations.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = EXAMPLE)]
pub struct MigrateArgs {
    #[command(flatten)]
    pub plugins: PluginArgs,
    /// Apply no further than up to this migration of the plugin. With one `--plugin`.
    #[arg(long, value_name = "VERSION")]
    pub to: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// What came of it for one plugin.
enum Came {
    InMemory,
    Migrated(MigrationReport),
}

pub(super) async fn run(args: &MigrateArgs, sites: &Sites) -> anyhow::Result<Outcome> {
    if let Some(version) = &args.to
        && let Some(message) = misuse(version, args, sites)
    {
        let _ = report::usage(&message);
        return Ok(Outcome::Misused);
    }
    let done = each(&sites.sites, "migrating", async |site| {
        if site.plan.info().ephemeral {
            return Ok(Came::InMemory);
        }
        site.provision().await?;
        let migrator = site.migrator();
        let report = match &args.to {
            Some(version) => migrator.run_to(version).await?,
            None => migrator.run().await?,
        };
        Ok(Came::Migrated(report))
    })
    .await;
    let lines = || done.iter().filter_map(|(plugin, done)| Some((plugin, done.as_ref().ok()?)));
    let machine = || {
        let plugins = lines().map(|(plugin, came)| (plugin.to_string(), came.json()));
        json!({ "plugins": Map::<String, Value>::from_iter(plugins) })
    };
    let people = || lines().map(|(plugin, came)| format!("{plugin}: {}", came.text())).collect::<Vec<_>>().join("\n");
    show(args.json, machine, people);
    for (plugin, came) in lines() {
        if let Came::Migrated(report) = came {
            report.warnings().iter().for_each(|it| report::note(&format!("warning: plugin `{plugin}`: {it}")));
        }
    }
    Ok(tell_failures(&done))
}

/// Why there is nothing that could be migrated to `version`.
fn misuse(version: &str, args: &MigrateArgs, sites: &Sites) -> Option<String> {
    let [site] = sites.sites.as_slice() else {
        return Some("`--to` is a migration of one plugin: say which, by one `--plugin`".to_owned());
    };
    if args.plugins.plugins.len() != 1 {
        return Some("`--to` is a migration of one plugin: say which, by one `--plugin`".to_owned());
    }
    let known = site.migrator().known();
    let own: Vec<_> =
        known.iter().filter(|it| it.list == MigrationList::Plugin).map(|it| it.version.as_str()).collect();
    let unknown = !own.contains(&version);
    unknown.then(|| format!("plugin `{}` has no migration `{version}`; {}", site.plugin(), did_you_mean(version, &own)))
}

impl Came {
    fn json(&self) -> Value {
        let list = |ids: &[MigrationId]| ids.iter().map(migration_json).collect::<Vec<_>>();
        match self {
            Self::InMemory => json!({ "applied": [], "pending": [], "ephemeral": true }),
            Self::Migrated(report) => {
                json!({ "applied": list(&report.applied), "pending": list(&report.pending), "ephemeral": false })
            }
        }
    }

    fn text(&self) -> String {
        let Self::Migrated(report) = self else { return "in memory, migrated by each start".to_owned() };
        let list = |ids: &[MigrationId]| ids.iter().map(|it| format!("\n  {it}")).collect::<String>();
        let applied = match report.applied.as_slice() {
            [] => "nothing to apply".to_owned(),
            applied => format!("applied{}", list(applied)),
        };
        match report.pending.as_slice() {
            [] => applied,
            pending => format!("{applied}\n  still pending:{}", list(pending).replace('\n', "\n  ")),
        }
    }
}

/// One migration, for machines.
pub(super) fn migration_json(id: &MigrationId) -> Value {
    json!({ "list": id.list.as_str(), "version": id.version })
}
