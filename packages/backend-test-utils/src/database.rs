use backend_app_api::Migrator;
use backend_defaults::database::{DatabaseConfig, DatabaseManager, LibpqEnvironment};
use backend_plugin_api::Plugin;
use backend_plugin_api::services::Database;

/// An empty in-memory database with the migrations of `P` applied, gone with its last handle.
///
/// # Panics
/// When it cannot be made.
pub async fn database<P: Plugin>() -> Database {
    let manager = DatabaseManager::new(DatabaseConfig::default(), LibpqEnvironment::default());
    let database = manager.database_for(P::ID).unwrap();
    let host = migrations::migrations(P::ID.as_str());
    Migrator::new(P::ID, database.clone(), host, P::migrations()).run().await.unwrap();
    database
}
