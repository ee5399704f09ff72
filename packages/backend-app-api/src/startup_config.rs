use std::collections::BTreeMap;

use backend_plugin_api::{CheckContext, ConfigError, PluginId, Section};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sections::did_you_mean;

/// Which plugins and modules the backend may start without.
///
/// Backstage: `backend.startup` of `@backstage/backend-app-api`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct StartupConfig {
    /// For plugins and modules that have no entry of their own.
    pub default: DefaultStartup,
    /// By plugin id.
    pub plugins: BTreeMap<String, PluginStartup>,
}

/// `backend.startup.default`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct DefaultStartup {
    /// What becomes of the backend when a plugin does not start.
    pub on_plugin_boot_failure: OnFailure,
    /// What becomes of the backend when a module does not start.
    pub on_plugin_module_boot_failure: OnFailure,
}

/// `backend.startup.plugins.<id>`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PluginStartup {
    /// Without it, as `backend.startup.default` says.
    pub on_plugin_boot_failure: Option<OnFailure>,
    /// By module id.
    pub modules: BTreeMap<String, ModuleStartup>,
}

/// `backend.startup.plugins.<id>.modules.<id>`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ModuleStartup {
    /// Without it, as `backend.startup.default` says.
    pub on_plugin_module_boot_failure: Option<OnFailure>,
}

/// What becomes of the backend when one of its parts does not start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// It stops.
    #[default]
    Abort,
    /// It runs without that part.
    Continue,
}

impl Section for StartupConfig {
    const KEY: &'static str = "backend.startup";

    fn check(&self, cx: &CheckContext<'_>) -> Vec<ConfigError> {
        let ids: Vec<_> = cx.plugins.iter().map(|it| it.as_str()).collect();
        let mut errors = Vec::new();
        for (plugin, startup) in &self.plugins {
            let key = format!("{}.plugins.{plugin}", Self::KEY);
            if !ids.contains(&plugin.as_str()) {
                let message = format!("this backend has no plugin `{plugin}`{}", did_you_mean(plugin, ids.clone()));
                errors.push(cx.config.error(&key, message));
                continue;
            }
            let own = cx.modules.iter().filter(|(extends, _)| extends.as_str() == plugin).map(|(_, module)| *module);
            for module in startup.modules.keys().filter(|module| !own.clone().any(|it| it == module.as_str())) {
                let near = did_you_mean(module, own.clone());
                let message = format!("plugin `{plugin}` has no module `{module}`{near}");
                errors.push(cx.config.error(&format!("{key}.modules.{module}"), message));
            }
        }
        errors
    }
}

impl StartupConfig {
    pub(crate) fn on_plugin_failure(&self, plugin: PluginId) -> OnFailure {
        let own = self.plugins.get(plugin.as_str()).and_then(|it| it.on_plugin_boot_failure);
        own.unwrap_or(self.default.on_plugin_boot_failure)
    }

    pub(crate) fn on_module_failure(&self, plugin: PluginId, module: &str) -> OnFailure {
        let own = self.plugins.get(plugin.as_str()).and_then(|it| it.modules.get(module));
        own.and_then(|it| it.on_plugin_module_boot_failure).unwrap_or(self.default.on_plugin_module_boot_failure)
    }
}
