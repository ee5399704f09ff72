use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, SeqAccess, Visitor};

/// The name by which the config's own deserializer knows that it is to tell the place.
pub(crate) const NAME: &str = "$config::Located";

/// A value and where it stands, for what is relative to its file, and for mistakes that are found only when it is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Located<T> {
    value: T,
    place: Option<String>,
    directory: PathBuf,
    text_of: Option<PathBuf>,
}

impl<T> Located<T> {
    /// A value from code, relative to `directory`.
    pub fn new(value: T, directory: impl Into<PathBuf>) -> Self {
        Self { value, place: None, directory: directory.into(), text_of: None }
    }

    /// The value.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// E.g. `app-config.yaml:12:13`; `None` for what is from code.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// The file whose text it is, for `{$file: ...}`: what may be read again when it has changed.
    pub fn text_of(&self) -> Option<&Path> {
        self.text_of.as_deref()
    }

    /// The folder of the file that it stands in. Empty, which is the working directory, for what is from a variable or
    /// from code.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, LocatedVisitor(PhantomData))
    }
}

struct LocatedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for LocatedVisitor<T> {
    type Value = Located<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    /// From other deserializers: the value alone.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        Ok(Located::new(T::deserialize(deserializer)?, ""))
    }

    /// From the config's: place, folder, file of the text, value.
    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
        let missing = || de::Error::custom("expected a place and a value");
        let place: String = parts.next_element()?.ok_or_else(missing)?;
        let directory: String = parts.next_element()?.ok_or_else(missing)?;
        let text_of: String = parts.next_element()?.ok_or_else(missing)?;
        let value = parts.next_element()?.ok_or_else(missing)?;
        let some = |text: String| (!text.is_empty()).then_some(text);
        Ok(Located { value, place: some(place), directory: directory.into(), text_of: some(text_of).map(Into::into) })
    }
}

/// What [`LocatedVisitor::visit_seq`] takes.
pub(crate) struct Parts<D> {
    pub(crate) texts: std::vec::IntoIter<String>,
    pub(crate) value: Option<D>,
}

impl<'de, D: Deserializer<'de>> SeqAccess<'de> for Parts<D> {
    type Error = D::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, D::Error> {
        if let Some(text) = self.texts.next() {
            return seed.deserialize(de::value::StringDeserializer::new(text)).map(Some);
        }
        self.value.take().map(|value| seed.deserialize(value)).transpose()
    }
}
