//! What every command begins with: the plugins that it is about, and their databases.

use std::process::ExitCode;

use backend_app_api::{Backend, CheckOptions};
use backend_defaults::database::{DatabaseConfig, DatabaseManager, Environment, LibpqEnvironment};
use backend_plugin_api::{PluginId, Section};
use clap::Args;
use config::Config;
use database_tools::Site;
use futures::future::join_all;

use crate::args::ConfigArgs;
use crate::load::{self, Checked};
use crate::report;

/// Which plugins.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginArgs {
    /// This plugin alone. Repeatable.
    #[arg(long = "plugin", value_name = "ID")]
    pub plugins: Vec<String>,
}

/// The databases that a command is about.
pub(super) struct Sites {
    /// Of the plugins asked for, in the order they were added to the backend.
    pub(super) sites: Vec<Site>,
    /// All plugins with a database.
    pub(super) installed: Vec<PluginId>,
    pub(super) config: Config,
    pub(super) databases: DatabaseConfig,
    pub(super) environment: Environment,
}

impl Sites {
    /// Opens nothing. What is wrong has been told.
    pub(super) fn load(
        sources: &ConfigArgs,
        only: &PluginArgs,
        add_plugins: impl FnOnce(Backend) -> Backend,
    ) -> Result<Self, ExitCode> {
        let Checked { wired, .. } = load::check(sources, CheckOptions::default(), add_plugins)?;
        let installed = wired.plugins_with_database();
        if let Some(message) = only.unknown(&installed) {
            return Err(report::usage(&message));
        }
        let config = wired.config().clone();
        let databases: DatabaseConfig =
            config.read(DatabaseConfig::KEY).map_err(|error| report::failure(&error.to_string()))?;
        let environment = LibpqEnvironment::of_process();
        let manager = DatabaseManager::new(databases.clone(), environment.clone());
        let wanted = installed.iter().filter(|it| only.has(**it));
        // The check has told all mistakes.
        let plans = wanted.filter_map(|it| Some((databases.plan(*it, &environment).ok()?, wired.migrations(*it)?)));
        let sites = plans.map(|(plan, migrations)| Site::new(plan, migrations, &manager)).collect();
        let environment = Environment::from_backstage_env(load::env("BACKSTAGE_ENV").as_deref());
        Ok(Self { sites, installed, config, databases, environment })
    }

    /// Closes what was opened.
    pub(super) async fn close(&self) {
        join_all(self.sites.iter().map(Site::close)).await;
    }
}

impl PluginArgs {
    fn has(&self, plugin: PluginId) -> bool {
        self.plugins.is_empty() || self.plugins.iter().any(|it| it == plugin.as_str())
    }

    /// What to say of the first that there is not.
    fn unknown(&self, plugins: &[PluginId]) -> Option<String> {
        let id = self.plugins.iter().find(|id| !plugins.iter().any(|it| it.as_str() == id.as_str()))?;
        let ids: Vec<_> = plugins.iter().map(|it| it.as_str()).collect();
        Some(format!("there is no plugin `{id}` with a database; {}", did_you_mean(id, &ids)))
    }
}

/// What may have been meant, or all that there are.
pub(super) fn did_you_mean(name: &str, known: &[&str]) -> String {
    let near = known.iter().map(|it| (strsim::damerau_levenshtein(it, name), it));
    match near.min().filter(|(distance, _)| *distance <= 2) {
        Some((_, near)) => format!("did you mean `{near}`?"),
        None => {
            let names: Vec<_> = known.iter().map(|it| format!("`{it}`")).collect();
            format!("there are {}", names.join(", "))
        }
    }
}
