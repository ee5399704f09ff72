use config::key::{self, Part};
use serde_json::Value;

/// What a schema says of one key.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct KeySchema {
    /// What it is for.
    pub description: Option<String>,
    /// What it may be, in words: `string`, `number or object`, ``one of `abort`, `continue` ``.
    pub kind: String,
    /// What it is when it is absent.
    pub default: Option<Value>,
    /// Who may see it. What is in a secret is secret.
    pub visibility: Visibility,
    /// Why it has no effect, where it has none.
    pub unused: Option<String>,
    /// Whether a change holds without a restart.
    pub reload: bool,
}

/// Who may see a value. Backstage: `@visibility`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Visibility {
    /// Whoever opens the frontend.
    Frontend,
    /// The backend.
    #[default]
    Backend,
    /// Nobody: it is not even printed.
    Secret,
}

/// What holds for all that is in a value.
#[derive(Clone, Copy, Default)]
struct Inherited {
    visibility: Option<Visibility>,
    reload: bool,
}

pub(super) fn at(root: &Value, key: &str) -> Option<KeySchema> {
    let mut schemas = vec![root];
    let mut inherited = Inherited::default();
    for part in key::parse(key) {
        inherited = inherited.by(&schemas);
        schemas = children(&schemas, &part);
    }
    facts(&schemas, inherited)
}

pub(super) fn walk(root: &Value, config: &Value, visit: &mut dyn FnMut(&str, &Value, Option<&KeySchema>)) {
    walk_below(&[root], Inherited::default(), "", config, visit);
}

fn walk_below(
    schemas: &[&Value],
    inherited: Inherited,
    path: &str,
    config: &Value,
    visit: &mut dyn FnMut(&str, &Value, Option<&KeySchema>),
) {
    visit(path, config, facts(schemas, inherited).as_ref());
    let inherited = inherited.by(schemas);
    match config {
        Value::Object(object) => {
            for (name, value) in object {
                let below = children(schemas, &Part::Name(name.clone()));
                walk_below(&below, inherited, &key::join(path, name), value, visit);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                let below = children(schemas, &Part::Index(index));
                walk_below(&below, inherited, &format!("{path}[{index}]"), value, visit);
            }
        }
        _ => {}
    }
}

pub(super) fn keys(root: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect_keys(&[root], "", &mut found);
    found
}

/// The outermost keys that are secret in every form.
pub(super) fn secret_keys(root: &Value) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for key in keys(root) {
        let below = found.iter().any(|it| key::is_within(&key, it));
        if !below && find(root, &key).iter().any(|it| is_secret(it)) {
            found.push(key);
        }
    }
    found
}

/// What there is at a key; `[*]` is any index.
fn find<'a>(root: &'a Value, key: &str) -> Vec<&'a Value> {
    let parts = key::parse(&key.replace("[*]", "[0]"));
    parts.iter().fold(vec![root], |schemas, part| children(&schemas, part))
}

fn collect_keys(schemas: &[&Value], path: &str, found: &mut Vec<String>) {
    let all = all(schemas);
    // Its units are no keys of their own.
    if all.iter().any(|it| is_duration(it)) {
        return;
    }
    let mut names: Vec<String> = Vec::new();
    for schema in &all {
        let own = schema.get("properties").and_then(Value::as_object);
        names.extend(own.into_iter().flat_map(|it| it.keys().cloned()));
        names.extend(schema.get("additionalProperties").filter(|it| it.is_object()).map(|_| "*".to_owned()));
    }
    let mut below: Vec<_> = names.into_iter().map(|name| (key::join(path, &name), Part::Name(name))).collect();
    if all.iter().any(|it| it.get("items").is_some_and(|it| it.get("properties").is_some())) {
        below.push((format!("{path}[*]"), Part::Index(0)));
    }
    for (path, part) in below {
        if !found.contains(&path) {
            found.push(path.clone());
            collect_keys(&children(schemas, &part), &path, found);
        }
    }
}

fn is_duration(schema: &Value) -> bool {
    schema.get("format").is_some_and(|it| it == "duration")
}

