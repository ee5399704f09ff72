//! All rows of a source into the database of a plugin, or none.

mod error;
mod marker;
mod pair;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::future::BoxFuture;
use tokio::sync::mpsc;

pub use self::error::LoadError;
use self::marker::{Marker, Seeds};
use self::pair::{Pair, pairs};
use super::{Checksum, Rows, Sink, Source, WAITING_BATCHES, sink, source};
use crate::Site;

/// Opens a source once more, to see whether it is still as it was.
pub type Opening<'a> = Box<dyn FnOnce() -> BoxFuture<'a, anyhow::Result<Box<dyn Source>>> + Send + 'a>;

/// Is told how far it is.
pub type Progress = Arc<dyn Fn(Event<'_>) + Send + Sync>;

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// So many rows are to come, of all tables.
    Begins {
        /// How many.
        rows: u64,
    },
    /// So many rows of a table have been written.
    Copied {
        /// Which.
        table: &'a str,
        /// How many, of this table.
        rows: u64,
    },
    /// What is in a table now is what was written.
    Checked {
        /// Which.
        table: &'a str,
    },
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// By the order in which they were written.
    pub tables: Vec<LoadedTable>,
    /// Tables of the source that were not moved: see [`Source::left_out`].
    pub left_out: Vec<String>,
    /// It was all there already, so that nothing was written.
    pub was_there: bool,
    /// How long it took.
    pub took: Duration,
}

/// What was done of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedTable {
    /// Its name.
    pub name: String,
    /// How many are in it now.
    pub rows: u64,
}

/// Provisions and migrates `target`, and writes all rows of `source` into it: all or none. `again` opens the same source
/// once more, so that what was written is compared with what is there now. A target that has these rows already is left
/// alone. One in which this was broken off before is taken up again.
///
/// # Errors
/// When there are rows in `target` already, other than these. When tables or columns differ. When a value does not fit.
/// When the source changed meanwhile.
pub async fn load(
    source: Box<dyn Source>,
    again: Opening<'_>,
    target: &Site,
    progress: &Progress,
) -> Result<Loaded, LoadError> {
    load_at(source, again, target, None, progress).await
}

/// As [`load`], into the tables as they are after the plugin's migration `last`, if there is one.
pub(crate) async fn load_at(
    mut source: Box<dyn Source>,
    again: Opening<'_>,
    target: &Site,
    last: Option<&str>,
    progress: &Progress,
) -> Result<Loaded, LoadError> {
    let began = Instant::now();
    target.provision().await?;
    let marker = Marker::of(target);
    let Some(seeds) = prepare(source.as_mut(), target, last, &marker).await? else {
        return already_there(source.as_mut(), &marker, began).await;
    };
    let mut sink = sink(target).await?;
    let pairs = pairs(source.catalog(), sink.catalog())?;
    let filled = filled_since(sink.as_mut(), &seeds).await?;
    if !filled.is_empty() {
        drop(sink);
        // Perhaps by another who copies the same.
        if has_all(source.as_mut(), target).await? {
            return already_there(source.as_mut(), &marker, began).await;
        }
        return Err(LoadError::NotEmpty { target: target.plan.info().location, filled });
    }
    let tables = counted(source.as_mut()).await?;
    progress(Event::Begins { rows: tables.iter().map(|it| it.rows).sum() });
    let mut written = Vec::new();
    sink.empty().await?;
    for pair in &pairs {
        let checksum;
        (source, checksum) = write(source, sink.as_mut(), pair, progress).await?;
        written.push(checksum);
    }
    sink.set_counters(&source.counters().await?).await?;
    let left_out = source.left_out().await?;
    check(sink.as_mut(), &pairs, &written, progress).await?;
    check_unchanged(source.as_mut(), again, &pairs, &written).await?;
    sink.clear(marker::TABLE).await?;
    sink.commit().await?;
    marker.remove().await;
    let tables = pairs.iter().zip(&written);
    let tables = tables.map(|(pair, it)| LoadedTable { name: pair.target.name.clone(), rows: it.rows }).collect();
    Ok(Loaded { tables, left_out, was_there: false, took: began.elapsed() })
}

