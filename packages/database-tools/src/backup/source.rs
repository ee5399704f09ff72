use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::cell::Line;
use super::manifest::{Backup, PluginBackup, TableBackup};
use super::table_file::{self, Flow};
use crate::transfer::{Batch, Catalog, Checksum, Column, Counter, Kind, Source, Table, convert};

/// The rows of a plugin in a backup. All that is read is compared with the manifest.
pub(super) struct BackupSource {
    folder: PathBuf,
    plugin: PluginBackup,
    catalog: Catalog,
}

impl BackupSource {
    /// Opens no file yet.
    pub(super) fn new(backup: &Backup, plugin: &PluginBackup) -> Self {
        Self { folder: backup.folder.clone(), plugin: plugin.clone(), catalog: plugin.catalog() }
    }

    fn backup_of(&self, table: &Table) -> anyhow::Result<&TableBackup> {
        let found = self.plugin.tables.iter().find(|it| it.table.name == table.name);
        found.with_context(|| format!("the backup has no table `{}`", table.name))
    }
}

#[async_trait]
impl Source for BackupSource {
    fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Nothing is to be kept of what was sent when this fails in the end.
    async fn read(&mut self, table: &Table, columns: &[&Column], batches: mpsc::Sender<Batch>) -> anyhow::Result<()> {
        let backup = self.backup_of(table)?.clone();
        let path = self.folder.join(&backup.file);
        let stored: Vec<Column> = backup.table.stored().cloned().collect();
        let wanted = columns.iter().map(|column| {
            let found = stored.iter().position(|it| it.name == column.name);
            found.with_context(|| format!("the backup of table `{}` has no column `{}`", table.name, column.name))
        });
        let wanted: Vec<usize> = wanted.collect::<Result<_, _>>()?;
        let context = format!("`{}` is damaged", path.display());
        let read = move || {
            // What is wrong with the file says more than what comes of it.
            read(&path, &backup, &stored, &wanted, &batches).map_err(|error| match backup.written().check(&path) {
                Ok(()) => error,
                Err(other) => other,
            })
        };
        spawn_blocking(read).await?.context(context)
    }

    async fn count(&mut self, table: &Table) -> anyhow::Result<u64> {
        Ok(self.backup_of(table)?.checksum.rows)
    }

    /// Each file is compared with the manifest when it is read.
    async fn is_unchanged(&mut self) -> anyhow::Result<bool> {
        Ok(true)
    }

    async fn counters(&mut self) -> anyhow::Result<Vec<Counter>> {
        Ok(self.plugin.counters.clone())
    }

    async fn left_out(&mut self) -> anyhow::Result<Vec<String>> {
        Ok(self.plugin.left_out.clone())
    }
}

/// Sends the `wanted` columns, and compares all with the manifest.
fn read(
    path: &Path,
    backup: &TableBackup,
    stored: &[Column],
    wanted: &[usize],
    batches: &mpsc::Sender<Batch>,
) -> anyhow::Result<()> {
    let kinds: Vec<&Kind> = stored.iter().map(|it| &it.kind).collect();
    let file = backup.written();
    let (mut checksum, mut number) = (Checksum::default(), 0_u64);
    let mut batch = Batch::new(kinds.len());
    table_file::read(path, &file, |line| {
        number += 1;
        let line = Line::parse(line, kinds.len()).with_context(|| format!("row {number}"))?;
        for (index, kind) in kinds.iter().enumerate() {
            line.push(index, kind, &mut batch).with_context(|| format!("row {number}"))?;
        }
        if batch.is_full() {
            let full = std::mem::replace(&mut batch, Batch::new(kinds.len()));
            add(&mut checksum, &full, &kinds)?;
            if batches.blocking_send(of_columns(full, wanted, kinds.len())).is_err() {
                return Ok(Flow::End);
            }
        }
        Ok(Flow::Go)
    })?;
    if batches.is_closed() {
        return Ok(());
    }
    add(&mut checksum, &batch, &kinds)?;
    let TableBackup { checksum: Checksum { rows, sum }, .. } = backup;
    ensure!(checksum.rows == *rows, "it has {} rows, and the manifest says {rows}", checksum.rows);
    ensure!(checksum.sum == *sum, "its rows are not those of the manifest: the checksums differ");
    if !batch.is_empty() {
        // Whoever does not receive it has ended.
        let _ = batches.blocking_send(of_columns(batch, wanted, kinds.len()));
    }
    Ok(())
}

fn add(checksum: &mut Checksum, batch: &Batch, kinds: &[&Kind]) -> anyhow::Result<()> {
    let mut values = Vec::with_capacity(kinds.len());
    for row in batch.rows() {
        values.clear();
        for (raw, kind) in row.zip(kinds) {
            values.push(convert(raw, kind).with_context(|| format!("row {}", checksum.rows + 1))?);
        }
        checksum.add(&values);
    }
    Ok(())
}

/// Most often all, in their order.
fn of_columns(batch: Batch, wanted: &[usize], width: usize) -> Batch {
    if wanted.iter().copied().eq(0..width) {
        return batch;
    }
    let mut some = Batch::new(wanted.len());
    for row in batch.rows() {
        let values: Vec<_> = row.collect();
        wanted.iter().for_each(|it| some.push(values[*it]));
    }
    some
}
