use backend_plugin_api::services::{Database, HttpRouter};
use backend_plugin_api::{Config, Migrations, Plugin, PluginId, Result};

use crate::config::TodoConfig;
use crate::store::TodoStore;
use crate::{migrations, routes};

/// See the crate docs.
#[derive(Debug)]
pub struct TodoPlugin;

impl Plugin for TodoPlugin {
    const ID: PluginId = PluginId::new("todo");
    const VERSION: Option<&'static str> = Some(env!("CARGO_PKG_VERSION"));
    type Deps = (Config<TodoConfig>, Database, HttpRouter);

    fn migrations() -> Migrations {
        migrations::all()
    }

    async fn init(self, (config, database, http): Self::Deps) -> Result<()> {
        let store = TodoStore::new(database, config.max_open);
        http.mount(routes::router(store))?;
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use backend_test_utils::{database, send};
    use serde_json::json;

    use super::*;

    /// A plugin is tested by calling it: with a database of its own, and no backend.
    #[tokio::test]
    async fn keeps_what_it_is_given_up_to_max_open() {
        let database = database::<TodoPlugin>().await;
        let http = HttpRouter::default();
        let config = Config(TodoConfig { max_open: 1 });
        TodoPlugin.init((config, database, http.clone())).await.unwrap();
        let routes = http.close();

        let milk = json!({ "id": 1, "title": "milk" });
        assert_eq!(send(&routes, "POST", "/todos", json!({ "title": "milk" })).await, (201, milk.clone()));
        let (status, body) = send(&routes, "POST", "/todos", json!({ "title": "eggs" })).await;
        assert_eq!((status, &body["error"]["name"]), (409, &json!("ConflictError")));
        assert_eq!(send(&routes, "GET", "/todos", ()).await, (200, json!([milk])));
    }

    #[tokio::test]
    async fn a_title_must_say_something() {
        let routes = routes::router(TodoStore::new(database::<TodoPlugin>().await, 1));
        let (status, body) = send(&routes, "POST", "/todos", json!({ "title": " " })).await;
        assert_eq!((status, &body["error"]["name"]), (400, &json!("InputError")));
    }
}
