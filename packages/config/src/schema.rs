//! What the types of this crate take, as JSON schemas, and what defaults in them look like.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use crate::{Duration, Located, Secret, duration};

/// The schema's word for who may see a value: `frontend`, `backend` (the default) or `secret`. Backstage:
/// `@visibility`.
const VISIBILITY: &str = "visibility";

/// The schema of the value, with `visibility: secret`.
impl<T: JsonSchema> JsonSchema for Secret<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Secret_{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        schema.insert(VISIBILITY.to_owned(), "secret".into());
        schema
    }
}

/// The schema of the value.
impl<T: JsonSchema> JsonSchema for Located<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let number = |name: &&str| ((*name).to_owned(), serde_json::json!({ "type": "number" }));
        let units: serde_json::Map<_, _> = duration::NAMES.iter().map(number).collect();
        json_schema!({
            "description": "A duration: `5m`, `PT5M`, `{ minutes: 5 }` or a number of milliseconds",
            "format": "duration",
            "anyOf": [
                { "type": "string" },
                { "type": "number", "minimum": 0 },
                { "type": "object", "properties": units, "additionalProperties": false, "minProperties": 1 },
            ],
        })
    }
}

/// As people write it, in the largest unit that it has a whole number of: `90s`, `5m`, `0s`.
impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const UNITS: [(&str, u128); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
        let milliseconds = self.get().as_millis();
        if !self.get().subsec_nanos().is_multiple_of(1_000_000) {
            return serializer.collect_str(&format_args!("{}ms", self.get().as_secs_f64() * 1000.0));
        }
        let whole = |&(_, unit): &(&str, u128)| milliseconds.is_multiple_of(unit) && (milliseconds > 0 || unit == 1000);
        let (name, unit) = UNITS.into_iter().find(whole).unwrap_or(("ms", 1));
        serializer.collect_str(&format_args!("{}{name}", milliseconds / unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "for its schema")]
    struct Server {
        password: Secret<String>,
        file: Located<Option<String>>,
        timeout: Duration,
    }

    #[test]
    fn a_secret_is_marked_and_a_place_is_none_of_the_authors_business() {
        let schema = schemars::schema_for!(Server).to_value();
        let of = |name: &str| schema["properties"][name].to_string();
        assert_eq!(of("password"), r#"{"type":"string","visibility":"secret"}"#);
        assert_eq!(of("file"), r#"{"type":["string","null"]}"#);
        assert!(of("timeout").contains(r#""minutes":{"type":"number"}"#), "{schema}");
    }

    #[test]
    fn a_duration_is_written_as_it_is_read() {
        for text in ["0s", "1ms", "65s", "5m", "90m", "2h", "1d", "1.5ms", "100ms"] {
            let duration: Result<Duration, _> = text.parse();
            assert_eq!(duration.map(|it| serde_json::json!(it)), Ok(serde_json::json!(text)));
        }
    }
}
