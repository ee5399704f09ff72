use std::fmt;

/// Where entities come from: `type:target`, e.g. `file:/srv/catalog/all.yaml`.
///
/// Backstage: `parseLocationRef`, `stringifyLocationRef`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocationRef {
    /// `file` or `url`, or what a module knows to read.
    pub kind: String,
    /// What to read: a path or an address.
    pub target: String,
}

/// A text that is not a location reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationRefError {
    /// Without both a type and a target.
    #[error("Unable to parse location ref '{0}', expected '<type>:<target>', e.g. 'url:https://host/path'")]
    Form(String),
    /// An address without its type.
    #[error("Invalid location ref '{0}', please prefix it with 'url:', e.g. 'url:{0}'")]
    Prefix(String),
}

impl LocationRef {
    /// A location of type `kind` at `target`.
    pub fn new(kind: impl Into<String>, target: impl Into<String>) -> Self {
        Self { kind: kind.into(), target: target.into() }
    }

    /// Reads `<type>:<target>`.
    pub fn parse(text: &str) -> Result<Self, LocationRefError> {
        match text.split_once(':') {
            Some(("http" | "https", _)) => Err(LocationRefError::Prefix(text.to_owned())),
            Some((kind, target)) if !kind.is_empty() && !target.is_empty() => Ok(Self::new(kind, target)),
            _ => Err(LocationRefError::Form(text.to_owned())),
        }
    }
}

impl fmt::Display for LocationRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.target)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_location_ref_is_a_type_and_a_target() {
        let parsed = LocationRef::parse("url:https://a/b").unwrap();
        assert_eq!((parsed.kind.as_str(), parsed.target.as_str()), ("url", "https://a/b"));
        assert_eq!(parsed.to_string(), "url:https://a/b");
        for text in ["", "url", "url:", ":x"] {
            assert!(matches!(LocationRef::parse(text), Err(LocationRefError::Form(_))), "{text}");
        }
        assert_eq!(
            LocationRef::parse("https://a").unwrap_err().to_string(),
            "Invalid location ref 'https://a', please prefix it with 'url:', e.g. 'url:https://a'"
        );
    }
}
