use std::collections::BTreeSet;

use crate::Wired;
use crate::check::needs_database;
use backend_plugin_api::PluginId;

/// What a plugin is, as it was compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginDescription {
    /// See [`Plugin::ID`](backend_plugin_api::Plugin::ID).
    pub id: PluginId,
    /// See [`Plugin::VERSION`](backend_plugin_api::Plugin::VERSION).
    pub version: Option<&'static str>,
    /// What extends it, in the order they were added.
    pub modules: Vec<&'static str>,
    /// What it and its modules ask for, by [`Service::ID`](backend_plugin_api::Service::ID).
    pub services: BTreeSet<&'static str>,
    /// Whether it gets a database.
    pub has_database: bool,
    /// Its own, oldest first; not the host's, which every plugin with a database has.
    pub migrations: Vec<String>,
}

impl Wired {
    /// What each plugin is, in the order they were added.
    pub fn describe(&self) -> Vec<PluginDescription> {
        let plugins = self.plugins.iter().map(|plugin| {
            let modules: Vec<_> = self.modules.iter().filter(|it| it.extends.plugin == plugin.id).collect();
            let needs = || modules.iter().map(|it| &it.needs).chain([&plugin.needs]);
            PluginDescription {
                id: plugin.id,
                version: plugin.version,
                modules: modules.iter().map(|it| it.id).collect(),
                services: needs().flat_map(|it| it.services()).map(|it| it.id).collect(),
                has_database: needs().any(needs_database),
                migrations: (plugin.migrations)().iter().map(|it| it.name().to_owned()).collect(),
            }
        });
        plugins.collect()
    }
}
