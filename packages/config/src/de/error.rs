use std::fmt;

use serde::de::{self, Unexpected};

#[derive(Debug)]
pub(crate) struct Error {
    /// The innermost key that was being read.
    pub(crate) path: Option<String>,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Missing(String),
    Unknown { name: String, known: &'static [&'static str] },
    Variant { got: String, known: &'static [&'static str] },
    Type { got: Got, expected: String },
    Other(String),
}

/// What was found in the place of what was expected.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) shown: String,
    /// What to call it when it may not be shown.
    pub(crate) kind: &'static str,
    /// When it is a text.
    pub(crate) text: Option<String>,
}

impl Error {
    pub(super) fn at(mut self, path: &str) -> Self {
        self.path.get_or_insert_with(|| path.to_owned());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Missing(name) => write!(f, "missing field `{name}`"),
            Kind::Unknown { name, .. } => write!(f, "unknown field `{name}`"),
            Kind::Variant { .. } => f.write_str("unknown variant"),
            Kind::Type { expected, .. } => write!(f, "expected {expected}"),
            Kind::Other(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Self { path: None, kind }
    }
}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Kind::Other(message.to_string()).into()
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Kind::Type { got: unexpected.into(), expected: expected.to_string() }.into()
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Kind::Variant { got: variant.to_owned(), known: expected }.into()
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Kind::Unknown { name: field.to_owned(), known: expected }.into()
    }

    fn missing_field(field: &'static str) -> Self {
        Kind::Missing(field.to_owned()).into()
    }
}

impl From<Unexpected<'_>> for Got {
    fn from(unexpected: Unexpected<'_>) -> Self {
        let (shown, kind) = match unexpected {
            Unexpected::Str(text) => (format!("{text:?}"), "a string"),
            Unexpected::Char(text) => (format!("{text:?}"), "a string"),
            Unexpected::Bool(value) => (value.to_string(), "a boolean"),
            Unexpected::Unsigned(number) => (number.to_string(), "a number"),
            Unexpected::Signed(number) => (number.to_string(), "a number"),
            Unexpected::Float(number) => (number.to_string(), "a number"),
            Unexpected::Unit | Unexpected::Option => ("null".to_owned(), "null"),
            Unexpected::Seq => ("a list".to_owned(), "a list"),
            Unexpected::Map => ("an object".to_owned(), "an object"),
            _ => ("something else".to_owned(), "something else"),
        };
        let text = if let Unexpected::Str(text) = unexpected { Some(text.to_owned()) } else { None };
        Self { shown, kind, text }
    }
}
