//! Tables for people.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

/// A column of a table: its head, whether it has numbers, and what is in it for a line.
pub(super) type Column<T> = (&'static str, bool, fn(&T) -> Option<String>);

/// Without the columns that have nothing in them; empty, if there are no lines.
pub(super) fn table<T>(columns: &[Column<T>], lines: &[T]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let columns: Vec<_> = columns.iter().filter(|(_, _, cell)| lines.iter().any(|line| cell(line).is_some())).collect();
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(columns.iter().map(|(head, ..)| *head));
    for line in lines {
        table.add_row(columns.iter().map(|(_, _, cell)| cell(line).unwrap_or_else(|| "-".to_owned())));
    }
    for (index, (_, is_number, _)) in columns.iter().enumerate() {
        if let Some(column) = table.column_mut(index).filter(|_| *is_number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n")
}
