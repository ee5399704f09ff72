use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use backend_plugin_api::PluginId;
use chrono::{SubsecRound as _, Utc};
use futures::{StreamExt as _, stream};
use tokio::sync::mpsc;

use super::cell::write_row;
use super::error::{BackupError, Failures};
use super::folder::Folder;
use super::manifest::{Backup, FORMAT, Manifest, PluginBackup, TableBackup};
use super::snapshot::Snapshot;
use super::table_file::{Writer, Written};
use crate::Site;
use crate::transfer::{Column, Kind, Rows, Source, Table, WAITING_BATCHES};

/// How many plugins are read at a time.
const AT_ONCE: usize = 4;

/// Is told of which plugin and table so many rows (of all of that table) have been written.
pub type BackUpProgress = Arc<dyn Fn(PluginId, &str, u64) + Send + Sync>;

/// What was written, and how long each plugin took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// All of it.
    pub backup: Backup,
    /// By plugin.
    pub took: HashMap<PluginId, Duration>,
}

/// Writes what is in the databases of `sites` to `folder`, which is made, or has to be empty: all of it, or nothing.
/// Each plugin's is of one moment.
///
/// # Errors
/// When a plugin's cannot be read: all are told. When there is no room.
pub async fn back_up(sites: &[Site], folder: &Path, progress: &BackUpProgress) -> Result<BackedUp, BackupError> {
    let taken_at = Utc::now().trunc_subsecs(0);
    let unfinished = Folder::make(folder)?;
    let work = sites.iter().map(|site| {
        let unfinished = &unfinished;
        async move {
            let begun = Instant::now();
            (site.plugin(), one(site, unfinished, progress).await, begun.elapsed())
        }
    });
    // In this order, so that what is told is too.
    let done: Vec<_> = stream::iter(work).buffered(AT_ONCE).collect().await;
    let (mut plugins, mut took, mut failures) = (BTreeMap::new(), HashMap::new(), Vec::new());
    for (plugin, done, time) in done {
        took.insert(plugin, time);
        match done {
            Ok(backup) => drop(plugins.insert(plugin.to_string(), backup)),
            Err(error) => failures.push((plugin, error)),
        }
    }
    if !failures.is_empty() {
        return Err(Failures(failures).into());
    }
    let manifest = Manifest { format: FORMAT, greenroom: env!("CARGO_PKG_VERSION").to_owned(), taken_at, plugins };
    unfinished.finish(&manifest)?;
    Ok(BackedUp { backup: Backup { folder: folder.to_owned(), manifest }, took })
}

async fn one(site: &Site, folder: &Folder, progress: &BackUpProgress) -> anyhow::Result<PluginBackup> {
    let info = site.database.info();
    if info.ephemeral {
        bail!("it is in memory: there is nothing that could be restored");
    }
    ensure!(site.exists().await?, "{} is not there", info.location);
    let path = folder.make_plugin(site.plugin().as_str())?;
    let mut snapshot = Snapshot::open(site, &path).await?;
    let mut tables = Vec::new();
    for (index, table) in snapshot.source.catalog().clone().tables.into_iter().enumerate() {
        let file = format!("{}/{}", site.plugin(), file_name(&table.name, index));
        let (progress, plugin, name) = (Arc::clone(progress), site.plugin(), table.name.clone());
        let told = move |rows| progress(plugin, &name, rows);
        tables.push(one_table(snapshot.source.as_mut(), table, folder.path(), file, told).await?);
    }
    let counters = snapshot.source.counters().await?;
    let left_out = snapshot.source.left_out().await?;
    Ok(PluginBackup { client: info.client.clone(), migrations: snapshot.migrations, tables, counters, left_out })
}

async fn one_table(
    source: &mut dyn Source,
    table: Table,
    folder: &Path,
    file: String,
    told: impl FnMut(u64) + Send + 'static,
) -> anyhow::Result<TableBackup> {
    let columns: Vec<&Column> = table.stored().collect();
    let (sender, receiver) = mpsc::channel(WAITING_BATCHES);
    let writer = Writer::create(&folder.join(&file));
    let written = write(Rows::new(receiver, told), &columns, writer);
    let (read, written) = tokio::join!(source.read(&table, &columns, sender), written);
    let written = written.with_context(|| format!("table `{}`", table.name));
    let (Written { bytes, sha256 }, checksum) = written?;
    read?;
    Ok(TableBackup { table, file, bytes, sha256, checksum })
}

async fn write(
    mut rows: Rows,
    columns: &[&Column],
    writer: Writer,
) -> anyhow::Result<(Written, crate::transfer::Checksum)> {
    let kinds: Vec<&Kind> = columns.iter().map(|it| &it.kind).collect();
    while let Some(batch) = rows.next().await {
        let mut lines = Vec::new();
        rows.each(&batch, columns, |row| {
            write_row(&mut lines, row, &kinds);
            Ok(())
        })?;
        if !writer.add(lines).await {
            break;
        }
    }
    Ok((writer.finish().await?, rows.checksum()))
}

/// As the table, where that is a name of files everywhere.
fn file_name(table: &str, index: usize) -> String {
    let is_plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_';
    if table.len() <= 100 && table.bytes().all(is_plain) {
        return format!("{table}.jsonl.zst");
    }
    let lower = table.bytes().take(100).map(|it| it.to_ascii_lowercase());
    let plain: String = lower.map(|it| if is_plain(it) { char::from(it) } else { '-' }).collect();
    format!("{plain}-{index}.jsonl.zst")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        assert_eq!(file_name("entities", 1), "entities.jsonl.zst");
        assert_eq!(file_name("Odd \"Name", 2), "odd--name-2.jsonl.zst");
        assert_eq!(file_name("../x", 3), "---x-3.jsonl.zst");
        assert!(file_name(&"ä".repeat(300), 4).len() < 120);
    }
}
