use serde::{
    Deserializer,
    de::{self, DeserializeSeed, EnumAccess, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor},
};

use super::{Error, Kind, Reader, key_reader::KeyReader};
use crate::{key, tree::Node};

pub(super) struct Entries<'a> {
    pub(super) object: &'a Reader<'a>,
    pub(super) entries: std::vec::IntoIter<(String, Option<&'a Node>)>,
    pub(super) value: Option<(String, Option<&'a Node>)>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((name, node)) = self.entries.next() else { return Ok(None) };
        let key = seed.deserialize(KeyReader(&name)).map_err(|error| match error.kind {
            // The object is what a key is unknown to.
            Kind::Unknown { .. } => error,
            _ => error.at(&key::join(&self.object.path, &name)),
        })?;
        self.value = Some((key::join(&self.object.path, &name), node));
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let (path, node) = self.value.take().unwrap_or_default();
        let at = path.clone();
        seed.deserialize(self.object.child(path, node)).map_err(|error| error.at(&at))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

pub(super) struct Items<'a, I> {
    pub(super) list: &'a Reader<'a>,
    pub(super) items: I,
}

impl<'de, 'a, I: Iterator<Item = (usize, &'a Node)>> SeqAccess<'de> for Items<'a, I> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some((index, node)) = self.items.next() else { return Ok(None) };
        let path = format!("{}[{index}]", self.list.path);
        let at = path.clone();
        seed.deserialize(self.list.child(path, Some(node))).map(Some).map_err(|error| error.at(&at))
    }
}

/// As many made-up elements as a tuple wants.
pub(super) struct Patches<'a> {
    pub(super) list: &'a Reader<'a>,
    pub(super) left: usize,
}

impl<'de> SeqAccess<'de> for Patches<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(self.list.child(format!("{}[{left}]", self.list.path), None)).map(Some)
    }
}

/// A variant by its name, with its content when it was written as `{ name: content }`.
pub(super) struct Variant<'a> {
    pub(super) of: &'a Reader<'a>,
    pub(super) name: String,
    pub(super) content: Option<&'a Node>,
}

impl<'a> Variant<'a> {
    fn content(self) -> Result<Reader<'a>, Error> {
        match self.content {
            None if !self.of.patched => {
                let got = Unexpected::Str(&self.name);
                Err(de::Error::invalid_type(got, &format!("an object with `{}`", self.name).as_str()))
            }
            node => Ok(self.of.child(key::join(&self.of.path, &self.name), node)),
        }
    }
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let name = seed.deserialize(KeyReader(&self.name))?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.content {
            None => Ok(()),
            Some(_) => serde::Deserialize::deserialize(self.content()?),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.content()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.content()?.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.content()?.deserialize_struct("", fields, visitor)
    }
}
