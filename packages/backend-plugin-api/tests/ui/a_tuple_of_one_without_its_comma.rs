//! `(Database)` is `Database` in parentheses.
use backend_plugin_api::services::Database;
use backend_plugin_api::{Plugin, PluginId, Result};

struct Todo;

impl Plugin for Todo {
    const ID: PluginId = PluginId::new("todo");
    type Deps = (Database);

    async fn init(self, _: Self::Deps) -> Result<()> {
        Ok(())
    }
}

fn main() {}
