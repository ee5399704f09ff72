use config::key;
use serde_json::Value;

/// What stands behind the value of a key.
type Comment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A value as YAML, in blocks.
pub(super) fn write(value: &Value, comment: Comment<'_>) -> String {
    let mut out = String::new();
    match is_block(value) {
        true => block(value, "", 0, comment, &mut out),
        false => out = scalar(value) + "\n",
    }
    out
}

fn block(value: &Value, path: &str, indent: usize, comment: Comment<'_>, out: &mut String) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                out.extend(std::iter::repeat_n(' ', indent));
                out.push_str(&text(name));
                out.push(':');
                entry(value, &key::join(path, name), indent, comment, out);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                out.extend(std::iter::repeat_n(' ', indent));
                out.push('-');
                let path = format!("{path}[{index}]");
                if !is_block(value) {
                    entry(value, &path, indent, comment, out);
                    continue;
                }
                // What is in an item of a list begins on the item's line.
                let mut below = String::new();
                block(value, &path, indent + 2, comment, &mut below);
                out.push(' ');
                out.push_str(below.trim_start_matches(' '));
            }
        }
        _ => {}
    }
}

/// What stands behind a colon or a dash.
fn entry(value: &Value, path: &str, indent: usize, comment: Comment<'_>, out: &mut String) {
    if is_block(value) {
        out.push('\n');
        return block(value, path, indent + 2, comment, out);
    }
    out.push(' ');
    out.push_str(&scalar(value));
    if let Some(comment) = comment(path) {
        out.push_str("  # ");
        out.push_str(&comment);
    }
    out.push('\n');
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Object(object) => !object.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(string) => text(string),
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        value => value.to_string(),
    }
}

/// Plain where every reader of YAML reads that back as the same text, else quoted.
fn text(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else if text.chars().all(|it| !it.is_control() && !matches!(it, '\u{feff}' | '\u{2028}' | '\u{2029}')) {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        Value::from(text).to_string()
    }
}

fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    // Numbers and dates begin otherwise.
    let begins = text.starts_with(|it: char| it.is_ascii_alphabetic() || matches!(it, '_' | '/'));
    let ends = !text.ends_with([' ', ':']);
    let inside = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '.' | '/' | '@' | '+' | ' ' | ':');
    let is_word = WORDS.iter().any(|it| text.eq_ignore_ascii_case(it));
    begins && ends && text.chars().all(inside) && !text.contains(": ") && !is_word
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;
    use saphyr::{LoadableYamlNode, Scalar, Yaml};
    use serde_json::json;

    use super::*;

    #[test]
    fn it_looks_like_what_people_write() {
        let value = json!({
            "backend": { "listen": ":7007", "baseUrl": "http://localhost:7007", "csp": {}, "list": [] },
            "locations": [{ "type": "file", "target": "./a.yaml" }, [1, 2.5], "on", null],
            "a.b": "it's # no comment",
            "lines": "a\nb",
            "note: this": true,
        });
        let comment = |key: &str| (key == "backend.listen").then(|| "app-config.yaml:2:11".to_owned());
        insta::assert_snapshot!(write(&value, &comment), @r#"
        backend:
          listen: ':7007'  # app-config.yaml:2:11
          baseUrl: http://localhost:7007
          csp: {}
          list: []
        locations:
          - type: file
            target: './a.yaml'
          - - 1
            - 2.5
          - 'on'
          - null
        a.b: 'it''s # no comment'
        lines: "a\nb"
        'note: this': true
        "#);
        assert_eq!(write(&json!("x"), &|_| None), "x\n");
    }

    fn values() -> impl Strategy<Value = Value> {
        let texts = prop_oneof!["\\PC*", "[a-z0-9 :#'\"\\\\\n\t.,@&*!|>%-]{0,9}", "[0-9:.e_xo-]{0,6}"];
        let leaves = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            texts.clone().prop_map(Value::from),
            Just(Value::Null),
        ];
        leaves.prop_recursive(4, 24, 4, move |inner| {
            let object = prop::collection::btree_map(texts.clone(), inner.clone(), 0..4);
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Value::from),
                object.prop_map(|it| Value::Object(it.into_iter().collect())),
            ]
        })
    }

    fn from_yaml(yaml: &Yaml<'_>) -> Value {
        match yaml {
            Yaml::Value(Scalar::Null) => Value::Null,
            Yaml::Value(Scalar::Boolean(it)) => json!(it),
            Yaml::Value(Scalar::Integer(it)) => json!(it),
            Yaml::Value(Scalar::FloatingPoint(it)) => json!(it.into_inner()),
            Yaml::Value(Scalar::String(it)) => json!(it),
            Yaml::Sequence(items) => items.iter().map(from_yaml).collect(),
            Yaml::Mapping(entries) => {
                let entry =
                    |(name, value): (&Yaml<'_>, &Yaml<'_>)| (name.as_str().unwrap().to_owned(), from_yaml(value));
                Value::Object(entries.iter().map(entry).collect())
            }
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn what_it_writes_is_what_it_was_given(value in values()) {
            let written = write(&value, &|_| None);
            let read = Yaml::load_from_str(&written).map_err(|error| TestCaseError::fail(format!("{error}\n{written}")))?;
            prop_assert_eq!(from_yaml(&read[0]), value, "{}", written);
        }
    }
}
