use std::fmt;

/// Something wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Mistake {
    /// The field; if it is missing, where it should be.
    pub path: Path,
    /// What is wrong; names the field.
    pub message: String,
}

impl Mistake {
    pub(crate) fn new(path: &Path, message: impl Into<String>) -> Self {
        Self { path: path.clone(), message: message.into() }
    }
}

/// Where in a document: keys and, in lists, positions from 0.
///
/// Prints as `metadata.tags.0`. A key may have dots in it (`metadata.annotations.example.com/a`): walk the
/// [`segments`](Path::segments), not the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(Vec<String>);

impl Path {
    /// From the root to the field.
    pub fn segments(&self) -> &[String] {
        &self.0
    }

    pub(crate) fn of(segments: &[&str]) -> Self {
        Self(segments.iter().map(|&it| it.to_owned()).collect())
    }

    pub(crate) fn then(&self, segment: impl ToString) -> Self {
        let mut path = self.clone();
        path.0.push(segment.to_string());
        path
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}
