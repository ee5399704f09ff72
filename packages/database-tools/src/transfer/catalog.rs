//! What tables there are, as far as moving their rows asks.

use serde::{Deserialize, Serialize};

/// The tables of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// In such an order that what is referred to comes before what refers to it, as far as there is one; else by name.
    pub tables: Vec<Table>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// As the database has it.
    pub name: String,
    /// In the database's order.
    pub columns: Vec<Column>,
    /// Other tables that it refers to, itself not among them.
    pub references: Vec<String>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// As the database has it.
    pub name: String,
    /// What is in it.
    pub kind: Kind,
    /// As the database has it, for messages, e.g. `timestamp with time zone`.
    pub declared: String,
    /// Whether its values are computed from others: they are not moved.
    pub generated: bool,
    /// Whether it gives out numbers by itself.
    pub counts: bool,
}

/// What is in a column, whatever the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// True or false.
    Bool,
    /// Whole numbers.
    Int,
    /// Inexact numbers, of 32 bits if `single`.
    Real {
        /// `real`, not `double precision`.
        single: bool,
    },
    /// Exact numbers.
    Decimal,
    /// Text.
    Text,
    /// Text with blanks at its end that do not count (`char(n)`).
    Char,
    /// Bytes.
    Bytes,
    /// Days.
    Date,
    /// Times of day, with so many digits after the second's point.
    Time {
        /// 0 to 6.
        digits: u8,
    },
    /// Points in time, if `zoned`; else dates with times of day. With so many digits after the second's point.
    Timestamp {
        /// 0 to 6.
        digits: u8,
        /// Whether the zone is known.
        zoned: bool,
    },
    /// JSON.
    Json,
    /// UUIDs.
    Uuid,
    /// What is moved as the text that PostgreSQL has for it, and is not looked into: arrays, ranges, addresses, `enum`s.
    Other,
    /// SQLite: whatever the value is, as it is (`any`, no type).
    Any,
}

/// The last number that a counting column has given out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// Of which table.
    pub table: String,
    /// Which column.
    pub column: String,
    /// At least the highest that is in the table.
    pub last: i64,
}

impl Catalog {
    /// Puts `tables` in order. What refers to each other in a circle comes by name.
    pub fn new(mut tables: Vec<Table>) -> Self {
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        let mut ordered: Vec<Table> = Vec::with_capacity(tables.len());
        while !tables.is_empty() {
            let is_free = |table: &Table| {
                table
                    .references
                    .iter()
                    .all(|it| !tables.iter().any(|other| other.name == *it && other.name != table.name))
            };
            let next = tables.iter().position(is_free).unwrap_or(0);
            ordered.push(tables.remove(next));
        }
        Self { tables: ordered }
    }

    /// The table of that name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|it| it.name == name)
    }
}

impl Table {
    /// The columns whose values are moved.
    pub fn stored(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|it| !it.generated)
    }
}
