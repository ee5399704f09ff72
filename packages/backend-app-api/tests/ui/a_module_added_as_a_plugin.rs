//! `.plugin(..)` is for plugins, `.module(..)` for modules, `.service(..)` for factories.
use backend_app_api::Backend;
use backend_plugin_api::{ExtensionPoint, Module, PluginId, Result};
use config::Config;

#[derive(Default)]
struct Processing;

impl ExtensionPoint for Processing {
    const PLUGIN: PluginId = PluginId::new("catalog");
    const ID: &'static str = "catalog.processing";
}

struct GitHub;

impl Module for GitHub {
    const ID: &'static str = "github";
    type Extends = Processing;
    type Deps = ();

    async fn init(self, _: &mut Processing, (): ()) -> Result<()> {
        Ok(())
    }
}

fn backend(config: Config) -> Backend {
    Backend::new(config).plugin(GitHub)
}

fn main() {}
