use serde_json::{Value, json};

/// Lays the schema of a second reader over the first's, for what both take.
///
/// Objects merge key by key. Where the two say different things of a value, it has to be as both say.
pub(super) fn merge(first: &mut Value, second: Value) {
    if *first == second || second == json!(true) {
        return;
    }
    if first.is_null() || *first == json!(true) {
        *first = second;
        return;
    }
    if !(is_object(first) && is_object(&second)) {
        let before = first.take();
        *first = json!({ "allOf": [before, second] });
        return;
    }
    let (Value::Object(first), Value::Object(second)) = (first, second) else { return };
    for (word, value) in second {
        match (word.as_str(), first.get_mut(&word)) {
            (_, None) => _ = first.insert(word, value),
            ("properties", Some(Value::Object(properties))) => {
                for (name, schema) in value.as_object().cloned().unwrap_or_default() {
                    merge(properties.entry(name).or_insert(Value::Null), schema);
                }
            }
            ("required", Some(Value::Array(required))) => {
                let more = value.as_array().cloned().unwrap_or_default();
                required.extend(more.into_iter().filter(|it| !required.contains(it)).collect::<Vec<_>>());
            }
            // The first reader's description; the stricter of the two visibilities.
            ("visibility", Some(visibility)) if value == "secret" => *visibility = value,
            _ => {}
        }
    }
}

/// Whether it describes an object, or says nothing of the type.
fn is_object(schema: &Value) -> bool {
    let others = ["anyOf", "oneOf", "allOf", "const", "enum", "items"];
    let Value::Object(schema) = schema else { return false };
    !others.iter().any(|it| schema.contains_key(*it)) && schema.get("type").is_none_or(|it| it == "object")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(mut first: Value, second: Value) -> Value {
        merge(&mut first, second);
        first
    }

    #[test]
    fn what_both_say_holds() {
        let string = json!({ "type": "string" });
        assert_eq!(merged(string.clone(), string.clone()), string);
        assert_eq!(merged(string.clone(), json!(true)), string);
        assert_eq!(merged(json!(true), string.clone()), string);
        assert_eq!(merged(string.clone(), json!({ "type": "number" }))["allOf"][1], json!({ "type": "number" }));
        let (one, two) = (json!({ "required": ["a", "b"] }), json!({ "required": ["b", "c"], "type": "object" }));
        assert_eq!(merged(one, two), json!({ "required": ["a", "b", "c"], "type": "object" }));
    }
}
