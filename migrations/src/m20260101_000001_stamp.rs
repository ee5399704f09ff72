use sea_orm_migration::prelude::*;
use sea_query::OnConflict;

/// Makes the stamp, and stamps.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration {
    pub(crate) plugin: &'static str,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("greenroom_stamp")
            .if_not_exists()
            .col(ColumnDef::new("plugin").string_len(255).not_null().primary_key())
            .col(ColumnDef::new("version").string_len(255).not_null())
            .col(ColumnDef::new("created_at").timestamp_with_time_zone().not_null().default(Expr::current_timestamp()))
            .to_owned();
        manager.create_table(table).await?;
        let stamp = Query::insert()
            .into_table("greenroom_stamp")
            .columns(["plugin", "version"])
            .values_panic([self.plugin.into(), env!("CARGO_PKG_VERSION").into()])
            .on_conflict(OnConflict::column("plugin").do_nothing_on(["plugin"]).to_owned())
            .to_owned();
        manager.execute(stamp).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("greenroom_stamp").to_owned()).await
    }
}
