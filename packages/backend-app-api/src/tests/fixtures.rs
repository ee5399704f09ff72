use std::future::pending;
use std::sync::{Arc, Mutex};

use backend_plugin_api::services::Lifecycle;
use backend_plugin_api::{Additions, ExtensionPoint, Extensions, Module, Plugin, PluginId, Result};
use config::Config;
use serde_json::Value;

use crate::{Backend, Running};

pub(super) fn backend(config: Value) -> Backend {
    Backend::new(Config::from_json(config))
}

pub(super) async fn started(backend: Backend) -> Running {
    let mut running = backend.check().unwrap().start();
    running.started().await.unwrap();
    running
}

/// What happened, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(super) fn push(&self, event: impl Into<String>) {
        self.0.lock().unwrap().push(event.into());
    }

    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// A plugin that does what its function does.
pub(super) struct Does<const ID: char>(pub(super) fn() -> Result<()>);

impl<const C: char> Plugin for Does<C> {
    const ID: PluginId = match C {
        'a' => PluginId::new("alpha"),
        'b' => PluginId::new("beta"),
        _ => PluginId::new("gamma"),
    };
    type Deps = ();

    async fn init(self, (): ()) -> Result<()> {
        (self.0)()
    }
}

/// Never gets there.
pub(super) struct Hangs;

impl Plugin for Hangs {
    const ID: PluginId = PluginId::new("hangs");
    type Deps = ();

    async fn init(self, (): ()) -> Result<()> {
        pending().await
    }
}

/// Notes its hooks.
pub(super) struct Hooked(pub(super) Log);

impl Plugin for Hooked {
    const ID: PluginId = PluginId::new("hooked");
    type Deps = (Lifecycle,);

    async fn init(self, (lifecycle,): Self::Deps) -> Result<()> {
        let log = self.0;
        let note = |event: &'static str| {
            let log = log.clone();
            async move {
                log.push(event);
                Ok(())
            }
        };
        lifecycle.add_startup_hook("s", note("plugin: started"));
        lifecycle.add_shutdown_hook("first", note("plugin: stop first added"));
        lifecycle.add_shutdown_hook("second", note("plugin: stop last added"));
        log.push("plugin: init");
        Ok(())
    }
}

#[derive(Default)]
pub(super) struct Processing {
    pub(super) processors: Additions<&'static str>,
}

impl ExtensionPoint for Processing {
    const PLUGIN: PluginId = PluginId::new("catalog");
    const ID: &'static str = "catalog.processing";

    fn added_by(&mut self, module: &'static str) {
        self.processors.added_by(module);
    }
}

/// Adds a processor; `broken` fails after that.
pub(super) struct Add<const ID: char>(pub(super) &'static str);

impl<const C: char> Module for Add<C> {
    const ID: &'static str = match C {
        'a' => "add-a",
        'b' => "add-b",
        _ => "broken",
    };
    type Extends = Processing;
    type Deps = ();

    async fn init(self, extend: &mut Processing, (): ()) -> Result<()> {
        extend.processors.push(self.0);
        match C {
            'a' | 'b' => Ok(()),
            'p' => panic!("no such thing"),
            _ => anyhow::bail!("no token"),
        }
    }
}

/// Notes what its modules added.
pub(super) struct Catalog(pub(super) Log);

impl Plugin for Catalog {
    const ID: PluginId = PluginId::new("catalog");
    type Deps = (Extensions<Processing>,);

    async fn init(self, (Extensions(processing),): Self::Deps) -> Result<()> {
        for added in processing.processors {
            self.0.push(format!("{} by {}", added.value, added.module));
        }
        Ok(())
    }
}
