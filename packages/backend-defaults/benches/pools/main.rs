//! `cargo bench --bench pools`: plugins' handles beside stock pools of sqlx, on a PostgreSQL of its own. Prints one JSON
//! object: of each pattern of access the time of a query in microseconds, `[handle, stock pool]` a round, the most
//! connections that the handles had, and how many queries failed.
#![expect(clippy::print_stdout, reason = "a command line tool")]

mod load;
mod sampler;
mod server;

use load::Pattern;
use sampler::Sampler;
use sea_orm::ConnectionTrait;
use serde_json::{Map, Value, json};
use server::Server;

/// Of plugins, where there are many.
const PLUGINS: usize = 50;
/// Of connections, of all plugins together.
const BUDGET: usize = 10;
/// Many short ones, so that in most of them both turns had the machine alike; an odd number, for the medians.
const ROUNDS: usize = 61;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = tokio::task::spawn_blocking(|| Server::start(PLUGINS)).await??;
    let mut report = Map::new();
    report.insert("one task".to_owned(), compare(&server, Pattern::hot(1, 1000)).await?);
    report.insert("16 tasks".to_owned(), compare(&server, Pattern::hot(16, 1600)).await?);
    report.insert("round robin".to_owned(), compare(&server, Pattern::round_robin(PLUGINS, 16, 1600)).await?);
    report.insert("zipf".to_owned(), compare(&server, Pattern::zipf(PLUGINS, 16, 1600)).await?);
    println!("{}", Value::from(report));
    Ok(tokio::task::spawn_blocking(|| drop(server)).await?)
}

/// Both in turns, so that whatever else the machine does slows both.
async fn compare(server: &Server, pattern: Pattern) -> anyhow::Result<Value> {
    let handles = server.handles(pattern.places(), BUDGET).await?;
    let stock = server.stock_pools(pattern.places()).await?;
    let sampler = Sampler::start(server).await?;
    let mut failed = 0;
    let mut rounds = Vec::with_capacity(ROUNDS);
    // One round to open connections and prepare statements.
    for round in 0..=ROUNDS {
        let (ours, theirs) = (pattern.run(&handles).await, pattern.run(&stock).await);
        anyhow::ensure!(theirs.failed == 0, "{} queries of the stock pools failed", theirs.failed);
        failed += ours.failed;
        if round > 0 {
            rounds.push([ours.micros, theirs.micros]);
        }
    }
    let most = sampler.stop().await?;
    for handle in handles {
        handle.close().await;
    }
    for pool in stock {
        pool.close().await?;
    }
    Ok(json!({ "micros": rounds, "connections": most, "failed": failed }))
}

/// The row that each query reads, built the same way for either.
async fn read(connection: &impl ConnectionTrait, id: i32) -> bool {
    use sea_orm::EntityTrait;
    let row = server::item::Entity::find_by_id(id).one(connection).await;
    row.is_ok_and(|row| row.is_some_and(|row| row.id == id))
}
