//! What was applied: a table of the host in each plugin's database.

use sea_orm::sea_query::{ColumnDef, Expr, ExprTrait, Index, Order, Query, Table};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, RuntimeErr};
use serde::{Deserialize, Serialize};

use super::step::{MigrationId, MigrationList};

const TABLE: &str = "greenroom_migrations";

/// The version of this backend, as it stands in the history.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A step that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Applied {
    pub(super) id: MigrationId,
    /// Counts up over both lists, in the order in which they were applied.
    pub(super) ordinal: i32,
    /// The version of the backend that did it.
    pub(super) applied_by: String,
    pub(super) checksum: Option<String>,
}

/// A row of the history, `greenroom_migrations`: what was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryRow {
    /// Whose migration: [`MigrationList::as_str`].
    pub list: String,
    /// Its name.
    pub version: String,
    /// Counts up over both lists, in the order in which they were applied.
    pub ordinal: i32,
    /// The version of the backend that applied it.
    #[serde(rename(serialize = "appliedBy"), alias = "appliedBy")]
    pub applied_by: String,
    /// Of its statements, in the engine that it was applied to.
    pub checksum: Option<String>,
}

impl HistoryRow {
    /// Which migration; `None` for one of a list that only other versions know.
    pub fn id(&self) -> Option<MigrationId> {
        Some(MigrationId { list: MigrationList::parse(&self.list)?, version: self.version.clone() })
    }

    /// `None` for a list that only other versions know.
    pub(super) fn applied(self) -> Option<Applied> {
        let Self { list, version, ordinal, applied_by, checksum } = self;
        let id = MigrationId { list: MigrationList::parse(&list)?, version };
        Some(Applied { id, ordinal, applied_by, checksum })
    }
}

impl From<Applied> for HistoryRow {
    fn from(applied: Applied) -> Self {
        let Applied { id, ordinal, applied_by, checksum } = applied;
        Self { list: id.list.as_str().to_owned(), version: id.version, ordinal, applied_by, checksum }
    }
}

/// How a step is undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Down {
    pub(super) statements: Vec<String>,
    pub(super) in_transaction: bool,
}

/// All that was applied, in that order; `None` where there is no history yet. One query.
pub(super) async fn read(connection: &impl ConnectionTrait) -> Result<Option<Vec<Applied>>, DbErr> {
    let columns = ["list", "version", "ordinal", "applied_by", "checksum"];
    let select = Query::select().columns(columns).from(TABLE).order_by("ordinal", Order::Asc).to_owned();
    match connection.query_all(&select).await {
        Ok(rows) => rows.iter().filter_map(|row| applied(row).transpose()).collect::<Result<_, _>>().map(Some),
        Err(error) if is_missing_table(&error, connection.get_database_backend()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// `None` for a list that only other versions know.
fn applied(row: &QueryResult) -> Result<Option<Applied>, DbErr> {
    let row = HistoryRow {
        list: row.try_get("", "list")?,
        version: row.try_get("", "version")?,
        ordinal: row.try_get("", "ordinal")?,
        applied_by: row.try_get("", "applied_by")?,
        checksum: row.try_get("", "checksum")?,
    };
    Ok(row.applied())
}

/// By the engine's code: other errors are not to be taken for an empty database.
fn is_missing_table(error: &DbErr, backend: DbBackend) -> bool {
    let (DbErr::Query(RuntimeErr::SqlxError(error)) | DbErr::Exec(RuntimeErr::SqlxError(error))) = error else {
        return false;
    };
    let Some(error) = error.as_database_error() else { return false };
    match backend {
        DbBackend::Postgres => error.code().as_deref() == Some("42P01"),
        DbBackend::MySql => error.code().as_deref() == Some("42S02"),
        // Its code is that of any mistake in SQL.
        _ => error.message().contains(&format!("no such table: {TABLE}")),
    }
}

pub(super) async fn create(connection: &impl ConnectionTrait) -> Result<(), DbErr> {
    let mut table = Table::create();
    table
        .table(TABLE)
        .if_not_exists()
        .col(ColumnDef::new("list").string_len(16).not_null())
        .col(ColumnDef::new("version").string_len(255).not_null())
        .col(ColumnDef::new("ordinal").integer().not_null())
        .col(ColumnDef::new("applied_at").timestamp_with_time_zone().not_null().default(Expr::current_timestamp()))
        .col(ColumnDef::new("applied_by").string_len(255).not_null())
        .col(ColumnDef::new("checksum").string_len(255))
        .col(ColumnDef::new("in_transaction").boolean().not_null())
        .col(ColumnDef::new("down").json())
        .primary_key(Index::create().col("list").col("version"));
    if connection.get_database_backend() == DbBackend::MySql {
        // Otherwise versions are compared without regard to case.
        table.character_set("utf8mb4").collate("utf8mb4_bin");
    }
    connection.execute(&table).await.map(drop)
}

pub(super) async fn insert(
    connection: &impl ConnectionTrait,
    applied: &Applied,
    in_transaction: bool,
    down: Option<&[String]>,
) -> Result<(), DbErr> {
    let Applied { id, ordinal, applied_by, checksum } = applied;
    let insert = Query::insert()
        .into_table(TABLE)
        .columns(["list", "version", "ordinal", "applied_by", "checksum", "in_transaction", "down"])
        .values_panic([
            id.list.as_str().into(),
            id.version.as_str().into(),
            (*ordinal).into(),
            applied_by.as_str().into(),
            checksum.clone().into(),
            in_transaction.into(),
            down.map(serde_json::Value::from).into(),
        ])
        .to_owned();
    connection.execute(&insert).await.map(drop)
}

/// How `id` is undone, if there is a way.
pub(super) async fn down(connection: &impl ConnectionTrait, id: &MigrationId) -> Result<Option<Down>, DbErr> {
    let select = Query::select()
        .columns(["in_transaction", "down"])
        .from(TABLE)
        .and_where(Expr::col("list").eq(id.list.as_str()))
        .and_where(Expr::col("version").eq(id.version.as_str()))
        .to_owned();
    let Some(row) = connection.query_one(&select).await? else { return Ok(None) };
    let Some(down) = row.try_get::<Option<serde_json::Value>>("", "down")? else { return Ok(None) };
    let Ok(statements) = serde_json::from_value(down) else { return Ok(None) };
    Ok(Some(Down { statements, in_transaction: row.try_get("", "in_transaction")? }))
}

pub(super) async fn delete(connection: &impl ConnectionTrait, id: &MigrationId) -> Result<(), DbErr> {
    let delete = Query::delete()
        .from_table(TABLE)
        .and_where(Expr::col("list").eq(id.list.as_str()))
        .and_where(Expr::col("version").eq(id.version.as_str()))
        .to_owned();
    connection.execute(&delete).await.map(drop)
}
