use anyhow::Context as _;
use backend_plugin_api::services::{Database, HttpRouter};
use backend_plugin_api::{Config, Migrations, Plugin, PluginId, Result};

use crate::config::CatalogConfig;
use crate::ingest::ingest;
use crate::store::Store;
use crate::{migrations, routes};

/// See the crate docs.
#[derive(Debug, Default)]
pub struct CatalogPlugin;

impl Plugin for CatalogPlugin {
    const ID: PluginId = PluginId::new("catalog");
    const VERSION: Option<&'static str> = Some(env!("CARGO_PKG_VERSION"));
    type Deps = (Config<CatalogConfig>, Database, HttpRouter);

    fn migrations() -> Migrations {
        migrations::all()
    }

    async fn init(self, (Config(config), database, http): Self::Deps) -> Result<()> {
        let working_directory = std::env::current_dir().context("the working directory cannot be found")?;
        let store = Store::new(database);
        let locations = ingest(config, working_directory, &store).await?;
        http.mount(routes::router(store, locations))?;
        Ok(())
    }
}
