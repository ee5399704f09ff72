use std::sync::atomic::{AtomicI32, Ordering};

use sea_orm::sea_query::{ColumnDef, Expr, ForeignKey, ForeignKeyAction, Index, Query, Table};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, TransactionTrait};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

use super::Runs;
use crate::migrations::record::{checksum, down};

const ENGINES: [DbBackend; 3] = [DbBackend::Sqlite, DbBackend::Postgres, DbBackend::MySql];

/// What most migrations are made of.
struct Usual;

impl MigrationName for Usual {
    fn name(&self) -> &str {
        "usual"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Usual {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("item")
            .if_not_exists()
            .col(ColumnDef::new("id").integer().not_null().auto_increment().primary_key())
            .col(ColumnDef::new("key").string_len(255).not_null().unique_key())
            .col(ColumnDef::new("number").big_integer().not_null().default(7))
            .col(ColumnDef::new("title").text().not_null().default("it's"))
            .col(ColumnDef::new("done").boolean().not_null().default(false))
            .col(ColumnDef::new("data").json())
            .col(ColumnDef::new("raw").blob())
            .col(ColumnDef::new("at").timestamp_with_time_zone().not_null().default(Expr::current_timestamp()))
            .col(ColumnDef::new("parent").uuid())
            .foreign_key(
                ForeignKey::create().from("item", "parent").to("item", "id").on_delete(ForeignKeyAction::Cascade),
            );
        manager.create_table(table).await?;
        manager.create_index(Index::create().name("item_number_idx").table("item").col("number").take()).await?;
        manager.alter_table(Table::alter().table("item").add_column(ColumnDef::new("more").text()).take()).await?;
        let insert = Query::insert().into_table("item").columns(["key"]).values_panic(["a".into()]).to_owned();
        manager.execute(insert).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let transaction = manager.get_connection().begin().await?;
        let update = Query::update().table("item").value("key", "it's").value("data", serde_json::json!({})).to_owned();
        transaction.execute(&update).await?;
        transaction.commit().await?;
        manager.drop_table(Table::drop().table("item").to_owned()).await
    }
}

/// If only this fails after an upgrade of `sea-query`, that writes the same migrations in another
/// way: raise `record::SCHEME`.
#[tokio::test]
async fn checksums_stay_the_same() {
    let mut checksums = Vec::new();
    for engine in ENGINES {
        checksums.push(checksum(&Usual, engine).await.unwrap());
    }
    insta::assert_snapshot!(checksums.join("\n"), @"
    1:46280e2f75d96d665d8f86ca3bf6d7f2d466ad0e16664b202e1fc7503cc12148
    1:0034d955ff714cd70cf839d96f27e51b66342d54ff730da16bd275c4e1d5812f
    1:94d5dc7070e5b4bdcf135d43fa94be21d527e860db068481b9e2e7e739783c01
    ");
}

#[tokio::test]
async fn the_way_back_is_sql_with_its_values() {
    let mut downs = Vec::new();
    for engine in ENGINES {
        downs.extend(down(&Usual, engine).await.unwrap());
    }
    insta::assert_snapshot!(downs.join("\n"), @r#"
    UPDATE "item" SET "key" = 'it''s', "data" = '{}'
    DROP TABLE "item"
    UPDATE "item" SET "key" = E'it\'s', "data" = '{}'
    DROP TABLE "item"
    UPDATE `item` SET `key` = 'it\'s', `data` = '{}'
    DROP TABLE `item`
    "#);
}

#[tokio::test]
async fn what_is_edited_has_another_checksum() {
    let of = async |up: &'static [&'static str]| {
        checksum(&Runs { name: "m", up, down: None }, DbBackend::Sqlite).await.unwrap()
    };
    let all = [of(&["a", "b"]).await, of(&["a", "c"]).await, of(&["ab"]).await, of(&["a"]).await, of(&[]).await];
    for (at, one) in all.iter().enumerate() {
        assert!(all[at + 1..].iter().all(|other| other != one));
    }
    assert_eq!(all[0], of(&["a", "b"]).await);
}

/// Does one of the things that cannot be known without a database.
enum Odd {
    BoundTime,
    WrittenTime,
    UnwrapsARow,
    AsksAndGoesOn,
    NeverEnds,
    RollsBack,
}

impl MigrationName for Odd {
    fn name(&self) -> &str {
        "odd"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Odd {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        static TIME: AtomicI32 = AtomicI32::new(0);
        let time = TIME.fetch_add(1, Ordering::Relaxed);
        let connection = manager.get_connection();
        let statement = |sql: &str| Statement::from_string(connection.get_database_backend(), sql);
        match self {
            Self::BoundTime => {
                let insert = Query::insert().into_table("item").columns(["at"]).values_panic([time.into()]).to_owned();
                manager.execute(insert).await?;
            }
            Self::WrittenTime => {
                connection.execute_unprepared(&format!("INSERT INTO item VALUES ({time})")).await.map(drop)?
            }
            Self::UnwrapsARow => {
                let row = connection.query_one_raw(statement("SELECT count(*) FROM item")).await?;
                drop(row.expect("a count has a row"));
            }
            Self::AsksAndGoesOn => {
                for _ in connection.query_all_raw(statement("SELECT id FROM item")).await? {
                    connection.execute_unprepared("UPDATE item").await?;
                }
                connection.execute_unprepared("DROP TABLE item").await?;
            }
            Self::NeverEnds => while connection.execute_unprepared("DELETE FROM item").await?.rows_affected() == 0 {},
            Self::RollsBack => {
                let transaction = connection.begin().await?;
                transaction.execute_unprepared("DELETE FROM item").await?;
                transaction.rollback().await?;
            }
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.up(manager).await
    }
}

#[tokio::test]
async fn what_cannot_be_known_without_a_database_is_not_guessed() {
    for engine in ENGINES {
        let known = async |odd: Odd| (checksum(&odd, engine).await.is_some(), down(&odd, engine).await.is_some());
        assert_eq!(known(Odd::BoundTime).await, (true, true));
        assert_eq!(known(Odd::WrittenTime).await, (false, true));
        assert_eq!(known(Odd::UnwrapsARow).await, (false, false));
        assert_eq!(known(Odd::AsksAndGoesOn).await, (true, false));
        assert_eq!(known(Odd::NeverEnds).await, (false, false));
        assert_eq!(known(Odd::RollsBack).await, (true, false));
        let one_way = Runs { name: "m", up: &["a"], down: None };
        assert_eq!(down(&one_way, engine).await, None);
    }
}
