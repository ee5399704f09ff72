//! A backend with `EXTRA_PLUGINS` (50) trivial plugins: one table each, a route that inserts a row and counts, and one
//! that inserts and reads a row by its id. What provisioning, pools and failures are measured with.

use std::process::ExitCode;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use backend_app_api::Backend;
use backend_plugin_api::services::{Database, HttpRouter};
use backend_plugin_api::{ApiError, Migrations, Plugin, PluginId, Result};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, EntityTrait, PaginatorTrait, TransactionSession, TransactionTrait};
use sea_orm_migration::prelude::*;

fn main() -> ExitCode {
    let count = std::env::var("EXTRA_PLUGINS").ok().and_then(|it| it.parse().ok()).unwrap_or(50);
    backend_cli::main(|backend| ADD.iter().take(count).fold(backend, |backend, add| add(backend)))
}

/// The plugin `extra01` and so on; `N` counts from 0.
struct Extra<const N: usize>;

impl<const N: usize> Extra<N> {
    const DIGITS: [u8; 3] = [digit((N + 1) / 100), digit((N + 1) / 10), digit(N + 1)];
    const LONG: [u8; 8] = [b'e', b'x', b't', b'r', b'a', Self::DIGITS[0], Self::DIGITS[1], Self::DIGITS[2]];
    const SHORT: [u8; 7] = [b'e', b'x', b't', b'r', b'a', Self::DIGITS[1], Self::DIGITS[2]];
    const ID: &'static str = match std::str::from_utf8(if N < 99 { &Self::SHORT } else { &Self::LONG }) {
        Ok(name) => name,
        Err(_) => unreachable!(),
    };
}

const fn digit(number: usize) -> u8 {
    b'0' + (number % 10) as u8
}

impl<const N: usize> Plugin for Extra<N> {
    const ID: PluginId = PluginId::new(Self::ID);
    type Deps = (Database, HttpRouter);

    fn migrations() -> Migrations {
        vec![Box::new(CreateRows)]
    }

    async fn init(self, (database, http): Self::Deps) -> Result<()> {
        let routes = Router::new().route("/", get(touch)).route("/{id}", get(read).put(write));
        http.mount(routes.with_state(database))?;
        Ok(())
    }
}

async fn touch(State(database): State<Database>) -> Result<String, ApiError> {
    rows::ActiveModel { id: NotSet, at: NotSet }.insert(&database).await?;
    Ok(rows::Entity::find().count(&database).await?.to_string())
}

async fn write(State(database): State<Database>, Path(id): Path<i64>) -> Result<String, ApiError> {
    let transaction = database.begin().await?;
    let row = rows::ActiveModel { id: Set(id), at: NotSet }.insert(&transaction).await?;
    transaction.commit().await?;
    Ok(row.id.to_string())
}

async fn read(State(database): State<Database>, Path(id): Path<i64>) -> Result<String, ApiError> {
    let row = rows::Entity::find_by_id(id).one(&database).await?;
    Ok(row.ok_or_else(|| ApiError::not_found(format!("there is no row {id}")))?.id.to_string())
}

mod rows {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "extra_rows")]
    pub(super) struct Model {
        #[sea_orm(primary_key)]
        pub(super) id: i64,
        pub(super) at: ChronoDateTimeUtc,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

struct CreateRows;

impl MigrationName for CreateRows {
    fn name(&self) -> &'static str {
        "m20260101_000001_create_rows"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateRows {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("extra_rows")
            .col(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key())
            .col(ColumnDef::new("at").timestamp_with_time_zone().not_null().default(Expr::current_timestamp()))
            .to_owned();
        manager.create_table(table).await
    }
}

/// Adds a plugin.
type Add = fn(Backend) -> Backend;

macro_rules! ten {
    ($tens:expr) => { ten!($tens; 0 1 2 3 4 5 6 7 8 9) };
    ($tens:expr; $($one:literal)*) => { [$((|backend| backend.plugin(Extra::<{ $tens * 10 + $one }>)) as Add),*] };
}

macro_rules! all {
    ($($tens:literal)*) => { [$(ten!($tens)),*] };
}

/// 500 of them.
static ADD: &[Add] = {
    const ALL: [[Add; 10]; 50] = all!(
        0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24
        25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49
    );
    ALL.as_flattened()
};
