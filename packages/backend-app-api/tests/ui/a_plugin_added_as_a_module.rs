//! `.module(..)` is for modules.
use backend_app_api::Backend;
use backend_plugin_api::{Plugin, PluginId, Result};
use config::Config;

struct Todo;

impl Plugin for Todo {
    const ID: PluginId = PluginId::new("todo");
    type Deps = ();

    async fn init(self, (): ()) -> Result<()> {
        Ok(())
    }
}

fn backend(config: Config) -> Backend {
    Backend::new(config).module(Todo)
}

fn main() {}
