//! The checks that need no running: they read only what was declared, and the config.

use std::any::TypeId;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use backend_plugin_api::host::{Factory, ModuleFeature, PluginFeature, Resolve as _};
use backend_plugin_api::services::Database;
use backend_plugin_api::{Migrations, Needs, PluginId, Section};
use config::{Config, ConfigErrors};

use crate::builtin::StatusFactory;
use crate::container::Container;
use crate::graph::{add_defaults, find_cycle};
use crate::migrations::PluginMigrations;
use crate::sections::{ConfigChecker, needs, schema};
use crate::{Backend, CheckOptions, ConfigSchema, ConfigWarning, LifecycleConfig, StartupConfig, Status};

/// A backend whose parts fit together.
pub struct Wired {
    pub(crate) container: Arc<Container>,
    pub(crate) plugins: Vec<PluginFeature>,
    pub(crate) modules: Vec<ModuleFeature>,
    pub(crate) host_migrations: fn(PluginId) -> Migrations,
    pub(crate) status: Status,
    pub(crate) startup: StartupConfig,
    pub(crate) lifecycle: LifecycleConfig,
    warnings: Vec<ConfigWarning>,
    checker: Option<ConfigChecker>,
}

impl Wired {
    /// What does not keep the backend from starting but should be known.
    pub fn warnings(&self) -> &[ConfigWarning] {
        &self.warnings
    }

    /// The config. It shows nothing that the schema says is secret.
    pub fn config(&self) -> &Config {
        self.container.config()
    }

    /// The plugins that get a database, in the order they were added.
    pub fn plugins_with_database(&self) -> Vec<PluginId> {
        let modules = |id: PluginId| self.modules.iter().filter(move |it| it.extends.plugin == id);
        let plugins = self.plugins.iter();
        let with = plugins.filter(|it| needs_database(&it.needs) || modules(it.id).any(|it| needs_database(&it.needs)));
        with.map(|it| it.id).collect()
    }

    /// What makes the tables of `plugin`, if it is there.
    pub fn migrations(&self, plugin: PluginId) -> Option<PluginMigrations> {
        let found = self.plugins.iter().find(|it| it.id == plugin)?;
        let (host, own, extensions) = (self.host_migrations, found.migrations, found.database_extensions);
        Some(PluginMigrations { plugin, host, own, extensions })
    }

    /// What checked the config, for when it changes.
    pub fn take_checker(&mut self) -> Option<ConfigChecker> {
        self.checker.take()
    }
}

/// One way in which the parts do not fit.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum WiringError {
    /// Two plugins with one id.
    #[error("plugin `{0}` was added twice")]
    DuplicatePlugin(PluginId),
    /// Two modules of one plugin with one id.
    #[error("module `{module}` of plugin `{plugin}` was added twice")]
    DuplicateModule {
        /// See [`Module::ID`](backend_plugin_api::Module::ID).
        module: &'static str,
        /// Whose.
        plugin: PluginId,
    },
    /// No factory, and no default.
    #[error("nothing provides service `{service}`, needed by {needed_by}")]
    MissingService {
        /// See [`Service::ID`](backend_plugin_api::Service::ID).
        service: &'static str,
        /// All that asked for it.
        needed_by: String,
    },
    /// `a -> b -> a`.
    #[error("services need each other in a circle: {}", .0.join(" -> "))]
    Cycle(Vec<&'static str>),
    /// A module whose plugin is not there.
    #[error("module `{module}` extends `{extension}`, but plugin `{plugin}` is not there to take it")]
    NothingToExtend {
        /// See [`Module::ID`](backend_plugin_api::Module::ID).
        module: &'static str,
        /// See [`ExtensionPoint::ID`](backend_plugin_api::ExtensionPoint::ID).
        extension: &'static str,
        /// Its owner.
        plugin: PluginId,
    },
    /// A plugin that takes what was added to another.
    #[error("plugin `{plugin}` takes `{extension}`, which belongs to plugin `{owner}`")]
    ForeignExtensionPoint {
        /// Who takes it.
        plugin: PluginId,
        /// See [`ExtensionPoint::ID`](backend_plugin_api::ExtensionPoint::ID).
        extension: &'static str,
        /// Whose it is.
        owner: PluginId,
    },
    /// Migrations and nowhere to apply them.
    #[error("plugin `{0}` has migrations but does not ask for `Database`")]
    MigrationsWithoutDatabase(PluginId),
}

/// Every mistake there is, in the wiring and in the config.
#[derive(Debug)]
pub struct CheckErrors {
    /// The backend's: for who wrote it.
    pub wiring: Vec<WiringError>,
    /// The config's: for who runs it.
    pub config: ConfigErrors,
    /// What would not have kept it from starting.
    pub warnings: Vec<ConfigWarning>,
}

