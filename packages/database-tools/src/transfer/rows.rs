//! Rows as a sink gets them: converted, counted, and added to a checksum.

use anyhow::Context as _;
use tokio::sync::mpsc;

use super::{Batch, Checksum, Column, Value, convert};

/// The rows of one table, on their way into it.
pub struct Rows {
    batches: mpsc::Receiver<Batch>,
    checksum: Checksum,
    /// What a row's hash is of.
    room: Vec<u8>,
    told: Box<dyn FnMut(u64) + Send>,
}

impl Rows {
    /// `told` gets how many rows there were, from time to time.
    pub fn new(batches: mpsc::Receiver<Batch>, told: impl FnMut(u64) + Send + 'static) -> Self {
        Self { batches, checksum: Checksum::default(), room: Vec::new(), told: Box::new(told) }
    }

    /// That of rows which come another way.
    pub(super) fn none() -> Self {
        Self::new(mpsc::channel(1).1, |_| ())
    }

    /// The checksum of all rows that come, reckoned in a task of its own: beside who reads them, not in turns with them.
    /// Those who send rows see it when one does not fit.
    pub(super) async fn drain(mut self, columns: &[&Column]) -> anyhow::Result<Checksum> {
        let columns: Vec<_> = columns.iter().map(|it| (*it).clone()).collect();
        let draining = tokio::spawn(async move {
            let columns: Vec<_> = columns.iter().collect();
            while let Some(batch) = self.next().await {
                self.each(&batch, &columns, |_| Ok(()))?;
            }
            Ok(self.checksum)
        });
        draining.await?
    }

    /// The next batch, to be given to [`Rows::each`].
    pub async fn next(&mut self) -> Option<Batch> {
        self.batches.recv().await
    }

    /// Has `row` called for each row, with the values that the columns get.
    ///
    /// # Errors
    /// When a column cannot have a value: which, of which row. What `row` says.
    pub fn each(
        &mut self,
        batch: &Batch,
        columns: &[&Column],
        mut row: impl FnMut(&[Value<'_>]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut values = Vec::with_capacity(columns.len());
        for raw in batch.rows() {
            values.clear();
            for (raw, column) in raw.zip(columns) {
                let value = convert(raw, &column.kind);
                let number = self.checksum.rows + 1;
                values.push(value.with_context(|| format!("column `{}`, row {number} of its table", column.name))?);
            }
            self.checksum.add_with(&values, &mut self.room);
            row(&values)?;
        }
        (self.told)(self.checksum.rows);
        Ok(())
    }

    /// Of all rows that went through [`Rows::each`].
    pub fn checksum(&self) -> Checksum {
        self.checksum
    }
}
