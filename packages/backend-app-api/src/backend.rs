use backend_plugin_api::host::{ConfigNeed, Factory, ModuleFeature, PluginFeature};
use backend_plugin_api::{CheckContext, ConfigError, Migrations, Module, Plugin, PluginId, Section, ServiceFactory};
use config::Config;
use serde_json::{Value, json};

use crate::builtin::{LifecycleFactory, RootLifecycleFactory};
use crate::{LifecycleConfig, StartupConfig};

/// Everything that was added, neither checked nor started.
pub struct Backend {
    pub(crate) config: Config,
    pub(crate) factories: Vec<Factory>,
    pub(crate) plugins: Vec<PluginFeature>,
    pub(crate) modules: Vec<ModuleFeature>,
    pub(crate) sections: Vec<ConfigNeed>,
    pub(crate) config_checks: Vec<ConfigCheck>,
    /// What the schema says of keys that nothing here reads.
    pub(crate) described: Vec<(&'static str, Value)>,
    pub(crate) host_migrations: fn(PluginId) -> Migrations,
}

pub(crate) type ConfigCheck = Box<dyn Fn(&CheckContext<'_>) -> Vec<ConfigError> + Send>;

impl Backend {
    /// A backend without the core services. See `backend_defaults::backend`.
    pub fn new(config: Config) -> Self {
        let backend = Self {
            config,
            factories: Vec::new(),
            plugins: Vec::new(),
            modules: Vec::new(),
            sections: Vec::new(),
            config_checks: Vec::new(),
            described: Vec::new(),
            host_migrations: |_| Vec::new(),
        };
        backend
            .section::<StartupConfig>()
            .section::<LifecycleConfig>()
            .service(LifecycleFactory)
            .service(RootLifecycleFactory)
    }

    /// Adds a service, or replaces it: the last factory wins.
    #[must_use]
    pub fn service<F: ServiceFactory>(mut self, factory: F) -> Self {
        let factory = Factory::new(factory);
        self.factories.retain(|other| other.service.type_id != factory.service.type_id);
        self.factories.push(factory);
        self
    }

    /// Adds a plugin.
    #[must_use]
    pub fn plugin<P: Plugin>(mut self, plugin: P) -> Self {
        self.plugins.push(PluginFeature::new(plugin));
        self
    }

    /// Adds a module. Modules of one plugin run in the order they were added.
    #[must_use]
    pub fn module<M: Module>(mut self, module: M) -> Self {
        self.modules.push(ModuleFeature::new(module));
        self
    }

    /// Applies a bundle: a function that adds several things, perhaps by what config says.
    #[must_use]
    pub fn with(self, bundle: impl FnOnce(Self) -> Self) -> Self {
        bundle(self)
    }

    /// Has a config section checked that is read outside of services, such as the log's.
    #[must_use]
    pub fn section<T: Section>(mut self) -> Self {
        self.sections.push(ConfigNeed::of_section::<T>());
        self
    }

    /// Adds a check of the config that is more than one section's. It opens nothing.
    #[must_use]
    pub fn config_check(mut self, check: impl Fn(&CheckContext<'_>) -> Vec<ConfigError> + Send + 'static) -> Self {
        self.config_checks.push(Box::new(check));
        self
    }

    /// Lets a key of the config be there that nothing here reads, with a warning. `reason` completes
    /// "`key` has no effect: ".
    #[must_use]
    pub fn unused_key(self, key: &'static str, reason: &'static str) -> Self {
        self.described_key(key, json!({ "unused": reason }))
    }

    /// Lets a key of the config be there that others read, such as the frontend. `schema` is a JSON schema.
    #[must_use]
    pub fn described_key(mut self, key: &'static str, schema: Value) -> Self {
        self.described.push((key, schema));
        self
    }

    /// The tables that the host keeps in each plugin's database; applied before the plugin's own.
    #[must_use]
    pub fn host_migrations(mut self, migrations: fn(PluginId) -> Migrations) -> Self {
        self.host_migrations = migrations;
        self
    }

    /// The config, for bundles.
    pub fn config(&self) -> &Config {
        &self.config
    }
}