impl std::error::Error for CheckErrors {}

impl fmt::Display for CheckErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the backend cannot start:")?;
        self.wiring.iter().try_for_each(|error| write!(f, "\n  - {error}"))?;
        self.config.iter().try_for_each(|error| write!(f, "\n  - {error}"))?;
        self.warnings.iter().try_for_each(|warning| write!(f, "\n  - warning: {warning}"))
    }
}

impl From<ConfigErrors> for CheckErrors {
    fn from(config: ConfigErrors) -> Self {
        Self { wiring: Vec::new(), config, warnings: Vec::new() }
    }
}

impl Backend {
    /// Checks that the parts fit, to each other and to the config. Opens nothing, so it is safe
    /// anywhere.
    ///
    /// # Errors
    /// Every mistake there is.
    pub fn check(self) -> Result<Wired, CheckErrors> {
        self.check_with(CheckOptions::default())
    }

    /// What the config may have: the sections of all that was added.
    pub fn schema(&self) -> ConfigSchema {
        let (factories, _) = self.all_factories(&Status::new([]));
        schema(self, &needs(self, factories.values()))
    }

    /// The factories that were added and those that are there by default, and what neither provides.
    fn all_factories(&self, status: &Status) -> (HashMap<TypeId, Factory>, Vec<WiringError>) {
        let status = Factory::new(StatusFactory(status.clone()));
        let mut factories = self.factories.iter().chain([&status]).map(|it| (it.service.type_id, it.clone())).collect();
        let missing = add_defaults(&mut factories, &self.plugins, &self.modules);
        (factories, missing)
    }

    /// As [`check`](Self::check), more or less strictly.
    ///
    /// # Errors
    /// Every mistake there is.
    pub fn check_with(mut self, options: CheckOptions) -> Result<Wired, CheckErrors> {
        let mut wiring = plugin_errors(&self.plugins);
        wiring.extend(module_errors(&self.plugins, &self.modules));
        let status = Status::new(self.plugins.iter().map(|it| it.id));
        let (factories, missing) = self.all_factories(&status);
        wiring.extend(missing);
        wiring.extend(find_cycle(&factories).map(WiringError::Cycle));
        wiring.sort();

        let checker = ConfigChecker::new(&mut self, factories.values());
        self.config = self.config.with_secret_keys(checker.schema().secret_keys().iter().map(String::as_str));
        let checked = checker.check_with(&self.config, options);
        if !wiring.is_empty() || !checked.errors.is_empty() {
            return Err(CheckErrors { wiring, config: checked.errors.into(), warnings: checked.warnings });
        }
        let startup = self.config.read(StartupConfig::KEY)?;
        let lifecycle = self.config.read(LifecycleConfig::KEY)?;
        let container = Arc::new(Container::new(self.config, factories, &self.plugins));
        let Self { plugins, modules, host_migrations, .. } = self;
        Ok(Wired {
            container,
            plugins,
            modules,
            host_migrations,
            status,
            startup,
            lifecycle,
            warnings: checked.warnings,
            checker: Some(checker),
        })
    }
}

fn plugin_errors(plugins: &[PluginFeature]) -> Vec<WiringError> {
    let mut errors = Vec::new();
    let mut seen = HashSet::new();
    for plugin in plugins {
        if !seen.insert(plugin.id) {
            errors.push(WiringError::DuplicatePlugin(plugin.id));
            continue;
        }
        for extension in plugin.needs.extensions().iter().filter(|it| it.plugin != plugin.id) {
            errors.push(WiringError::ForeignExtensionPoint {
                plugin: plugin.id,
                extension: extension.id,
                owner: extension.plugin,
            });
        }
        if !needs_database(&plugin.needs) && !(plugin.migrations)().is_empty() {
            errors.push(WiringError::MigrationsWithoutDatabase(plugin.id));
        }
    }
    errors
}

pub(crate) fn needs_database(needs: &Needs) -> bool {
    needs.services().iter().any(|it| it.type_id == TypeId::of::<Database>())
}

fn module_errors(plugins: &[PluginFeature], modules: &[ModuleFeature]) -> Vec<WiringError> {
    let taken: HashSet<TypeId> = plugins.iter().flat_map(|it| it.needs.extensions()).map(|it| it.type_id).collect();
    let mut seen = HashSet::new();
    let mut errors = Vec::new();
    for module in modules {
        let plugin = module.extends.plugin;
        if !seen.insert((plugin, module.id)) {
            errors.push(WiringError::DuplicateModule { module: module.id, plugin });
        } else if !taken.contains(&module.extends.type_id) {
            errors.push(WiringError::NothingToExtend { module: module.id, extension: module.extends.id, plugin });
        }
    }
    errors
}
