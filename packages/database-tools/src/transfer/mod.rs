//! Rows from one place to another, whatever the engines.
//!
//! ```text
//! Source ──Batch (as the source has it)──> Rows: Value, by the target's Kind ──> Sink
//!   in one snapshot, never written             └──> Checksum                       in one transaction
//! ```
//!
//! A [`Catalog`] says what tables there are. Values are converted by the *target's* columns: what a migration made there
//! is what the plugin will read. A [`Checksum`] is of values, so that it is the same in every engine.

mod batch;
mod catalog;
mod checksum;
mod convert;
mod copy;
mod json;
mod load;
mod mysql;
mod open;
mod postgres;
mod preview;
mod rows;
mod sqlite;
mod value;

use async_trait::async_trait;
use tokio::sync::mpsc;

pub use batch::{Batch, Raw};
pub use catalog::{Catalog, Column, Counter, Kind, Table};
pub use checksum::Checksum;
pub use convert::{Unfit, convert};
pub(crate) use convert::{write_date, write_time, write_timestamp};
pub use copy::{copy, is_same_place};
pub(crate) use load::load_at;
pub use load::{Event, LoadError, Loaded, LoadedTable, Opening, Progress, load};
pub use open::{sink, source};
pub use preview::{Preview, TargetState, preview};
pub use rows::Rows;
pub(crate) use sqlite::open_to_read;
pub use value::Value;

/// How many batches may wait between a source and a sink.
pub const WAITING_BATCHES: usize = 4;

/// Where rows come from. It sees one state of the database, from when it was opened until it is dropped, and writes
/// nothing.
#[async_trait]
pub trait Source: Send {
    /// The tables of the plugin, without those of the host.
    fn catalog(&self) -> &Catalog;

    /// Sends the rows of `table`, the values in the order of `columns`. Ends early, without an error, when nobody
    /// receives any longer.
    async fn read(&mut self, table: &Table, columns: &[&Column], batches: mpsc::Sender<Batch>) -> anyhow::Result<()>;

    /// How many rows are in `table`.
    async fn count(&mut self, table: &Table) -> anyhow::Result<u64>;

    /// Whether it is certain that the database is still what this sees; else it has to be read once more to know.
    async fn is_unchanged(&mut self) -> anyhow::Result<bool> {
        Ok(false)
    }

    /// What counting columns have given out.
    async fn counters(&mut self) -> anyhow::Result<Vec<Counter>>;

    /// Tables that are not in the catalog, as their rows cannot be read as rows: SQLite's virtual ones.
    async fn left_out(&mut self) -> anyhow::Result<Vec<String>> {
        Ok(Vec::new())
    }
}

/// Where rows go. Nobody sees anything before [`Sink::commit`]; one that is dropped leaves all as it was.
#[async_trait]
pub trait Sink: Send {
    /// The tables of the plugin, without those of the host, as they are there.
    fn catalog(&self) -> &Catalog;

    /// Deletes all rows of the plugin's tables, and stops minding references between them until the end.
    async fn empty(&mut self) -> anyhow::Result<()>;

    /// Writes rows, whose values are in the order of `columns`, which are its own.
    async fn write(&mut self, table: &Table, columns: &[&Column], rows: &mut Rows) -> anyhow::Result<()>;

    /// What is in `table` now, as it would be read.
    async fn checksum(&mut self, table: &Table, columns: &[&Column]) -> anyhow::Result<Checksum>;

    /// Deletes the rows of a table of the host's.
    async fn clear(&mut self, table: &str) -> anyhow::Result<()>;

    /// Lets counting columns go on from there, and from what is in them.
    async fn set_counters(&mut self, counters: &[Counter]) -> anyhow::Result<()>;

    /// Checks references, and lets others see it.
    async fn commit(self: Box<Self>) -> anyhow::Result<()>;
}
