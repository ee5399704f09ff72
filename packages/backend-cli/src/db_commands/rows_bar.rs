use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use backend_plugin_api::PluginId;
use indicatif::ProgressBar;

use super::progress::bar;

/// A bar of rows, of several tables at a time.
pub(super) struct RowsBar {
    bar: ProgressBar,
    tables: Mutex<HashMap<(PluginId, String), u64>>,
}

impl RowsBar {
    /// Of so many rows, if that is known.
    pub(super) fn new(total: Option<u64>) -> Self {
        Self { bar: bar(total), tables: Mutex::default() }
    }

    /// So many are to come, besides those that were told.
    pub(super) fn expect(&self, rows: u64) {
        self.bar.inc_length(rows);
    }

    /// So many of that table.
    pub(super) fn at(&self, plugin: PluginId, table: &str, rows: u64) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let before = tables.entry((plugin, table.to_owned())).or_default();
        self.bar.inc(rows.saturating_sub(*before));
        *before = rows;
        self.bar.set_message(format!("{plugin}.{table}"));
    }

    /// What else is done now.
    pub(super) fn say(&self, plugin: PluginId, table: &str, what: &str) {
        self.bar.set_message(format!("{plugin}.{table}: {what}"));
    }

    /// It goes.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tables_have_is_added() {
        let (todo, bar) = (PluginId::new("todo"), RowsBar::new(None));
        bar.at(todo, "a", 5);
        bar.at(todo, "b", 1);
        bar.at(todo, "a", 7);
        assert_eq!(bar.bar.position(), 8);
    }
}
