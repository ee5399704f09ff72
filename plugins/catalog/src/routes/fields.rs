//! `fields=kind,metadata.name`: a part of each entity. Backstage: `parseEntityTransformParams`.

use backend_plugin_api::ApiError;
use serde_json::{Map, Value};

/// The fields that are asked for.
#[derive(Clone)]
pub(super) struct Fields(Vec<String>);

impl Fields {
    /// `None` asks for whole entities.
    pub(super) fn parse<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Option<Self>, ApiError> {
        let fields = texts.flat_map(|it| it.split(',')).map(str::trim).filter(|it| !it.is_empty());
        let fields: Vec<String> = fields.map(str::to_owned).collect();
        if fields.iter().any(|it| it.contains('[')) {
            return Err(ApiError::input("invalid fields, array type fields are not supported"));
        }
        Ok(Some(Self(fields)).filter(|it| !it.0.is_empty()))
    }

    /// An entity with nothing but these fields.
    pub(super) fn of(&self, entity: &Value) -> Value {
        let mut part = Map::new();
        for field in &self.0 {
            if let Some((path, value)) = find(entity, field) {
                put(&mut part, &path, value.clone());
            }
        }
        part.into()
    }
}

/// Keys may have dots in them: `metadata.annotations.example.com/a` finds the shortest keys that are there.
fn find<'a>(entity: &'a Value, field: &str) -> Option<(Vec<String>, &'a Value)> {
    let (mut path, mut value, mut key) = (vec![], entity, String::new());
    for part in field.split('.') {
        key = if key.is_empty() { part.to_owned() } else { format!("{key}.{part}") };
        if let Some(found) = value.get(&key) {
            value = found;
            path.push(std::mem::take(&mut key));
        }
    }
    (key.is_empty() && !path.is_empty()).then_some((path, value))
}

fn put(part: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [last] => drop(part.insert(last.clone(), value)),
        [first, rest @ ..] => {
            let child = part.entry(first.clone()).or_insert_with(|| Map::new().into());
            if let Value::Object(child) = child {
                put(child, rest, value);
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_part_has_the_fields_that_are_there() {
        let entity = json!({
            "kind": "API",
            "metadata": { "name": "a", "annotations": { "example.com/a": "1", "b": "2" }, "tags": ["x"] },
            "spec": { "type": "t" },
        });
        let part =
            |texts: &[&str]| Fields::parse(texts.iter().copied()).ok().unwrap().map(|it| it.of(&entity).to_string());
        assert_eq!(
            part(&["kind, metadata.name", "metadata.tags"]).unwrap(),
            r#"{"kind":"API","metadata":{"name":"a","tags":["x"]}}"#
        );
        assert_eq!(
            part(&["metadata.annotations.example.com/a"]).unwrap(),
            r#"{"metadata":{"annotations":{"example.com/a":"1"}}}"#
        );
        assert_eq!(part(&["spec,spec.type,none,spec.none,kind.x"]).unwrap(), r#"{"spec":{"type":"t"}}"#);
        assert_eq!(part(&["", " ,"]), None);
        assert!(Fields::parse(["a[0]"].into_iter()).is_err());
    }
}
