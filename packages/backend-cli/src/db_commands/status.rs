use std::process::ExitCode;

use backend_app_api::{Backend, CheckOptions};
use backend_defaults::database::{DatabaseConfig, LibpqEnvironment};
use backend_defaults::http::config::{HttpsConfig, ListenConfig};
use backend_plugin_api::{PluginId, Section};
use clap::Args;
use config::Config;

use super::live;
use super::report::{Live, Report};
use crate::args::ConfigArgs;
use crate::config_commands::put;
use crate::load::Checked;
use crate::{load, report};

const EXAMPLE: &str = "\
Connections are asked of the backend that runs where `backend.listen` says; without one, the config alone is shown.

Example:
  backend db status --plugin catalog --json | jq .plugins.catalog.pool";

/// What to show, and how.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = EXAMPLE)]
pub struct StatusArgs {
    /// Of this plugin alone.
    #[arg(long, value_name = "ID")]
    pub plugin: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &StatusArgs, sources: &ConfigArgs, add_plugins: impl FnOnce(Backend) -> Backend) -> ExitCode {
    let Checked { wired, .. } = match load::check(sources, CheckOptions::default(), add_plugins) {
        Ok(checked) => checked,
        Err(code) => return code,
    };
    let plugins = wired.plugins_with_database();
    if let Some(id) = args.plugin.as_ref().filter(|id| !plugins.iter().any(|it| it.as_str() == *id)) {
        return report::failure(&no_such(id, &plugins));
    }
    match of(wired.config(), &plugins, args.plugin.clone()) {
        Ok(report) if args.json => put(&format!("{:#}", report.json())),
        Ok(report) => put(&report.text()),
        Err(error) => report::failure(&format!("{error:#}")),
    }
}

fn of(config: &Config, plugins: &[PluginId], only: Option<String>) -> anyhow::Result<Report> {
    let (listen, https): (ListenConfig, HttpsConfig) =
        (config.read(ListenConfig::KEY)?, config.read(HttpsConfig::KEY)?);
    let databases: DatabaseConfig = config.read(DatabaseConfig::KEY)?;
    let environment = LibpqEnvironment::of_process();
    // The check has told all mistakes.
    let plans = plugins.iter().filter_map(|it| databases.plan(*it, &environment).ok()).collect();
    let live = match live::address(&listen, &https) {
        None => Live::Unknown,
        Some(address) => match live::readiness(&address) {
            Ok(readiness) => Live::Answers { address, readiness },
            Err(error) => Live::Silent { address, cause: format!("{error:#}") },
        },
    };
    Ok(Report { plans, only, live })
}

fn no_such(id: &str, plugins: &[PluginId]) -> String {
    let ids: Vec<_> = plugins.iter().map(|it| format!("`{it}`")).collect();
    format!("there is no plugin `{id}` with a database; there are {}", ids.join(", "))
}
