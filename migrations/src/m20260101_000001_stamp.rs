use sea_orm::{ConnectionTrait, DbBackend, Statement};
use sea_orm_migration::prelude::*;
use sea_query::OnConflict;

/// Makes the stamp, and stamps what was empty.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration {
    pub(crate) plugin: &'static str,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(stamp_table()).await?;
        if has_tables_of_others(manager).await? {
            return Ok(());
        }
        manager.execute(stamp_row(self.plugin)).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("greenroom_stamp").to_owned()).await
    }
}

/// Makes the table that says whose a database is, where it is not there.
pub fn stamp_table() -> TableCreateStatement {
    Table::create()
        .table("greenroom_stamp")
        .if_not_exists()
        .col(ColumnDef::new("plugin").string_len(255).not_null().primary_key())
        .col(ColumnDef::new("version").string_len(255).not_null())
        .col(ColumnDef::new("created_at").timestamp_with_time_zone().not_null().default(Expr::current_timestamp()))
        .to_owned()
}

/// Says in [`stamp_table`] that what is there is `plugin`'s.
pub fn stamp_row(plugin: &str) -> InsertStatement {
    Query::insert()
        .into_table("greenroom_stamp")
        .columns(["plugin", "version"])
        .values_panic([plugin.into(), env!("CARGO_PKG_VERSION").into()])
        .on_conflict(OnConflict::column("plugin").do_nothing_on(["plugin"]).to_owned())
        .to_owned()
}

/// Whether somebody else, such as Backstage, was here before.
/// PostgreSQL's `information_schema` hides what this user may not see, and what extensions bring
/// is nobody's.
async fn has_tables_of_others(manager: &SchemaManager<'_>) -> Result<bool, DbErr> {
    let backend = manager.get_database_backend();
    let tables = match backend {
        DbBackend::Postgres => {
            "SELECT c.relname FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'f', 'v', 'm') \
             AND substr(c.relname, 1, 10) <> 'greenroom_' \
             AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d \
             WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') LIMIT 1"
        }
        DbBackend::MySql => {
            "SELECT table_name FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND substr(table_name, 1, 10) <> 'greenroom_' LIMIT 1"
        }
        _ => {
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') \
             AND substr(name, 1, 7) <> 'sqlite_' AND substr(name, 1, 10) <> 'greenroom_' LIMIT 1"
        }
    };
    let found = manager.get_connection().query_one_raw(Statement::from_string(backend, tables)).await?;
    Ok(found.is_some())
}
