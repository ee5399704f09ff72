//! Rows on their way, in few allocations.

/// A batch is sent on when it has this many bytes.
const FULL: usize = 256 * 1024;
/// Or this many cells: rows may be empty.
const FULL_CELLS: usize = 64 * 1024;

/// A value as a source has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Raw<'a> {
    /// None.
    Null,
    /// A whole number, or a truth value as 0 and 1.
    Int(i64),
    /// What is beyond [`Raw::Int`]: MySQL's `BIGINT UNSIGNED`.
    Unsigned(u64),
    /// An inexact number.
    Real(f64),
    /// Text, also of what has no variant of its own: decimals, times, JSON.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// Rows of one table, of the same columns.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    width: usize,
    cells: Vec<Cell>,
    text: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Cell {
    Null,
    Int(i64),
    Unsigned(u64),
    Real(f64),
    /// Where it ends; it begins where the one before it ends.
    Text {
        start: usize,
        end: usize,
    },
    Bytes {
        start: usize,
        end: usize,
    },
}

impl Batch {
    /// An empty one, of rows with so many values.
    pub fn new(width: usize) -> Self {
        Self { width: width.max(1), cells: Vec::new(), text: Vec::with_capacity(FULL + FULL / 4) }
    }

    /// Adds the next value; rows are filled from left to right.
    pub fn push(&mut self, value: Raw<'_>) {
        let start = self.text.len();
        let cell = match value {
            Raw::Null => Cell::Null,
            Raw::Int(it) => Cell::Int(it),
            Raw::Unsigned(it) => Cell::Unsigned(it),
            Raw::Real(it) => Cell::Real(it),
            Raw::Text(it) => {
                self.text.extend_from_slice(it.as_bytes());
                Cell::Text { start, end: self.text.len() }
            }
            Raw::Bytes(it) => {
                self.text.extend_from_slice(it);
                Cell::Bytes { start, end: self.text.len() }
            }
        };
        self.cells.push(cell);
    }

    /// Whether it is time to send it on.
    pub fn is_full(&self) -> bool {
        self.text.len() >= FULL || self.cells.len() >= FULL_CELLS
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.cells.len() / self.width
    }

    /// Each row's values.
    pub fn rows(&self) -> impl Iterator<Item = impl Iterator<Item = Raw<'_>>> {
        self.cells.chunks(self.width).map(|row| row.iter().map(|it| self.raw(*it)))
    }

    fn raw(&self, cell: Cell) -> Raw<'_> {
        match cell {
            Cell::Null => Raw::Null,
            Cell::Int(it) => Raw::Int(it),
            Cell::Unsigned(it) => Raw::Unsigned(it),
            Cell::Real(it) => Raw::Real(it),
            // What was pushed as text is text.
            Cell::Text { start, end } => Raw::Text(std::str::from_utf8(&self.text[start..end]).unwrap_or_default()),
            Cell::Bytes { start, end } => Raw::Bytes(&self.text[start..end]),
        }
    }
}