/// The schema and, where it is one of several, each of these.
fn alternatives<'a>(schema: &'a Value, found: &mut Vec<&'a Value>) {
    found.push(schema);
    for word in ["anyOf", "oneOf", "allOf"] {
        let several = schema.get(word).and_then(Value::as_array);
        several.into_iter().flatten().for_each(|it| alternatives(it, found));
    }
}

fn all<'a>(schemas: &[&'a Value]) -> Vec<&'a Value> {
    let mut found = Vec::new();
    schemas.iter().for_each(|it| alternatives(it, &mut found));
    found
}

fn children<'a>(schemas: &[&'a Value], part: &Part) -> Vec<&'a Value> {
    let child = |schema: &'a Value| match part {
        Part::Name(name) => {
            let own = schema.get("properties").and_then(|it| it.get(name));
            own.or_else(|| schema.get("additionalProperties").filter(|it| **it != Value::Bool(false)))
        }
        Part::Index(_) => schema.get("items"),
    };
    all(schemas).into_iter().filter_map(child).collect()
}

impl Inherited {
    fn by(self, schemas: &[&Value]) -> Self {
        let all = all(schemas);
        let secret = schemas.iter().any(|it| is_secret(it));
        let deep = all.iter().find_map(|it| visibility(it, "deepVisibility"));
        let own = if secret { Some(Visibility::Secret) } else { deep };
        Self { visibility: self.visibility.max(own), reload: self.reload || is_reloaded(&all) }
    }
}

/// Whether every form of it is secret. Where one is, such as a connection as a text, what is in the others may be shown.
fn is_secret(schema: &Value) -> bool {
    let forms = |word: &str| schema.get(word).and_then(Value::as_array).is_some_and(|it| it.iter().all(is_secret));
    visibility(schema, "visibility") == Some(Visibility::Secret) || forms("anyOf") || forms("oneOf")
}

fn visibility(schema: &Value, word: &str) -> Option<Visibility> {
    match schema.get(word)?.as_str()? {
        "frontend" => Some(Visibility::Frontend),
        "secret" => Some(Visibility::Secret),
        _ => Some(Visibility::Backend),
    }
}

fn is_reloaded(schemas: &[&Value]) -> bool {
    schemas.iter().any(|it| it.get("reload") == Some(&Value::Bool(true)))
}

fn facts(schemas: &[&Value], inherited: Inherited) -> Option<KeySchema> {
    let all = all(schemas);
    let text = |word: &str| all.iter().find_map(|it| Some(it.get(word)?.as_str()?.to_owned()));
    let own = all.iter().flat_map(|it| [visibility(it, "visibility"), visibility(it, "deepVisibility")]).max();
    // What is below a value that the frontend may see wholly needs no schema of its own.
    let is_known = !schemas.is_empty() || inherited.visibility == Some(Visibility::Frontend);
    is_known.then(|| KeySchema {
        description: schemas.iter().find_map(|it| Some(it.get("description")?.as_str()?.to_owned())),
        kind: kind(&all),
        default: all.iter().find_map(|it| it.get("default")).cloned(),
        visibility: own.flatten().max(inherited.visibility).unwrap_or_default(),
        unused: text("unused"),
        reload: inherited.reload || is_reloaded(&all),
    })
}

