//! Past eight, a struct with named fields reads better anyway.
use backend_plugin_api::services::{Database, HttpRouter, Lifecycle, Logger};
use backend_plugin_api::{Plugin, PluginId, Result};

struct Todo;

impl Plugin for Todo {
    const ID: PluginId = PluginId::new("todo");
    type Deps = (Database, HttpRouter, Lifecycle, Logger, PluginId, Database, HttpRouter, Lifecycle, Logger);

    async fn init(self, _: Self::Deps) -> Result<()> {
        Ok(())
    }
}

fn main() {}
