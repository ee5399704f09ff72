//! Which table of the source goes into which of the target.

use super::LoadError;
use crate::transfer::{Catalog, Column, Table};

/// A table here and there.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) source: Table,
    pub(super) target: Table,
    /// Those that are moved: where they are in the source, and in the target.
    columns: Vec<(usize, usize)>,
}

impl Pair {
    /// To be read as it is.
    pub(super) fn with_itself(table: Table) -> Self {
        let columns =
            table.columns.iter().enumerate().filter(|(_, it)| !it.generated).map(|(at, _)| (at, at)).collect();
        Self { source: table.clone(), target: table, columns }
    }

    pub(super) fn source_columns(&self) -> Vec<&Column> {
        self.columns.iter().map(|(at, _)| &self.source.columns[*at]).collect()
    }

    pub(super) fn target_columns(&self) -> Vec<&Column> {
        self.columns.iter().map(|(_, at)| &self.target.columns[*at]).collect()
    }
}

/// In the order of the target.
///
/// # Errors
/// When a table or a column is on one side alone: all of them.
pub(super) fn pairs(source: &Catalog, target: &Catalog) -> Result<Vec<Pair>, LoadError> {
    let mut differences = Vec::new();
    let mut pairs = Vec::new();
    for table in &source.tables {
        if target.table(&table.name).is_none() {
            differences.push(format!("the target has no table `{}`", table.name));
        }
    }
    for table in &target.tables {
        match source.table(&table.name) {
            None => differences.push(format!("the source has no table `{}`", table.name)),
            Some(found) => pairs.push(pair(found, table, &mut differences)),
        }
    }
    if differences.is_empty() { Ok(pairs) } else { Err(LoadError::Differs { differences }) }
}

fn pair(source: &Table, target: &Table, differences: &mut Vec<String>) -> Pair {
    let place = |table: &Table, name: &str| table.columns.iter().position(|it| it.name == name);
    for column in source.stored().filter(|it| place(target, &it.name).is_none()) {
        differences.push(format!("the target has no column `{}` in table `{}`", column.name, target.name));
    }
    let mut columns = Vec::new();
    for (there, column) in target.columns.iter().enumerate().filter(|(_, it)| !it.generated) {
        match place(source, &column.name) {
            Some(here) => columns.push((here, there)),
            None => differences.push(format!("the source has no column `{}` in table `{}`", column.name, source.name)),
        }
    }
    Pair { source: source.clone(), target: target.clone(), columns }
}
