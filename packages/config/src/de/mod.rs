//! serde reads the tree itself, so that errors know the key, and every reader takes numbers and booleans from strings.

mod access;
mod error;
mod key_reader;
mod scalar;

use std::{cell::RefCell, collections::HashSet};

use serde::{
    Deserializer,
    de::{self, Visitor},
};

use self::{
    access::{Entries, Items, Patches, Variant},
    scalar::{bool_from_text, number_from_text, visit_float, visit_integer},
};
use crate::{
    Origin, Usage, key, located,
    tree::{Node, Tree, Value},
    usage::Known,
};

pub(crate) use self::{
    error::{Error, Got, Kind},
    scalar::scalar_from_text,
};

/// One try to read a section.
pub(crate) struct Attempt<'a> {
    pub(crate) tree: &'a Tree,
    /// Keys whose values are replaced by ones that fit.
    pub(crate) patched: &'a HashSet<String>,
    /// Keys of texts that are a number or a boolean also for a reader that takes anything.
    pub(crate) retyped: &'a HashSet<String>,
    pub(crate) usage: &'a RefCell<Usage>,
}

impl Attempt<'_> {
    /// When to read a key: what is in order first, what is patched itself last.
    fn turn(&self, path: &str) -> u8 {
        if self.patched.contains(path) {
            2
        } else {
            self.patched.iter().any(|patch| key::is_within(patch, path)).into()
        }
    }
}

/// Reads one value.
pub(crate) struct Reader<'a> {
    attempt: &'a Attempt<'a>,
    /// `None`: there is nothing at the key.
    node: Option<&'a Node>,
    path: String,
    patched: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(attempt: &'a Attempt<'a>, node: Option<&'a Node>, path: &str) -> Self {
        let node = node.filter(|node| !node.is_null());
        Self { attempt, node, path: path.to_owned(), patched: attempt.patched.contains(path) }
    }

    fn child(&self, path: String, node: Option<&'a Node>) -> Self {
        let patched = self.patched || self.attempt.patched.contains(&path);
        Self { attempt: self.attempt, node, path, patched }
    }

    fn know(&self, known: Known) {
        self.attempt.usage.borrow_mut().know(&self.path, known);
    }

    /// As the value is: the visitor says what it thinks of its type.
    fn visit<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Error> {
        let Some(node) = self.node else {
            self.know(Known::All);
            return visitor.visit_map(self.entries(None));
        };
        match &node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(number) => visit_integer(*number, visitor),
            Value::Float(number) => visit_float(*number, visitor),
            Value::String(text) => match scalar_from_text(text).filter(|_| self.attempt.retyped.contains(&self.path)) {
                Some(Value::Bool(value)) => visitor.visit_bool(value),
                Some(Value::Integer(number)) => visit_integer(number, visitor),
                Some(Value::Float(number)) => visitor.visit_f64(number),
                _ => visitor.visit_str(text),
            },
            Value::Array(_) => {
                let mut items: Vec<_> = node.items().enumerate().collect();
                if !self.attempt.patched.is_empty() {
                    items.sort_by_cached_key(|(index, _)| self.attempt.turn(&format!("{}[{index}]", self.path)));
                }
                visitor.visit_seq(Items { list: self, items: items.into_iter() })
            }
            Value::Object(_) => {
                self.know(Known::All);
                visitor.visit_map(self.entries(None))
            }
        }
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.patched {
            return visitor.visit_u64(1).map_err(|error: Error| error.at(&self.path));
        }
        self.scalar(visitor, |visitor, text| match number_from_text(text) {
            Some(Value::Integer(number)) => visit_integer(number, visitor),
            Some(Value::Float(number)) => visit_float(number, visitor),
            _ => visitor.visit_str(text),
        })
    }

    /// A scalar that has to be there; `text` takes it when it is a string.
    fn scalar<'de, V: Visitor<'de>>(
        self,
        visitor: V,
        text: impl FnOnce(V, &str) -> Result<V::Value, Error>,
    ) -> Result<V::Value, Error> {
        let result = match self.node.map(|node| &node.value) {
            // Only the section itself can be absent here: absent children are never offered.
            None => return Err(Error { path: key::parent(&self.path), kind: Kind::Missing(last(&self.path)) }),
            Some(Value::String(value)) => text(visitor, value),
            Some(_) => self.visit(visitor),
        };
        result.map_err(|error| error.at(&self.path))
    }

    /// The entries that are present; when patching, also fields that were missing, and without those that are unknown.
    fn entries(&self, fields: Option<&'static [&'static str]>) -> Entries<'_> {
        let is_field = |name: &str| fields.is_none_or(|fields| fields.contains(&name));
        let mut entries: Vec<(String, Option<&Node>)> = Vec::new();
        match (self.patched, self.node.map(|node| &node.value)) {
            (true, _) => entries.extend(fields.into_iter().flatten().map(|name| ((*name).to_owned(), None))),
            (false, Some(Value::Object(map))) => {
                let present = map.iter().filter(|(_, node)| !node.is_null());
                let kept = present
                    .filter(|(name, _)| is_field(name) || !self.attempt.patched.contains(&key::join(&self.path, name)));
                entries.extend(kept.map(|(name, node)| (name.clone(), Some(node))));
                if !self.attempt.patched.is_empty() {
                    entries.sort_by_cached_key(|(name, _)| self.attempt.turn(&key::join(&self.path, name)));
                }
            }
            (false, _) => {}
        }
        if !self.patched {
            for patch in self.attempt.patched {
                let Some(key::Part::Name(name)) = key::parse(patch).pop() else { continue };
                let here = key::parent(patch).is_some_and(|parent| parent == self.path);
                if here && is_field(&name) && !entries.iter().any(|(existing, _)| *existing == name) {
                    entries.push((name, None));
                }
            }
        }
        Entries { object: self, entries: entries.into_iter(), value: None }
    }
}

