use std::fmt;

use backend_plugin_api::services::Database;
use backend_plugin_api::{Migrations, PluginId};

use super::Migrator;

/// What makes the tables of one plugin, in whichever database.
#[derive(Clone, Copy)]
pub struct PluginMigrations {
    pub(crate) plugin: PluginId,
    pub(crate) host: fn(PluginId) -> Migrations,
    pub(crate) own: fn() -> Migrations,
    pub(crate) extensions: &'static [&'static str],
}

impl PluginMigrations {
    /// PostgreSQL extensions that have to be there before.
    pub fn extensions(&self) -> &'static [&'static str] {
        self.extensions
    }

    /// What brings `database` up to date.
    pub fn migrator(&self, database: Database) -> Migrator {
        Migrator::new(self.plugin, database, (self.host)(self.plugin), (self.own)())
    }
}

impl fmt::Debug for PluginMigrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PluginMigrations").field(&self.plugin).finish()
    }
}
