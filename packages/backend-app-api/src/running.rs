use std::sync::Arc;

use anyhow::anyhow;
use backend_plugin_api::{PerPlugin, PluginId, Result, Root, Service};
use tokio::task::JoinHandle;

use crate::container::Container;
use crate::shutdown::Shutdown;
use crate::{Failure, LifecycleConfig, StartupError, Status};

/// A backend that starts or has started.
pub struct Running {
    pub(crate) container: Arc<Container>,
    pub(crate) status: Status,
    pub(crate) plugins: Vec<PluginId>,
    pub(crate) lifecycle: LifecycleConfig,
    pub(crate) boot: Option<JoinHandle<Result<(), StartupError>>>,
}

impl Running {
    /// Waits until all plugins have started.
    ///
    /// # Errors
    /// When a part did not start that the backend may not run without
    /// (`backend.startup.*.onPluginBootFailure`). What has started still runs: see
    /// [`Running::shutdown`].
    pub async fn started(&mut self) -> Result<(), StartupError> {
        let Some(boot) = self.boot.as_mut() else { return Ok(()) };
        let booted = boot.await;
        self.boot = None;
        booted.unwrap_or_else(|error| {
            Err(StartupError(vec![Failure { part: "the start itself".to_owned(), error: anyhow!(error) }]))
        })
    }

    /// How far each plugin is.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Its plugins, in the order they were added.
    pub fn plugins(&self) -> &[PluginId] {
        &self.plugins
    }

    /// A service as `plugin` sees it.
    ///
    /// # Errors
    /// When it could not be made.
    pub async fn get<T: Service<Scope = PerPlugin>>(&self, plugin: PluginId) -> Result<T> {
        self.container.plugin(plugin).get().await
    }

    /// A root service.
    ///
    /// # Errors
    /// When it could not be made.
    pub async fn get_root<T: Service<Scope = Root>>(&self) -> Result<T> {
        self.container.root().get().await
    }

    /// Stops, also when it is still starting: root before-shutdown hooks (readiness turns 503, the
    /// server drains), plugins' shutdown hooks, root services, databases. Each step has
    /// `backend.lifecycle.shutdownTimeout`.
    pub async fn shutdown(self) {
        if let Some(boot) = self.boot {
            boot.abort();
        }
        let Self { container, status, plugins, lifecycle, .. } = self;
        Shutdown { container, status, plugins, lifecycle }.run().await;
    }
}
