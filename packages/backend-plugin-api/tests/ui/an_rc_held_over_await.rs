//! Plugins start at the same time, on any thread.
use std::rc::Rc;

use backend_plugin_api::services::Database;
use backend_plugin_api::{Plugin, PluginId, Result};

struct Todo;

impl Plugin for Todo {
    const ID: PluginId = PluginId::new("todo");
    type Deps = (Database,);

    async fn init(self, _: Self::Deps) -> Result<()> {
        let shared = Rc::new("todo");
        std::future::ready(()).await;
        println!("{shared}");
        Ok(())
    }
}

fn main() {}
