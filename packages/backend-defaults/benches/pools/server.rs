use std::fmt::Write as _;

use backend_defaults::database::{DatabaseConfig, DatabaseManager, LibpqEnvironment};
use backend_plugin_api::PluginId;
use backend_plugin_api::services::Database;
use config::Config;
use sea_orm::{ConnectOptions, DatabaseConnection};
use serde_json::json;
use test_servers::{Postgres, PostgresAddress, PostgresOptions, SqlServer};

/// How many rows a table has.
pub(crate) const ROWS: i32 = 1000;

pub(crate) mod item {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "item")]
    pub(crate) struct Model {
        #[sea_orm(primary_key)]
        pub(crate) id: i32,
        pub(crate) name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A database with a schema a plugin, and in each the same table.
pub(crate) struct Server {
    /// Ends when this is dropped.
    _process: Postgres,
    address: PostgresAddress,
}

impl Server {
    pub(crate) fn start(plugins: usize) -> anyhow::Result<Self> {
        // Room for whatever the stock pools open, which have no bound together.
        let settings = vec![("max_connections", "600")];
        let process = Postgres::start(&PostgresOptions { settings, ..PostgresOptions::default() })?;
        let address = process.address().clone();
        // Two roles, so that the sampler knows whose a connection is.
        address.sql(
            "CREATE ROLE ours LOGIN PASSWORD 'bench'; CREATE ROLE stock LOGIN PASSWORD 'bench';
             GRANT ours TO stock; CREATE DATABASE bench OWNER ours;",
        )?;
        let mut sql = "SET ROLE ours;".to_owned();
        for name in (0..plugins).map(name) {
            write!(
                sql,
                "CREATE SCHEMA {name}; CREATE TABLE {name}.item (id serial PRIMARY KEY, name text NOT NULL);
                 INSERT INTO {name}.item (name) SELECT '{name} ' || n FROM generate_series(1, {ROWS}) n;
                 ANALYZE {name}.item;"
            )?;
        }
        address.sql_in("bench", &sql)?;
        Ok(Self { _process: process, address })
    }

    /// Of the first `count` plugins, each one's own.
    pub(crate) async fn handles(&self, count: usize, budget: usize) -> anyhow::Result<Vec<Database>> {
        let (host, port) = (self.address.host(), self.address.port());
        let config = json!({
            "client": "pg", "pluginDivisionMode": "schema", "maxConnections": budget,
            "connection": { "host": host, "port": port, "user": "ours", "password": "bench", "database": "bench" },
        });
        let config: DatabaseConfig =
            Config::from_json(json!({ "backend": { "database": config } })).read("backend.database")?;
        let manager = DatabaseManager::new(config, LibpqEnvironment::default());
        let mut handles = Vec::with_capacity(count);
        for name in (0..count).map(name) {
            let handle = manager.database_for(PluginId::new(name.leak()))?;
            handle.provision(&[]).await?;
            handles.push(handle);
        }
        Ok(handles)
    }

    /// A pool each, as sea-orm makes it where nothing is said.
    #[expect(clippy::disallowed_methods, reason = "it is what the handles are compared with")]
    pub(crate) async fn stock_pools(&self, count: usize) -> anyhow::Result<Vec<DatabaseConnection>> {
        let mut pools = Vec::with_capacity(count);
        for name in (0..count).map(name) {
            let url = format!("{}?options[search_path]={name}", self.url("stock", "bench"));
            pools.push(sea_orm::Database::connect(ConnectOptions::new(url)).await?);
        }
        Ok(pools)
    }

    /// As the superuser.
    pub(crate) fn superuser_url(&self) -> String {
        let password =
            percent_encoding::utf8_percent_encode(self.address.password(), percent_encoding::NON_ALPHANUMERIC);
        self.url(self.address.user(), &password.to_string())
    }

    fn url(&self, user: &str, password: &str) -> String {
        format!("postgres://{user}:{password}@{}:{}/bench", self.address.host(), self.address.port())
    }
}

fn name(number: usize) -> String {
    format!("p{number:02}")
}
