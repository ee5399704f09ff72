use backend_plugin_api::services::Database;
use backend_plugin_api::{Migrations, Result};
use sea_orm::sea_query::IntoIden;
use sea_orm::{DatabaseConnection, DbErr, DynIden};
use sea_orm_migration::{MigrationTrait, MigratorTraitSelf};

/// Applies what is pending to a plugin's database: the host's tables, then the plugin's own, each
/// list with a history of its own.
///
/// # Errors
/// When a migration fails. Those before it stay applied.
pub async fn apply_migrations(
    database: &Database,
    host: impl Fn() -> Migrations + Sync,
    plugin: impl Fn() -> Migrations + Sync,
) -> Result<()> {
    let connection = database.migration_connection().await?;
    let applied = up_both(&connection, &host, &plugin).await;
    connection.close().await?;
    Ok(applied?)
}

type List<'a> = &'a (dyn Fn() -> Migrations + Sync);

async fn up_both(connection: &DatabaseConnection, host: List<'_>, plugin: List<'_>) -> Result<(), DbErr> {
    let lists = [("greenroom_host_migrations", host), ("greenroom_migrations", plugin)];
    for (history, migrations) in lists.into_iter().filter(|(_, it)| !it().is_empty()) {
        Migrator { history, migrations }.up(connection, None).await?;
    }
    Ok(())
}

struct Migrator<'a> {
    history: &'static str,
    migrations: List<'a>,
}

impl MigratorTraitSelf for Migrator<'_> {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        (self.migrations)()
    }

    fn migration_table_name(&self) -> DynIden {
        self.history.into_iden()
    }
}
