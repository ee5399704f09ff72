use std::fmt;

use crate::{Origin, report};

/// One mistake in the configuration, with the key and the place it is at.
///
/// `Display` is one line: ``app-config.yaml:12:13 `backend.listen.port`: expected a number, got "abc" ``. It holds no
/// value of a key that looks like a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub(crate) key: String,
    pub(crate) message: String,
    pub(crate) origin: Option<Origin>,
}

impl ConfigError {
    pub(crate) fn new(key: impl Into<String>, message: impl Into<String>, origin: Option<Origin>) -> Self {
        Self { key: key.into(), message: message.into(), origin }
    }

    /// The full key, `catalog.locations[2].target`; empty when the mistake is about a whole file.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is wrong, without key and place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where the value (or what is nearest to it) stands; `None` when no file says anything about the key.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// Several lines: the message, and the source line with the mistake underlined. Ends with a newline.
    pub fn report(&self, color: bool) -> String {
        report::draw(self, color)
    }

    fn position(&self) -> impl Ord + use<> {
        // Mistakes without a place come last.
        (self.origin.is_none(), self.origin.as_ref().map(|origin| origin.span))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}{}", if self.key.is_empty() { ": " } else { " " })?;
        }
        if !self.key.is_empty() {
            write!(f, "`{}`: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}

/// Every mistake that was found at once, in the order of the files. `Display` has one on each line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// The mistakes, sorted by place.
    pub fn iter(&self) -> std::slice::Iter<'_, ConfigError> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none; true only for a collection that was made empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each mistake with its source line underlined; with ANSI colours when `color`.
    pub fn report(&self, color: bool) -> String {
        self.0.iter().map(|error| error.report(color)).collect::<Vec<_>>().join("\n")
    }
}

impl From<Vec<ConfigError>> for ConfigErrors {
    fn from(mut errors: Vec<ConfigError>) -> Self {
        errors.sort_by_key(ConfigError::position);
        errors.dedup();
        Self(errors)
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}

impl FromIterator<ConfigError> for ConfigErrors {
    fn from_iter<I: IntoIterator<Item = ConfigError>>(errors: I) -> Self {
        errors.into_iter().collect::<Vec<_>>().into()
    }
}

impl IntoIterator for ConfigErrors {
    type Item = ConfigError;
    type IntoIter = std::vec::IntoIter<ConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a ConfigErrors {
    type Item = &'a ConfigError;
    type IntoIter = std::slice::Iter<'a, ConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
