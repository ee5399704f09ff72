//! One schema of the whole config, from those of all sections.

mod lookup;
mod merge;
mod normal;

use serde_json::{Value, json};

pub use lookup::{KeySchema, Visibility};

/// What the config of a backend may have: a JSON schema (draft 7, without references).
///
/// Beyond JSON Schema's words it has `visibility` and `deepVisibility` (Backstage's: `frontend`, `backend` or
/// `secret`), `unused` (the reason why a key of Backstage's has no effect here) and `reload: true` (a change holds at
/// once, without a restart).
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigSchema(Value);

impl ConfigSchema {
    pub(crate) fn new() -> Self {
        Self(json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": "The config of this backend",
            "type": "object",
            "properties": {},
        }))
    }

    /// Adds what one reader of the section at `key` says of it.
    pub(crate) fn add(&mut self, key: &str, mut section: Value) {
        normal::normalize(&mut section);
        let place = key.split('.').filter(|it| !it.is_empty()).fold(&mut self.0, |schema, name| {
            if schema.get("properties").is_none() {
                merge::merge(schema, json!({ "type": "object", "properties": {} }));
            }
            // Also makes it, where it is not there.
            &mut schema["properties"][name]
        });
        match place {
            Value::Null => *place = section,
            place => merge::merge(place, section),
        }
    }

    /// As it is written to a file.
    pub fn as_json(&self) -> &Value {
        &self.0
    }

    /// What it says of a key such as `backend.database.plugin.todo.client` or `catalog.locations[2].target`; `None`
    /// when it knows no such key.
    pub fn at(&self, key: &str) -> Option<KeySchema> {
        lookup::at(&self.0, &key.replace("[*]", "[0]"))
    }

    /// Every key that it names, with what is in it behind it. `*` stands for any name and `[*]` for any index.
    pub fn keys(&self) -> Vec<String> {
        lookup::keys(&self.0)
    }

    /// The outermost keys of which no value may be shown, for [`Config::with_secret_keys`](config::Config::with_secret_keys).
    pub fn secret_keys(&self) -> Vec<String> {
        lookup::secret_keys(&self.0)
    }

    /// Calls `visit` with each value of a config, from the outside in, its key, and what the schema says of it.
    pub fn walk(&self, config: &Value, visit: &mut dyn FnMut(&str, &Value, Option<&KeySchema>)) {
        lookup::walk(&self.0, config, visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_share_a_section() {
        let mut schema = ConfigSchema::new();
        schema.add(
            "catalog",
            json!({ "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"] }),
        );
        schema.add("catalog", json!({ "type": "object", "properties": { "b": { "type": ["integer", "null"] } } }));
        schema.add("catalog.c", json!({ "unused": "later" }));
        assert_eq!(
            schema.as_json()["properties"]["catalog"],
            json!({
                "type": "object",
                "properties": { "a": { "type": "string" }, "b": { "type": "integer" }, "c": { "unused": "later" } },
                "required": ["a"],
            })
        );
    }

    #[test]
    fn a_section_may_be_in_one_that_is_no_object_yet() {
        let mut schema = ConfigSchema::new();
        schema.add("a.b", json!({ "type": "string" }));
        schema.add("a", json!({ "description": "x" }));
        let expected = json!({ "type": "object", "properties": { "b": { "type": "string" } }, "description": "x" });
        assert_eq!(schema.as_json()["properties"]["a"], expected);
    }
}