fn kind(schemas: &[&Value]) -> String {
    if schemas.iter().any(|it| is_duration(it)) {
        return "duration".to_owned();
    }
    let mut kinds: Vec<String> = Vec::new();
    let mut values: Vec<String> = Vec::new();
    let mut add = |kind: String| {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    };
    let code = |it: &Value| format!("`{}`", it.as_str().map_or_else(|| it.to_string(), str::to_owned));
    for schema in schemas {
        if let Some(list) = schema.get("enum").and_then(Value::as_array) {
            values.extend(list.iter().map(code));
            continue;
        }
        if let Some(only) = schema.get("const") {
            values.push(code(only));
            continue;
        }
        let types = schema.get("type").map(|it| it.as_array().cloned().unwrap_or_else(|| vec![it.clone()]));
        for kind in types.into_iter().flatten() {
            match (kind.as_str(), schema.get("items")) {
                (Some("array"), Some(items)) => add(format!("list of {}", plural(&self::kind(&all(&[items]))))),
                (Some("array"), None) => add("list".to_owned()),
                (Some(kind), _) => add(kind.to_owned()),
                (None, _) => {}
            }
        }
    }
    match values.as_slice() {
        [] => {}
        [only] => kinds.push(only.clone()),
        _ => kinds.push(format!("one of {}", values.join(", "))),
    }
    if kinds.is_empty() { "any".to_owned() } else { kinds.join(" or ") }
}

fn plural(kind: &str) -> String {
    match kind {
        "any" => "anything".to_owned(),
        "object" | "string" | "number" | "integer" | "boolean" => format!("{kind}s"),
        kind => kind.to_owned(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({ "properties": {
            "a": {
                "description": "of a",
                "anyOf": [
                    { "type": "string", "description": "of one form" },
                    { "type": "object", "properties": { "b": { "type": "integer", "default": 3, "reload": true } } },
                ],
            },
            "keys": { "visibility": "secret", "items": { "properties": { "c": { "enum": ["x", "y"] } } } },
            "map": { "additionalProperties": { "type": "array", "items": { "type": "number" } } },
            "url": {
                "anyOf": [{ "type": "string", "visibility": "secret" }, { "properties": { "host": { "type": "string" } } }],
            },
            "app": { "deepVisibility": "frontend", "properties": { "d": {}, "token": { "visibility": "secret" } } },
        } })
    }

    #[test]
    fn a_key_is_found_in_each_form_of_what_it_is_in() {
        let a = at(&schema(), "a").unwrap();
        assert_eq!((a.description.as_deref(), a.kind.as_str(), a.reload), (Some("of a"), "string or object", false));
        let b = at(&schema(), "a.b").unwrap();
        assert_eq!((b.kind.as_str(), b.default, b.reload), ("integer", Some(json!(3)), true));
        assert_eq!(at(&schema(), "map.anything").unwrap().kind, "list of numbers");
        assert_eq!(at(&schema(), "keys[7].c").unwrap().kind, "one of `x`, `y`");
        assert_eq!(at(&schema(), "a.c"), None);
        assert_eq!(at(&schema(), "x.y"), None);
    }

    #[test]
    fn every_key_is_named() {
        let expected = [
            "a",
            "a.b",
            "keys",
            "keys[*]",
            "keys[*].c",
            "map",
            "map.*",
            "url",
            "url.host",
            "app",
            "app.d",
            "app.token",
        ];
        assert_eq!(keys(&schema()), expected);
    }

    #[test]
    fn what_is_in_a_secret_is_secret() {
        let of = |key: &str| at(&schema(), key).unwrap().visibility;
        assert_eq!((of("keys"), of("keys[0].c")), (Visibility::Secret, Visibility::Secret));
        assert_eq!((of("app.d"), of("app.token")), (Visibility::Frontend, Visibility::Secret));
        assert_eq!((of("app.d.e[0]"), of("a")), (Visibility::Frontend, Visibility::Backend));
        // In one form only.
        assert_eq!((of("url"), of("url.host")), (Visibility::Secret, Visibility::Backend));
        assert_eq!(secret_keys(&schema()), ["keys", "app.token"]);
    }

    #[test]
    fn a_walk_meets_every_value() {
        let mut met = Vec::new();
        let config = json!({ "a": { "b": 1 }, "keys": [{ "c": "x" }], "new": { "a.b": 2 } });
        walk(&schema(), &config, &mut |key, _, schema| met.push(format!("{key} {}", schema.is_some())));
        let expected = [
            " true",
            "a true",
            "a.b true",
            "keys true",
            "keys[0] true",
            "keys[0].c true",
            "new false",
            "new[\"a.b\"] false",
        ];
        assert_eq!(met, expected);
    }
}
