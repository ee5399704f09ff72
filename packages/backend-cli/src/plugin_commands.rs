//! `backend plugin ...`: what the backend was built with.

use std::fmt::Write as _;
use std::process::ExitCode;

use backend_app_api::{Backend, CheckOptions, PluginDescription, Wired};
use backend_defaults::database::{DatabaseConfig, LibpqEnvironment};
use backend_plugin_api::services::HttpRouter;
use backend_plugin_api::services::database::DatabaseInfo;
use backend_plugin_api::{Section, Service};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::args::ConfigArgs;
use crate::config_commands::put;
use crate::load::{self, Checked};
use crate::report;

const EXAMPLE: &str = "\
Nothing is opened: databases are as the config says.

Example:
  backend plugin list
  backend plugin list --json | jq -r '.plugins[] | [.id, .version] | @tsv'";

/// What to do about plugins.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum PluginCommand {
    /// Show each plugin: its version, database, routes, modules, services and migrations.
    List(ListArgs),
}

/// How to show them.
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq)]
#[command(after_help = EXAMPLE)]
pub struct ListArgs {
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// A plugin, and where the config puts its data.
struct Entry {
    plugin: PluginDescription,
    database: Option<DatabaseInfo>,
}

/// Runs one of the commands.
pub(crate) fn run(
    PluginCommand::List(args): &PluginCommand,
    sources: &ConfigArgs,
    add_plugins: impl FnOnce(Backend) -> Backend,
) -> ExitCode {
    let Checked { wired, .. } = match load::check(sources, CheckOptions::default(), add_plugins) {
        Ok(checked) => checked,
        Err(code) => return code,
    };
    match entries(&wired) {
        Ok(entries) if args.json => put(&format!("{:#}", machine(&entries))),
        Ok(entries) => put(&people(&entries)),
        Err(error) => report::failure(&format!("{error:#}")),
    }
}

fn entries(wired: &Wired) -> anyhow::Result<Vec<Entry>> {
    let databases: DatabaseConfig = wired.config().read(DatabaseConfig::KEY)?;
    let environment = LibpqEnvironment::of_process();
    let entry = |plugin: PluginDescription| {
        // The check has told all mistakes.
        let plan = plugin.has_database.then(|| databases.plan(plugin.id, &environment).ok()).flatten();
        Entry { database: plan.map(|it| it.info()), plugin }
    };
    Ok(wired.describe().into_iter().map(entry).collect())
}

impl Entry {
    fn routes(&self) -> Option<String> {
        self.plugin.services.contains(HttpRouter::ID).then(|| format!("/api/{}", self.plugin.id))
    }
}

fn machine(entries: &[Entry]) -> Value {
    let plugins = entries.iter().map(|entry| {
        let Entry { plugin, database } = entry;
        json!({
            "id": plugin.id.as_str(),
            "version": plugin.version,
            "database": database.as_ref().map(|it| json!({ "client": it.client, "location": it.location })),
            "routes": entry.routes().into_iter().collect::<Vec<_>>(),
            "modules": plugin.modules,
            "services": plugin.services,
            "migrations": plugin.migrations,
        })
    });
    json!({ "plugins": plugins.collect::<Vec<_>>() })
}

fn people(entries: &[Entry]) -> String {
    let mut text = String::new();
    for entry in entries {
        let Entry { plugin, database } = entry;
        let version = plugin.version.map(|it| format!(" {it}")).unwrap_or_default();
        let database = database.as_ref().map(|it| format!("{}, {}", it.client, it.location));
        let services: Vec<_> = plugin.services.iter().copied().collect();
        let migrations: Vec<_> = plugin.migrations.iter().map(String::as_str).collect();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}{version}", plugin.id);
        let mut line = |name: &str, what: &str| {
            let what = if what.is_empty() { "none" } else { what };
            let _ = writeln!(text, "  {name:<10}  {what}");
        };
        line("database", &database.unwrap_or_default());
        line("routes", &entry.routes().unwrap_or_default());
        line("modules", &plugin.modules.join(", "));
        line("services", &services.join(", "));
        line("migrations", &migrations.join(", "));
        text.push('\n');
    }
    text
}
