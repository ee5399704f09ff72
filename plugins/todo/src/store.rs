use backend_plugin_api::services::Database;
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::*;
use sea_orm::{QueryOrder, TransactionSession, TransactionTrait};

#[derive(Clone, Debug)]
pub(crate) struct TodoStore {
    database: Database,
    max_open: u64,
}

pub(crate) enum Added {
    Todo(Model),
    TooMany { open: u64 },
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
#[sea_orm(table_name = "todos")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) id: i32,
    pub(crate) title: String,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TodoStore {
    pub(crate) fn new(database: Database, max_open: u64) -> Self {
        Self { database, max_open }
    }

    pub(crate) async fn list(&self) -> Result<Vec<Model>, DbErr> {
        Entity::find().order_by_asc(Column::Id).all(&self.database).await
    }

    /// Counts and adds in one transaction. Dropped before its commit, it is rolled back.
    pub(crate) async fn add(&self, title: &str) -> Result<Added, DbErr> {
        let transaction = self.database.begin().await?;
        let open = Entity::find().count(&transaction).await?;
        if open >= self.max_open {
            return Ok(Added::TooMany { open });
        }
        let todo = ActiveModel { title: Set(title.to_owned()), ..Default::default() };
        let todo = todo.insert(&transaction).await?;
        transaction.commit().await?;
        Ok(Added::Todo(todo))
    }
}
