//! `cargo bench --package backend-defaults --bench sqlite`: inserts and reads by key through a plugin's handle, beside
//! plain rusqlite on one thread with the same statements. They take turns, so that whatever else the machine does slows
//! both. One JSON object a measurement: `place`, `what`, and a second's `ours` and `plain`.
#![expect(clippy::print_stdout, reason = "a command line tool")]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use backend_defaults::database::{DatabaseConfig, DatabaseManager, LibpqEnvironment};
use backend_plugin_api::PluginId;
use backend_plugin_api::services::Database;
use config::Config;
use futures::future::try_join_all;
use sea_orm::{ActiveValue, ConnectionTrait, DbBackend, EntityTrait, Statement};
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const PLUGIN: PluginId = PluginId::new("bench");
/// How often each is measured, and for how long.
const ROUNDS: usize = 7;
const SAMPLE: Duration = Duration::from_millis(250);
/// How many rows there are to read.
const ROWS: i64 = 10_000;
/// How many tasks read at the same time.
const READERS: usize = 16;

const CREATE: &str = "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL)";
const INSERT: &str = "INSERT INTO item (name) VALUES (?)";
const SELECT: &str = "SELECT id, name FROM item WHERE id = ?";
/// A text of usual length.
const NAME: &str = "component:default/an-entity-of-the-catalog";

mod item {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "item")]
    pub(super) struct Model {
        #[sea_orm(primary_key)]
        pub(super) id: i64,
        pub(super) name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for place in ["memory", "file"] {
        let (database, plain) = match place {
            "memory" => (ours(json!({})).await?, plain(None)?),
            _ => {
                let database = ours(json!({ "connection": { "directory": folder.path() } })).await?;
                (database, plain(Some(&folder.path().join("plain.sqlite")))?)
            }
        };
        for _ in 0..ROUNDS {
            measure(place, &database, &plain).await?;
        }
        database.close().await;
    }
    Ok(())
}

async fn measure(place: &str, database: &Database, plain: &rusqlite::Connection) -> Result<()> {
    let print = |what: &str, ours: f64, plain: f64| {
        println!("{}", json!({ "place": place, "what": what, "ours": ours, "plain": plain }));
    };
    let inserts = plain_rate(|_| plain_insert(plain))?;
    print("insert", rate(database, insert).await?, inserts);
    print("insert of an entity", rate(database, insert_entity).await?, inserts);
    let reads = plain_rate(|key| plain_read(plain, key))?;
    print("read", rate(database, read).await?, reads);
    print("read of an entity", rate(database, read_entity).await?, reads);
    print("read by 16 tasks", parallel(database).await?, reads);
    Ok(())
}

async fn ours(database: Value) -> Result<Database> {
    let config = Config::from_json(json!({ "backend": { "database": database } }));
    let config: DatabaseConfig = config.read("backend.database").map_err(|errors| errors.to_string())?;
    let database = DatabaseManager::new(config, LibpqEnvironment::default()).database_for(PLUGIN)?;
    database.execute_unprepared(CREATE).await?;
    database.execute_unprepared(&fill()).await?;
    Ok(database)
}

/// In a file: WAL and `synchronous`, as ours.
fn plain(file: Option<&Path>) -> Result<rusqlite::Connection> {
    let connection = match file {
        Some(file) => rusqlite::Connection::open(file)?,
        None => rusqlite::Connection::open_in_memory()?,
    };
    if file.is_some() {
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")?;
    }
    connection.execute_batch(CREATE)?;
    connection.execute_batch(&fill())?;
    Ok(connection)
}

fn fill() -> String {
    format!(
        "INSERT INTO item (name) WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) \
         SELECT '{NAME}' FROM n"
    )
}

async fn insert(database: Database, _: i64) -> Result<()> {
    let statement = Statement::from_sql_and_values(DbBackend::Sqlite, INSERT, [NAME.into()]);
    database.execute_raw(statement).await?;
    Ok(())
}

async fn insert_entity(database: Database, _: i64) -> Result<()> {
    let item = item::ActiveModel { name: ActiveValue::set(NAME.to_owned()), ..Default::default() };
    item::Entity::insert(item).exec(&database).await?;
    Ok(())
}

async fn read(database: Database, key: i64) -> Result<()> {
    let statement = Statement::from_sql_and_values(DbBackend::Sqlite, SELECT, [key.into()]);
    let row = database.query_one_raw(statement).await?.ok_or("no row")?;
    check(row.try_get_by_index(0)?, &row.try_get_by_index::<String>(1)?, key)
}

async fn read_entity(database: Database, key: i64) -> Result<()> {
    let item = item::Entity::find_by_id(key).one(&database).await?.ok_or("no row")?;
    check(item.id, &item.name, key)
}

fn plain_insert(connection: &rusqlite::Connection) -> Result<()> {
    connection.prepare_cached(INSERT)?.execute([NAME])?;
    Ok(())
}

fn plain_read(connection: &rusqlite::Connection, key: i64) -> Result<()> {
    let mut statement = connection.prepare_cached(SELECT)?;
    let (id, name): (i64, String) = statement.query_one([key], |row| Ok((row.get(0)?, row.get(1)?)))?;
    check(id, &name, key)
}

fn check(id: i64, name: &str, key: i64) -> Result<()> {
    if (id, name) == (key, NAME) { Ok(()) } else { Err("another row".into()) }
}

/// The keys, in an order that is neither theirs nor by chance.
fn key(count: i64) -> i64 {
    count * 7919 % ROWS + 1
}

/// In a task, as what a plugin does.
async fn rate<F>(database: &Database, one: fn(Database, i64) -> F) -> Result<f64>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let database = database.clone();
    let task = tokio::spawn(async move {
        let (started, mut count) = (Instant::now(), 0);
        while started.elapsed() < SAMPLE {
            one(database.clone(), key(count)).await?;
            count += 1;
        }
        Ok(per_second(count, started))
    });
    task.await?
}

fn plain_rate(one: impl Fn(i64) -> Result<()>) -> Result<f64> {
    let (started, mut count) = (Instant::now(), 0);
    while started.elapsed() < SAMPLE {
        one(key(count))?;
        count += 1;
    }
    Ok(per_second(count, started))
}

async fn parallel(database: &Database) -> Result<f64> {
    let rates = try_join_all((0..READERS).map(|_| rate(database, read))).await?;
    Ok(rates.iter().sum())
}

fn per_second(count: i64, started: Instant) -> f64 {
    count as f64 / started.elapsed().as_secs_f64()
}
