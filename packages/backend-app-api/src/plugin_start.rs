//! The start of one plugin.

use std::sync::Arc;

use anyhow::Context as _;
use backend_plugin_api::host::{ModuleFeature, PluginFeature, Resolve};
use backend_plugin_api::services::lifecycle::Stage;
use backend_plugin_api::services::{Database, Lifecycle};
use backend_plugin_api::{Migrations, PluginId, Result};

use crate::check::needs_database;
use crate::container::{Container, catch_panic};
use crate::shutdown::run_hook;
use crate::{Migrator, OnFailure, PluginState, StartupConfig, Status, Step};

/// What each plugin's start needs of the backend.
#[derive(Clone)]
pub(crate) struct PluginStart {
    pub(crate) container: Arc<Container>,
    pub(crate) status: Status,
    pub(crate) startup: Arc<StartupConfig>,
    pub(crate) host_migrations: fn(PluginId) -> Migrations,
}

impl PluginStart {
    /// Database, migrations, modules in the order they were added, then the plugin itself.
    pub(crate) async fn run(self, plugin: PluginFeature, modules: Vec<ModuleFeature>) -> Result<()> {
        let id = plugin.id;
        let needs_database = needs_database(&plugin.needs) || modules.iter().any(|it| needs_database(&it.needs));
        if needs_database {
            self.provision(id, plugin.database_extensions, plugin.migrations).await?;
        }
        for module in modules {
            self.start_module(id, module).await?;
        }
        self.step(id, Step::Init);
        catch_panic((plugin.init)(self.container.plugin(id))).await?;
        self.status.set_plugin(id, PluginState::Ready);
        self.run_startup_hooks(id).await
    }

    fn step(&self, plugin: PluginId, step: Step) {
        self.status.set_plugin(plugin, PluginState::Starting(step));
    }

    async fn provision(&self, plugin: PluginId, extensions: &[&str], migrations: fn() -> Migrations) -> Result<()> {
        self.step(plugin, Step::Database);
        let database = self.container.plugin(plugin).get::<Database>().await?;
        self.status.add_database(plugin, database.clone());
        database.provision(extensions).await?;
        self.step(plugin, Step::Migrations);
        let report = catch_panic(async {
            let migrator = Migrator::new(plugin, database, (self.host_migrations)(plugin), migrations());
            Ok(migrator.start(|report| self.status.set_migrations(plugin, report.clone())).await?)
        });
        let report = report.await.context("bringing its database up to date")?;
        for warning in report.warnings() {
            tracing::warn!(plugin = plugin.as_str(), "{warning}");
        }
        Ok(())
    }

    async fn start_module(&self, plugin: PluginId, module: ModuleFeature) -> Result<()> {
        self.step(plugin, Step::Module(module.id));
        let point = module.extends;
        let mut extensions = self.container.take_extensions(point.type_id).context("the extension point was taken")?;
        let started = catch_panic((module.init)(&mut *extensions, self.container.plugin(plugin))).await;
        (point.added_by)(&mut *extensions, module.id);
        self.container.put_extensions(point.type_id, extensions);
        match started {
            Err(error) if self.startup.on_module_failure(plugin, module.id) == OnFailure::Continue => {
                tracing::warn!(
                    module = module.id,
                    "module `{}` did not start, going on without it: {error:#}",
                    module.id
                );
                Ok(())
            }
            started => started.with_context(|| format!("starting module `{}`", module.id)),
        }
    }

    async fn run_startup_hooks(&self, plugin: PluginId) -> Result<()> {
        let lifecycle = self.container.plugin(plugin).get::<Lifecycle>().await?;
        for hook in lifecycle.take(Stage::Startup) {
            run_hook(hook, None).await;
        }
        Ok(())
    }
}