fn last(path: &str) -> String {
    match key::parse(path).pop() {
        Some(key::Part::Name(name)) => name,
        _ => path.to_owned(),
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.number(visitor)
        })*
    };
}

macro_rules! texts {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            if self.patched {
                return visitor.visit_str("").map_err(|error: Error| error.at(&self.path));
            }
            self.scalar(visitor, |visitor, text| visitor.visit_str(text))
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Error;

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    texts! {
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf
        deserialize_identifier
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let result = if self.patched { visitor.visit_unit() } else { self.visit(visitor) };
        result.map_err(|error| error.at(&self.path))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.patched {
            return visitor.visit_bool(false).map_err(|error: Error| error.at(&self.path));
        }
        match self.node.map(|node| &node.value) {
            Some(Value::Integer(number @ (0 | 1))) => visitor.visit_bool(*number == 1),
            _ => self.scalar(visitor, |visitor, text| match bool_from_text(text) {
                Some(value) => visitor.visit_bool(value),
                None => visitor.visit_str(text),
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node {
            Some(node) if !node.is_null() && !self.patched => visitor.visit_some(self),
            _ => visitor.visit_none(),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        let path = self.path.clone();
        if name == located::NAME {
            let place = self.node.and_then(|node| self.attempt.tree.place(node.place()));
            let directory = place.as_ref().map(Origin::directory).unwrap_or_default();
            let place = place.map(|place| place.to_string()).unwrap_or_default();
            let text_of = self.node.and_then(|node| node.text_of.as_deref()).map(|it| it.display().to_string());
            let texts = vec![place, directory, text_of.unwrap_or_default()].into_iter();
            let parts = located::Parts { texts, value: Some(self) };
            return visitor.visit_seq(parts).map_err(|error| error.at(&path));
        }
        visitor.visit_newtype_struct(self).map_err(|error| error.at(&path))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let result = match self.node {
            _ if self.patched => visitor.visit_seq(Patches { list: &self, left: 0 }),
            None => return Err(Error { path: key::parent(&self.path), kind: Kind::Missing(last(&self.path)) }),
            Some(_) => self.visit(visitor),
        };
        result.map_err(|error| error.at(&self.path))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        if self.patched {
            return visitor.visit_seq(Patches { list: &self, left: len }).map_err(|error| error.at(&self.path));
        }
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let result = if self.patched { visitor.visit_map(self.entries(None)) } else { self.visit(visitor) };
        result.map_err(|error| error.at(&self.path))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.know(Known::Fields(fields.to_vec()));
        let result = match self.node.map(|node| &node.value) {
            Some(Value::Object(_)) | None => visitor.visit_map(self.entries(Some(fields))),
            Some(_) if self.patched => visitor.visit_map(self.entries(Some(fields))),
            Some(_) => self.visit(visitor),
        };
        result.map_err(|error| error.at(&self.path))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let variant = |name: &str, content| Variant { of: &self, name: name.to_owned(), content };
        let result = match self.node.map(|node| &node.value) {
            _ if self.patched => visitor.visit_enum(variant(variants.first().copied().unwrap_or(""), None)),
            None => return Err(Error { path: key::parent(&self.path), kind: Kind::Missing(last(&self.path)) }),
            Some(Value::String(name)) => visitor.visit_enum(variant(name, None)),
            Some(Value::Object(map)) => {
                self.know(Known::Fields(variants.to_vec()));
                let mut present = map.iter().filter(|(_, node)| !node.is_null());
                match (present.next(), present.next()) {
                    (Some((name, node)), None) => visitor.visit_enum(variant(name, Some(node))),
                    _ => Err(de::Error::custom(format!("expected exactly one of {}", variants.join(", ")))),
                }
            }
            Some(_) => self.visit(visitor),
        };
        result.map_err(|error| error.at(&self.path))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}