async fn already_there(source: &mut dyn Source, marker: &Marker<'_>, began: Instant) -> Result<Loaded, LoadError> {
    let tables = counted(source).await?;
    marker.remove().await;
    let left_out = source.left_out().await?;
    Ok(Loaded { tables, left_out, was_there: true, took: began.elapsed() })
}

/// Migrates `target`, and returns what migrations put into it: those rows may go. Nothing if it has the rows of `source`
/// already.
async fn prepare(
    source: &mut dyn Source,
    target: &Site,
    last: Option<&str>,
    marker: &Marker<'_>,
) -> Result<Option<BTreeMap<String, Checksum>>, LoadError> {
    let report = target.migrator().look().await.context("cannot read which migrations were applied")?;
    if !report.unknown.is_empty() {
        let unknown = report.unknown.iter().map(|it| it.id.to_string()).collect();
        return Err(LoadError::Newer { target: target.plan.info().location, unknown });
    }
    match marker.read().await.context("cannot read what was copied before")? {
        Some(Seeds::Unknown) => {}
        Some(Seeds::Known(seeds)) => {
            migrate(target, last).await?;
            return Ok(Some(seeds));
        }
        None => {
            let filled = filled(target).await?;
            if !filled.is_empty() {
                let is_there = report.pending.is_empty() && has_all(source, target).await?;
                let target = target.plan.info().location;
                return if is_there { Ok(None) } else { Err(LoadError::NotEmpty { target, filled }) };
            }
            marker.make().await.context("cannot make table `greenroom_copy`")?;
        }
    }
    migrate(target, last).await?;
    let seeds = checksums(source_of(target).await?.as_mut()).await?;
    marker.record(&seeds).await.context("cannot write to table `greenroom_copy`")?;
    Ok(Some(seeds))
}

async fn migrate(target: &Site, last: Option<&str>) -> anyhow::Result<()> {
    match last {
        Some(last) => target.migrator().run_to(last).await?,
        None => target.migrator().run().await?,
    };
    Ok(())
}

async fn source_of(target: &Site) -> anyhow::Result<Box<dyn Source>> {
    source(target).await.context("cannot read the target")
}

/// The target's tables that have rows.
async fn filled(target: &Site) -> anyhow::Result<Vec<(String, u64)>> {
    let counted = counted(source_of(target).await?.as_mut()).await?;
    Ok(counted.into_iter().filter(|it| it.rows > 0).map(|it| (it.name, it.rows)).collect())
}

pub(super) async fn counted(source: &mut dyn Source) -> anyhow::Result<Vec<LoadedTable>> {
    let mut tables = Vec::new();
    for table in source.catalog().tables.clone() {
        tables.push(LoadedTable { rows: source.count(&table).await?, name: table.name });
    }
    Ok(tables)
}

/// Of each table that has rows.
async fn checksums(source: &mut dyn Source) -> anyhow::Result<BTreeMap<String, Checksum>> {
    let mut checksums = BTreeMap::new();
    for table in source.catalog().tables.clone() {
        let checksum = checksum(source, &Pair::with_itself(table.clone())).await?;
        if checksum.rows > 0 {
            checksums.insert(table.name, checksum);
        }
    }
    Ok(checksums)
}

/// As the target would have it.
async fn checksum(source: &mut dyn Source, pair: &Pair) -> anyhow::Result<Checksum> {
    let (sender, receiver) = mpsc::channel(WAITING_BATCHES);
    let (columns, wanted) = (pair.source_columns(), pair.target_columns());
    let read = source.read(&pair.source, &columns, sender);
    let ((), checksum) = tokio::try_join!(read, Rows::new(receiver, |_| ()).drain(&wanted))
        .with_context(|| format!("table `{}`", pair.source.name))?;
    Ok(checksum)
}

