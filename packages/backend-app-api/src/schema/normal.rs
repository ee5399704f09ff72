use serde_json::{Map, Value};

/// Takes out what is of Rust and not of the config: that `null` reads as absent, the widths of numbers, line breaks of
/// descriptions.
pub(super) fn normalize(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(normalize),
        Value::Object(object) => {
            without_null(object);
            if object.get("default").is_some_and(Value::is_null) {
                object.shift_remove("default");
            }
            if object.get("type").is_some_and(|it| it == "integer" || it == "number") {
                object.shift_remove("format");
            }
            if let Some(Value::String(text)) = object.get_mut("description") {
                *text = text.replace("\n\n", "\u{0}").replace('\n', " ").replace('\u{0}', "\n\n");
            }
            for (word, value) in object {
                match word.as_str() {
                    // These hold schemas by name, and names are not words of a schema.
                    "properties" => value.as_object_mut().into_iter().flatten().for_each(|(_, it)| normalize(it)),
                    "default" | "const" | "enum" => {}
                    _ => normalize(value),
                }
            }
        }
        _ => {}
    }
}

fn without_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|it| it != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|it| !it.is_null());
    }
    let Some(Value::Array(alternatives)) = object.get_mut("anyOf") else { return };
    alternatives.retain(|it| it.get("type").is_none_or(|it| it != "null"));
    if let [Value::Object(only)] = alternatives.as_mut_slice() {
        let only = std::mem::take(only);
        object.shift_remove("anyOf");
        // What is said of the key holds before what is said of the type.
        for (word, value) in only {
            object.entry(word).or_insert(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_option_is_what_it_may_hold() {
        let mut schema = json!({
            "properties": {
                "default": { "type": ["integer", "null"], "format": "uint8", "default": null, "minimum": 0 },
                "b": { "description": "b\nof\n\nb", "anyOf": [{ "description": "x", "type": "string" }, { "type": "null" }] },
            },
        });
        normalize(&mut schema);
        assert_eq!(schema["properties"]["default"], json!({ "type": "integer", "minimum": 0 }));
        assert_eq!(schema["properties"]["b"], json!({ "description": "b of\n\nb", "type": "string" }));
    }
}
