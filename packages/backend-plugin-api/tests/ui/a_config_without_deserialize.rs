//! What a section is read into has to say how.
use backend_plugin_api::{Config, Plugin, PluginId, Result};

struct TodoConfig {
    max_open: u32,
}

struct Todo;

impl Plugin for Todo {
    const ID: PluginId = PluginId::new("todo");
    type Deps = (Config<TodoConfig>,);

    async fn init(self, (config,): Self::Deps) -> Result<()> {
        println!("{}", config.max_open);
        Ok(())
    }
}

fn main() {}
