use sea_orm_migration::MigrationTrait;

use crate::{Deps, ExtensionPoint, PerPlugin, PluginId, Result};

/// The migrations of one plugin, oldest first.
pub type Migrations = Vec<Box<dyn MigrationTrait>>;

/// A plugin: what it is called, what it needs, what its tables look like, how it starts.
///
/// Plugins never depend on each other, only on services; so they all start at the same time.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a plugin",
    label = "expected a value whose type implements `Plugin`",
    note = "a module is added with `.module(..)`, a service factory with `.service(..)`"
)]
pub trait Plugin: Send + 'static {
    /// Names its config section, database and routes.
    const ID: PluginId;
    /// What operators see of it: usually `Some(env!("CARGO_PKG_VERSION"))`. Default: none.
    const VERSION: Option<&'static str> = None;
    /// What [`Plugin::init`] gets.
    type Deps: Deps<PerPlugin>;

    /// PostgreSQL extensions that its tables or queries need, e.g. `pg_trgm`. Other engines have none.
    fn database_extensions() -> &'static [&'static str] {
        &[]
    }

    /// Applied to the plugin's own database before [`Plugin::init`] runs.
    fn migrations() -> Migrations {
        Vec::new()
    }

    /// Starts the plugin: mounts its routes, schedules its tasks.
    fn init(self, deps: Self::Deps) -> impl Future<Output = Result<()>> + Send;
}

/// Adds to a plugin, by one of its extension points, before the plugin starts.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a module",
    label = "expected a value whose type implements `Module`",
    note = "a plugin is added with `.plugin(..)`, a service factory with `.service(..)`"
)]
pub trait Module: Send + 'static {
    /// Unique among the modules of the plugin, e.g. `github`.
    const ID: &'static str;
    /// What it adds to. This also says which plugin's services it gets.
    type Extends: ExtensionPoint;
    /// What [`Module::init`] gets.
    type Deps: Deps<PerPlugin>;

    /// Adds to `extend`. Modules run in the order they were added to the backend.
    fn init(self, extend: &mut Self::Extends, deps: Self::Deps) -> impl Future<Output = Result<()>> + Send;
}
