//! A plugin with a column of every kind, tables that refer to themselves and to each other, and what is odd in names.

use backend_plugin_api::services::Database;
use backend_plugin_api::{Migrations, Plugin, PluginId, Result};
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

pub(crate) struct SamplePlugin;

impl Plugin for SamplePlugin {
    const ID: PluginId = PluginId::new("sample");
    type Deps = (Database,);

    fn migrations() -> Migrations {
        vec![Box::new(CreateAll), Box::new(AddNote)]
    }

    async fn init(self, _: Self::Deps) -> Result<()> {
        Ok(())
    }
}

/// Another with a table, so that there are two.
pub(crate) struct OtherPlugin;

impl Plugin for OtherPlugin {
    const ID: PluginId = PluginId::new("other");
    type Deps = (Database,);

    fn migrations() -> Migrations {
        vec![Box::new(CreateOther)]
    }

    async fn init(self, _: Self::Deps) -> Result<()> {
        Ok(())
    }
}

struct CreateOther;

impl MigrationName for CreateOther {
    fn name(&self) -> &str {
        "m20260101_000001_create_other"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateOther {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let id = ColumnDef::new("id").integer().not_null().auto_increment().primary_key().to_owned();
        manager.create_table(Table::create().table("thing").col(id).col(ColumnDef::new("name").text()).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("thing").to_owned()).await
    }
}

struct CreateAll;

impl MigrationName for CreateAll {
    fn name(&self) -> &str {
        "m20260101_000001_create_all"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateAll {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let id = || ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key().to_owned();
        let everything = Table::create()
            .table("everything")
            .col(if manager.get_database_backend() == DbBackend::Sqlite {
                ColumnDef::new("id").integer().not_null().auto_increment().primary_key().to_owned()
            } else {
                id()
            })
            .col(ColumnDef::new("flag").boolean())
            .col(ColumnDef::new("small").small_integer())
            .col(ColumnDef::new("whole").integer())
            .col(ColumnDef::new("big").big_integer())
            .col(ColumnDef::new("single").float())
            .col(ColumnDef::new("double").double())
            .col(ColumnDef::new("exact").decimal_len(20, 6))
            .col(ColumnDef::new("letters").text())
            .col(ColumnDef::new("code").char_len(4))
            .col(ColumnDef::new("name").string_len(100))
            .col(ColumnDef::new("bytes").blob())
            .col(ColumnDef::new("day").date())
            .col(ColumnDef::new("moment").time())
            .col(ColumnDef::new("at").date_time())
            .col(ColumnDef::new("at_zone").timestamp_with_time_zone())
            .col(ColumnDef::new("doc").json())
            .col(ColumnDef::new("docb").json_binary())
            .col(ColumnDef::new("uid").uuid())
            .to_owned();
        manager.create_table(everything).await?;
        let tree = Table::create()
            .table("tree")
            .col(ColumnDef::new("id").integer().not_null().auto_increment().primary_key())
            .col(ColumnDef::new("parent_id").integer())
            .col(ColumnDef::new("title").string_len(255).not_null())
            .foreign_key(ForeignKey::create().name("tree_parent").from("tree", "parent_id").to("tree", "id"))
            .index(Index::create().name("tree_title").col("title").unique())
            .to_owned();
        manager.create_table(tree).await?;
        self.create_circle(manager).await?;
        let sql = manager.get_connection();
        sql.execute_unprepared(
            "CREATE TABLE computed (id INTEGER PRIMARY KEY, n INTEGER, doubled INTEGER GENERATED ALWAYS AS (n * 2) STORED)",
        )
        .await?;
        let odd = Table::create()
            .table("Odd \"Name")
            .col(ColumnDef::new("order").integer().not_null())
            .col(ColumnDef::new("a `b`").string_len(50).not_null())
            .primary_key(Index::create().col("order").col("a `b`"))
            .to_owned();
        manager.create_table(odd).await?;
        let key = ColumnDef::new("key").string_len(100).not_null().primary_key().to_owned();
        let settings = Table::create().table("settings").col(key).col(ColumnDef::new("value").text()).to_owned();
        manager.create_table(settings).await?;
        let seed = Query::insert()
            .into_table("settings")
            .columns(["key", "value"])
            .values_panic(["seed".into(), "by a migration".into()])
            .to_owned();
        manager.execute(seed).await
    }
}

impl CreateAll {
    /// An author has a best book, and a book an author.
    async fn create_circle(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let best = || ForeignKey::create().name("author_best").from("author", "best_id").to("book", "id").to_owned();
        let is_sqlite = manager.get_database_backend() == DbBackend::Sqlite;
        let mut author = Table::create();
        author
            .table("author")
            .col(ColumnDef::new("id").integer().not_null().auto_increment().primary_key())
            .col(ColumnDef::new("best_id").integer());
        if is_sqlite {
            author.foreign_key(&mut best());
        }
        manager.create_table(author).await?;
        let book = Table::create()
            .table("book")
            .col(ColumnDef::new("id").integer().not_null().auto_increment().primary_key())
            .col(ColumnDef::new("author_id").integer().not_null())
            .foreign_key(ForeignKey::create().name("book_author").from("book", "author_id").to("author", "id"))
            .to_owned();
        manager.create_table(book).await?;
        if is_sqlite { Ok(()) } else { manager.create_foreign_key(best()).await }
    }
}

struct AddNote;

impl MigrationName for AddNote {
    fn name(&self) -> &str {
        "m20260102_000001_add_note"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for AddNote {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let add = Table::alter().table("tree").add_column(ColumnDef::new("note").text()).to_owned();
        manager.alter_table(add).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("tree").drop_column("note").to_owned()).await
    }
}
