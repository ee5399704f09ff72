//! An entity as keys and values, for filters, facets and order. Backstage: `buildEntitySearch`.

use std::collections::HashSet;

use catalog_model::Entity;
use serde_json::Value;

/// Not walked into: of no use, or added by name below.
const SPECIAL_KEYS: [&str; 7] =
    ["attachments", "relations", "status", "metadata.name", "metadata.namespace", "metadata.uid", "metadata.etag"];
/// In characters: the columns are indexed.
const MAX_LENGTH: usize = 200;

/// A row of `search`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SearchRow {
    /// The path with dots, in lower case.
    pub(crate) key: String,
    /// In lower case; none if it is null or too long.
    pub(crate) value: Option<String>,
    /// As it was written.
    pub(crate) original_value: Option<String>,
}

/// All rows of an entity, each key and value once.
pub(crate) fn rows(entity: &Entity) -> Vec<SearchRow> {
    let mut rows = Rows::default();
    for (key, value) in entity.document() {
        rows.visit(key, value);
    }
    for key in ["name", "namespace", "uid"] {
        rows.add(&format!("metadata.{key}"), entity.text(&["metadata", key]).map(str::to_owned));
    }
    for relation in entity.get(&["relations"]).and_then(Value::as_array).into_iter().flatten() {
        if let (Some(r#type), Some(target)) = (relation["type"].as_str(), relation["targetRef"].as_str()) {
            rows.add(&format!("relations.{type}"), Some(target.to_owned()));
        }
    }
    rows.rows
}

#[derive(Default)]
struct Rows {
    seen: HashSet<(String, Option<String>)>,
    rows: Vec<SearchRow>,
}

impl Rows {
    fn visit(&mut self, path: &str, value: &Value) {
        if SPECIAL_KEYS.contains(&path) {
            return;
        }
        match value {
            Value::Null => self.add(path, None),
            Value::Bool(it) => self.add(path, Some(it.to_string())),
            Value::Number(number) => {
                let whole = number.as_f64().filter(|it| number.is_f64() && it.fract() == 0.0 && it.abs() < 1e15);
                self.add(path, Some(whole.map_or_else(|| number.to_string(), |it| format!("{it:.0}"))));
            }
            Value::String(text) => self.add(path, Some(text.clone())),
            // An item is also a key of its own, so that a filter can ask for several items at once.
            Value::Array(items) => {
                for item in items {
                    self.visit(path, item);
                    if let Some(text) = item.as_str() {
                        self.add(&format!("{path}.{text}"), Some("true".to_owned()));
                    }
                }
            }
            Value::Object(map) => {
                for (key, value) in map {
                    self.visit(&format!("{path}.{key}"), value);
                }
            }
        }
    }

    fn add(&mut self, key: &str, value: Option<String>) {
        let key = key.to_lowercase();
        // No database keeps a NUL in a text.
        let fits = |text: &str| text.chars().count() <= MAX_LENGTH && !text.contains('\0');
        if !fits(&key) {
            return;
        }
        let original_value = value.filter(|it| fits(it));
        let value = original_value.as_ref().map(|it| it.to_lowercase()).filter(|it| fits(it));
        if self.seen.insert((key.clone(), value.clone())) {
            self.rows.push(SearchRow { key, original_value: original_value.filter(|_| value.is_some()), value });
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use catalog_model::Relation;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_leaf_is_a_row() {
        let mut entity = Entity::parse(json!({
            "apiVersion": "backstage.io/v1alpha1",
            "kind": "User",
            "metadata": { "name": "Ana", "tags": ["java", "go", "java"], "labels": { "A": "B" } },
            "spec": {
                "memberOf": ["Team", "Team"], "none": null, "number": 1.0, "half": 1.5, "yes": true,
                "list": [{ "i": 1, "j": "k" }, { "i": 2 }], "long": "x".repeat(201), "nul": "\0",
            },
            "status": { "items": [] },
        }))
        .unwrap();
        entity
            .set_relations(&[Relation { r#type: "memberOf".to_owned(), target_ref: "group:default/team".to_owned() }]);
        entity.set_identity("1-2", "tag");
        let rows: String =
            rows(&entity).iter().map(|it| format!("{} = {:?} {:?}\n", it.key, it.value, it.original_value)).collect();
        insta::assert_snapshot!(rows, @r#"
        apiversion = Some("backstage.io/v1alpha1") Some("backstage.io/v1alpha1")
        kind = Some("user") Some("User")
        metadata.tags = Some("java") Some("java")
        metadata.tags.java = Some("true") Some("true")
        metadata.tags = Some("go") Some("go")
        metadata.tags.go = Some("true") Some("true")
        metadata.labels.a = Some("b") Some("B")
        spec.memberof = Some("team") Some("Team")
        spec.memberof.team = Some("true") Some("true")
        spec.none = None None
        spec.number = Some("1") Some("1")
        spec.half = Some("1.5") Some("1.5")
        spec.yes = Some("true") Some("true")
        spec.list.i = Some("1") Some("1")
        spec.list.j = Some("k") Some("k")
        spec.list.i = Some("2") Some("2")
        spec.long = None None
        spec.nul = None None
        metadata.name = Some("ana") Some("Ana")
        metadata.namespace = Some("default") Some("default")
        metadata.uid = Some("1-2") Some("1-2")
        relations.memberof = Some("group:default/team") Some("group:default/team")
        "#);
    }
}
