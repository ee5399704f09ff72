//! A plugin takes what modules added by asking for `Extensions<E>`.
use backend_plugin_api::{Extensions, Plugin, PluginId, Result};

struct Processors;

struct Catalog;

impl Plugin for Catalog {
    const ID: PluginId = PluginId::new("catalog");
    type Deps = (Extensions<Processors>,);

    async fn init(self, _: Self::Deps) -> Result<()> {
        Ok(())
    }
}

fn main() {}