/// Whether the target's tables have the rows of the source's.
async fn has_all(source: &mut dyn Source, target: &Site) -> anyhow::Result<bool> {
    let mut target = source_of(target).await?;
    let Ok(pairs) = pairs(source.catalog(), target.catalog()) else { return Ok(false) };
    for pair in &pairs {
        let itself = Pair::with_itself(pair.target.clone());
        // What costs least comes first. What does not fit is not the same.
        if source.count(&pair.source).await? != target.count(&pair.target).await? {
            return Ok(false);
        }
        let (wanted, there) = (checksum(source, pair).await, checksum(target.as_mut(), &itself).await?);
        if wanted.ok() != Some(there) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The tables that somebody has written to since, now that nobody can.
async fn filled_since(sink: &mut dyn Sink, seeds: &BTreeMap<String, Checksum>) -> anyhow::Result<Vec<(String, u64)>> {
    let mut filled = Vec::new();
    for table in sink.catalog().tables.clone() {
        let columns: Vec<_> = table.stored().collect();
        let checksum = sink.checksum(&table, &columns).await?;
        if checksum != seeds.get(&table.name).copied().unwrap_or_default() {
            filled.push((table.name, checksum.rows));
        }
    }
    Ok(filled)
}

/// Reads in a task of its own, so that it goes on while rows are written.
async fn write(
    mut source: Box<dyn Source>,
    sink: &mut dyn Sink,
    pair: &Pair,
    progress: &Progress,
) -> anyhow::Result<(Box<dyn Source>, Checksum)> {
    let (sender, receiver) = mpsc::channel(WAITING_BATCHES);
    let read = pair.clone();
    let reading = tokio::spawn(async move {
        let read = source.read(&read.source, &read.source_columns(), sender).await;
        (source, read)
    });
    let (told, table) = (Arc::clone(progress), pair.target.name.clone());
    let mut rows = Rows::new(receiver, move |rows| told(Event::Copied { table: &table, rows }));
    let written = sink.write(&pair.target, &pair.target_columns(), &mut rows).await;
    let checksum = rows.checksum();
    // Whoever still reads sees that nobody receives any longer.
    drop(rows);
    let (source, read) = reading.await?;
    read.and(written).with_context(|| format!("table `{}`", pair.target.name))?;
    Ok((source, checksum))
}

/// That what is there is what was written: nothing was rounded, cut off, or changed by a default.
async fn check(
    sink: &mut dyn Sink,
    pairs: &[Pair],
    written: &[Checksum],
    progress: &Progress,
) -> Result<(), LoadError> {
    let mut altered = Vec::new();
    for (pair, wanted) in pairs.iter().zip(written) {
        let table = &pair.target.name;
        let found = sink.checksum(&pair.target, &pair.target_columns()).await?;
        match found == *wanted {
            true => progress(Event::Checked { table }),
            false => altered.push(table.clone()),
        }
    }
    if altered.is_empty() { Ok(()) } else { Err(LoadError::Altered { tables: altered }) }
}

/// That the source is still what was read.
async fn check_unchanged(
    source: &mut dyn Source,
    again: Opening<'_>,
    pairs: &[Pair],
    written: &[Checksum],
) -> Result<(), LoadError> {
    if source.is_unchanged().await? {
        return Ok(());
    }
    let mut now = again().await.context("cannot read the source once more")?;
    let mut changed = Vec::new();
    for (pair, wanted) in pairs.iter().zip(written) {
        let found = match now.catalog().table(&pair.source.name) {
            Some(table) if *table == pair.source => Some(checksum(now.as_mut(), pair).await),
            _ => None,
        };
        // What does not fit now did then.
        if !matches!(found, Some(Ok(found)) if found == *wanted) {
            changed.push(pair.source.name.clone());
        }
    }
    if changed.is_empty() { Ok(()) } else { Err(LoadError::Changed { tables: changed }) }
}
