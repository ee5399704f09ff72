use std::fmt;
use std::sync::Arc;

/// A position in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// As a person would write it: relative to the working directory if it is inside.
    pub(crate) file: Arc<str>,
    /// From 1.
    pub(crate) line: usize,
    /// From 1, in characters.
    pub(crate) column: usize,
}

/// Why something is not in the catalog. It stops nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// E.g. `examples/org.yaml:3:7` or `catalog.locations[0]`.
    pub(crate) at: String,
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn new(at: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self { at: at.to_string(), message: message.to_string() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}
