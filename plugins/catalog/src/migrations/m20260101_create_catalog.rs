use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

const SEARCH_INDEX: &str = "search_key_value_entity_id_idx";

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        for table in [refresh_state(), references(), final_entities(backend), relations(), search()] {
            manager.create_table(fit_for_mysql(table, backend)).await?;
        }
        // Only here if MySQL, which cannot undo tables, was cut off behind the index the first time.
        if manager.has_index("search", SEARCH_INDEX).await? {
            return Ok(());
        }
        manager.create_index(search_index()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["search", "relations", "final_entities", "refresh_state_references", "refresh_state"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

/// Every entity that something leads to, and its uid.
fn refresh_state() -> TableCreateStatement {
    Table::create()
        .table("refresh_state")
        .col(entity_id("entity_id").primary_key())
        .col(entity_ref("entity_ref").unique_key())
        .col(ColumnDef::new("location_key").text().not_null())
        .to_owned()
}

/// What leads to each entity: a `source_key` such as `ConfigLocationProvider`, or another entity. The one that does
/// not is empty.
fn references() -> TableCreateStatement {
    Table::create()
        .table("refresh_state_references")
        .col(ColumnDef::new("source_key").string_len(64).not_null())
        .col(entity_ref("source_entity_ref"))
        .col(entity_ref("target_entity_ref"))
        .primary_key(Index::create().col("source_key").col("source_entity_ref").col("target_entity_ref"))
        .to_owned()
}

/// The entities as they are served, as JSON.
fn final_entities(backend: DbBackend) -> TableCreateStatement {
    let mut final_entity = ColumnDef::new("final_entity");
    // MySQL's `text` ends at 64 KiB.
    if backend == DbBackend::MySql {
        final_entity.custom("longtext")
    } else {
        final_entity.text()
    };
    Table::create()
        .table("final_entities")
        .col(entity_id("entity_id").primary_key())
        .col(entity_ref("entity_ref").unique_key())
        .col(ColumnDef::new("hash").string_len(40).not_null())
        .col(final_entity.not_null())
        .foreign_key(&mut of_entity("final_entities", "entity_id"))
        .to_owned()
}

/// What each entity says of itself and others, both ways.
fn relations() -> TableCreateStatement {
    Table::create()
        .table("relations")
        .col(entity_id("originating_entity_id"))
        .col(entity_ref("source_entity_ref"))
        .col(ColumnDef::new("type").string_len(64).not_null())
        .col(entity_ref("target_entity_ref"))
        .primary_key(
            Index::create().col("originating_entity_id").col("source_entity_ref").col("type").col("target_entity_ref"),
        )
        .foreign_key(&mut of_entity("relations", "originating_entity_id"))
        .to_owned()
}

/// The entities as keys and values, for filters. `ordinal` numbers the rows of an entity.
fn search() -> TableCreateStatement {
    Table::create()
        .table("search")
        .col(entity_id("entity_id"))
        .col(ColumnDef::new("ordinal").integer().not_null())
        .col(ColumnDef::new("key").string_len(255).not_null())
        .col(ColumnDef::new("value").string_len(255))
        .col(ColumnDef::new("original_value").string_len(255))
        .primary_key(Index::create().col("entity_id").col("ordinal"))
        .foreign_key(&mut of_entity("search", "entity_id"))
        .to_owned()
}

fn search_index() -> IndexCreateStatement {
    Index::create().name(SEARCH_INDEX).table("search").col("key").col("value").col("entity_id").to_owned()
}

fn entity_id(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).string_len(36).not_null().take()
}

fn entity_ref(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).string_len(255).not_null().take()
}

fn of_entity(table: &'static str, column: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_{column}_fk"))
        .from(table, column)
        .to("refresh_state", "entity_id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}

/// `MySQL` compares without regard to case unless told otherwise, and keeps the tables of a step that was cut off.
fn fit_for_mysql(mut table: TableCreateStatement, backend: DbBackend) -> TableCreateStatement {
    if backend == DbBackend::MySql {
        table.if_not_exists().character_set("utf8mb4").collate("utf8mb4_bin");
    }
    table
}
