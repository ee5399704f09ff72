use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of bytes: plain, or with a unit, `512kb` or `10mb`. A kilobyte has 1024, as for
/// Express' `limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub usize);

const UNITS: [(&str, usize); 4] = [("kb", 1 << 10), ("mb", 1 << 20), ("gb", 1 << 30), ("b", 1)];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_ascii_lowercase();
        let (number, unit) = UNITS
            .iter()
            .find_map(|(name, unit)| Some((lower.strip_suffix(name)?.trim_end(), *unit)))
            .unwrap_or((&lower, 1));
        let bytes = number.parse::<usize>().ok().and_then(|number| number.checked_mul(unit));
        bytes.map(Self).ok_or_else(|| format!("expected a number of bytes or a size such as `10mb`, got {text:?}"))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SizeVisitor)
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number of bytes: plain, or with a unit, `512kb` or `10mb`, of which each has 1024 of the one before",
            "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string" }],
        })
    }
}

/// As people write it.
impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = UNITS[..3].iter().rev().find(|(_, unit)| self.0 > 0 && self.0.is_multiple_of(*unit));
        match whole {
            Some((name, unit)) => serializer.collect_str(&format_args!("{}{name}", self.0 / unit)),
            None => serializer.serialize_u64(self.0 as u64),
        }
    }
}

struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = Size;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of bytes or a size such as `10mb`")
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<Size, E> {
        usize::try_from(bytes).map(Size).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_powers_of_1024() {
        for (text, bytes) in [("0", 0), ("17", 17), ("17b", 17), ("2kb", 2048), (" 10 MB ", 10 << 20), ("1gb", 1 << 30)]
        {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for wrong in ["", "mb", "-1", "1.5mb", "1tb", "99999999999999999999", "18014398509481985kb"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = text.parse::<Size>();
        }
    }
}
