//! A table in the target for as long as it is being loaded: what is there then is nobody's but ours.

use std::collections::BTreeMap;

use sea_orm::sea_query::{ColumnDef, Query, Table};
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, QueryResult, Statement};

use crate::Site;
use crate::transfer::Checksum;

pub(super) const TABLE: &str = "greenroom_copy";
/// Says that it has begun: no table has this name.
const BEGUN: &str = "";
/// Says that migrations have run.
const MIGRATED: &str = " ";

/// What migrations put into the target's tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seeds {
    /// Not known yet: migrations may not be through.
    Unknown,
    /// Tables with rows.
    Known(BTreeMap<String, Checksum>),
}

/// The rows of the table: deleted in the transaction that brings the plugin's.
pub(super) struct Marker<'a>(&'a Site);

impl<'a> Marker<'a> {
    pub(super) fn of(target: &'a Site) -> Self {
        Self(target)
    }

    /// `None` if there is none: the target is not ours.
    pub(super) async fn read(&self) -> Result<Option<Seeds>, DbErr> {
        if !self.exists().await? {
            return Ok(None);
        }
        let select = Query::select().columns(["table_name", "row_count", "checksum"]).from(TABLE).to_owned();
        let rows = self.0.database.query_all(&select).await?;
        let mut seeds = rows.iter().map(seed).collect::<Result<BTreeMap<_, _>, _>>()?;
        if seeds.is_empty() {
            return Ok(None);
        }
        seeds.remove(BEGUN);
        Ok(Some(if seeds.remove(MIGRATED).is_some() { Seeds::Known(seeds) } else { Seeds::Unknown }))
    }

    /// The target is ours from here on.
    pub(super) async fn make(&self) -> Result<(), DbErr> {
        let table = Table::create()
            .table(TABLE)
            .if_not_exists()
            .col(ColumnDef::new("table_name").string_len(255).not_null())
            .col(ColumnDef::new("row_count").big_integer().not_null())
            .col(ColumnDef::new("checksum").string_len(32).not_null())
            .to_owned();
        self.0.database.execute(&table).await?;
        self.insert(&[(BEGUN, Checksum::default())]).await
    }

    pub(super) async fn record(&self, seeds: &BTreeMap<String, Checksum>) -> Result<(), DbErr> {
        let seeds = seeds.iter().map(|(table, checksum)| (table.as_str(), *checksum));
        // In one statement: all or none.
        self.insert(&seeds.chain([(MIGRATED, Checksum::default())]).collect::<Vec<_>>()).await
    }

    async fn insert(&self, rows: &[(&str, Checksum)]) -> Result<(), DbErr> {
        let mut insert = Query::insert().into_table(TABLE).columns(["table_name", "row_count", "checksum"]).to_owned();
        for (table, checksum) in rows {
            let count = i64::try_from(checksum.rows).unwrap_or(i64::MAX);
            insert.values_panic([(*table).into(), count.into(), format!("{:032x}", checksum.sum).into()]);
        }
        self.0.database.execute(&insert).await.map(drop)
    }

    /// Its rows are gone by now, so that it means nothing should it stay.
    pub(super) async fn remove(&self) {
        let drop = Table::drop().table(TABLE).if_exists().to_owned();
        if let Err(error) = self.0.database.execute(&drop).await {
            tracing::warn!(plugin = self.0.plugin().as_str(), "table `{TABLE}` can be dropped, and could not: {error}");
        }
    }

    async fn exists(&self) -> Result<bool, DbErr> {
        let backend = self.0.database.get_database_backend();
        let select = match backend {
            DbBackend::Postgres => {
                "SELECT 1 FROM pg_catalog.pg_class WHERE relname = 'greenroom_copy' \
                 AND relnamespace = current_schema()::regnamespace"
            }
            DbBackend::MySql => {
                "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'greenroom_copy'"
            }
            _ => "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'greenroom_copy'",
        };
        Ok(self.0.database.query_one_raw(Statement::from_string(backend, select)).await?.is_some())
    }
}

fn seed(row: &QueryResult) -> Result<(String, Checksum), DbErr> {
    let rows: i64 = row.try_get("", "row_count")?;
    let sum: String = row.try_get("", "checksum")?;
    let sum = u128::from_str_radix(&sum, 16).map_err(|error| DbErr::Custom(error.to_string()))?;
    Ok((row.try_get("", "table_name")?, Checksum { rows: u64::try_from(rows).unwrap_or_default(), sum }))
}
