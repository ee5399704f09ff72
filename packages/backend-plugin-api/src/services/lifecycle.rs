use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::{PerPlugin, Result, Root, Service};

/// What a plugin wants done once it has started, and before the backend stops.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle(Hooks);

/// What a root service wants done once all plugins have started, and before the backend stops.
#[derive(Clone, Debug, Default)]
pub struct RootLifecycle(Hooks);

/// Something to be done, and what it is called in the log.
pub struct Hook {
    /// E.g. `close connections`.
    pub name: String,
    /// Does it.
    pub run: BoxFuture<'static, Result<()>>,
}

/// When a [`Hook`] runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// When all plugins (for a plugin: when it) have started.
    Startup,
    /// When the backend is told to stop, before anything stops. Root only.
    BeforeShutdown,
    /// When the backend stops.
    Shutdown,
}

#[derive(Clone, Default)]
struct Hooks(Arc<Mutex<Vec<(Stage, Hook)>>>);

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}

impl Hooks {
    fn add(&self, stage: Stage, name: &str, run: impl Future<Output = Result<()>> + Send + 'static) {
        let hook = Hook { name: name.to_owned(), run: run.boxed() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((stage, hook));
    }

    fn take(&self, stage: Stage) -> Vec<Hook> {
        let mut hooks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hooks.extract_if(.., |(at, _)| *at == stage).map(|(_, hook)| hook).collect()
    }
}

impl Lifecycle {
    /// Runs when the plugin has started. A failure is logged.
    pub fn add_startup_hook(&self, name: &str, run: impl Future<Output = Result<()>> + Send + 'static) {
        self.0.add(Stage::Startup, name, run);
    }

    /// Runs when the backend stops: after the last request was answered, before databases close.
    /// It has `backend.lifecycle.shutdownTimeout`; a failure is logged.
    pub fn add_shutdown_hook(&self, name: &str, run: impl Future<Output = Result<()>> + Send + 'static) {
        self.0.add(Stage::Shutdown, name, run);
    }

    /// For the container: the hooks of a stage, in the order added, each given out once.
    pub fn take(&self, stage: Stage) -> Vec<Hook> {
        self.0.take(stage)
    }
}

impl RootLifecycle {
    /// Runs when all plugins have started. A failure is logged.
    pub fn add_startup_hook(&self, name: &str, run: impl Future<Output = Result<()>> + Send + 'static) {
        self.0.add(Stage::Startup, name, run);
    }

    /// Runs first of all when the backend is told to stop, while everything still works.
    /// Backstage: `RootLifecycleService.addBeforeShutdownHook`.
    pub fn add_before_shutdown_hook(&self, name: &str, run: impl Future<Output = Result<()>> + Send + 'static) {
        self.0.add(Stage::BeforeShutdown, name, run);
    }

    /// Runs after the plugins' shutdown hooks, the last one added first.
    pub fn add_shutdown_hook(&self, name: &str, run: impl Future<Output = Result<()>> + Send + 'static) {
        self.0.add(Stage::Shutdown, name, run);
    }

    /// For the container: the hooks of a stage, in the order added, each given out once.
    pub fn take(&self, stage: Stage) -> Vec<Hook> {
        self.0.take(stage)
    }
}

impl Service for Lifecycle {
    type Scope = PerPlugin;
    const ID: &'static str = "core.lifecycle";
}

impl Service for RootLifecycle {
    type Scope = Root;
    const ID: &'static str = "core.root-lifecycle";
}
