//! A backend with one plugin that has a table of ordinary columns: what `cargo xtask bench copy` moves.

use std::process::ExitCode;

use backend_plugin_api::services::Database;
use backend_plugin_api::{Migrations, Plugin, PluginId, Result};
use sea_orm_migration::prelude::*;

fn main() -> ExitCode {
    backend_cli::main(|backend| backend.plugin(Shop))
}

struct Shop;

impl Plugin for Shop {
    const ID: PluginId = PluginId::new("shop");
    type Deps = (Database,);

    fn migrations() -> Migrations {
        vec![Box::new(CreateOrders)]
    }

    async fn init(self, _: Self::Deps) -> Result<()> {
        Ok(())
    }
}

struct CreateOrders;

impl MigrationName for CreateOrders {
    fn name(&self) -> &'static str {
        "m20260101_000001_create_orders"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateOrders {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("orders")
            .col(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key())
            .col(ColumnDef::new("uid").uuid().not_null())
            .col(ColumnDef::new("title").string_len(255).not_null())
            .col(ColumnDef::new("note").text())
            .col(ColumnDef::new("quantity").integer().not_null())
            .col(ColumnDef::new("price").double().not_null())
            .col(ColumnDef::new("paid").boolean().not_null())
            .col(ColumnDef::new("created_at").timestamp_with_time_zone().not_null())
            .col(ColumnDef::new("details").json_binary())
            .to_owned();
        manager.create_table(table).await
    }
}
