//! Backstage's entity policies (`FieldFormatEntityPolicy`, `NoForeignRootFieldsEntityPolicy`, the JSON schemas of the
//! envelope and the kinds), all in one pass that does not stop at the first mistake.

use serde_json::{Map, Value};

use crate::format::{self, Format};
use crate::{DEFAULT_NAMESPACE, EntityRef, Field, KINDS, Kind, Mistake, Path, RefDefaults, Shape};

const ROOT_FIELDS: [&str; 6] = ["apiVersion", "kind", "metadata", "spec", "relations", "status"];

/// The document as it was, and whose it is.
pub(crate) fn validate(document: Value) -> Result<(Map<String, Value>, EntityRef), Vec<Mistake>> {
    let root = Path::default();
    let document = match document {
        Value::Object(document) => document,
        other => {
            let message = format!("expected an entity with apiVersion, kind and metadata, but found {}", shown(&other));
            return Err(vec![Mistake::new(&root, message)]);
        }
    };
    let mut check = Check::default();
    check.envelope(&document);
    check.metadata(document.get("metadata"));
    check.kind(&document);
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let metadata = |key: &str| document.get("metadata").and_then(|it| it.get(key));
    let namespace = metadata("namespace").and_then(Value::as_str).unwrap_or(DEFAULT_NAMESPACE);
    let entity_ref = EntityRef::new(text(document.get("kind")), namespace, text(metadata("name")));
    if check.mistakes.is_empty() { Ok((document, entity_ref)) } else { Err(check.mistakes) }
}

#[derive(Default)]
struct Check {
    mistakes: Vec<Mistake>,
}

impl Check {
    fn envelope(&mut self, document: &Map<String, Value>) {
        for key in document.keys().filter(|it| !ROOT_FIELDS.contains(&it.as_str())) {
            let known = ROOT_FIELDS.join(", ");
            self.add(&Path::of(&[key]), format!("\"{key}\" is not a field of an entity; known are {known}"));
        }
        self.required_format(&Path::of(&["apiVersion"]), document.get("apiVersion"), &format::API_VERSION);
        self.required_format(&Path::of(&["kind"]), document.get("kind"), &format::KIND);
    }

    fn metadata(&mut self, metadata: Option<&Value>) {
        let path = Path::of(&["metadata"]);
        let Some(metadata) = self.required(&path, metadata) else { return };
        let Some(metadata) = self.mapping(&path, metadata) else { return };
        self.required_format(&path.then("name"), metadata.get("name"), &format::NAME);
        if let Some(namespace) = metadata.get("namespace") {
            self.required_format(&path.then("namespace"), Some(namespace), &format::NAMESPACE);
        }
        for key in ["uid", "etag", "title"] {
            self.optional_format(&path.then(key), metadata.get(key), &format::NON_EMPTY);
        }
        self.optional_format(&path.then("description"), metadata.get("description"), &format::ANNOTATION_VALUE);
        self.keys_and_values(&path.then("labels"), metadata.get("labels"), &format::LABEL_VALUE);
        self.keys_and_values(&path.then("annotations"), metadata.get("annotations"), &format::ANNOTATION_VALUE);
        for (path, tag) in self.items(&path.then("tags"), metadata.get("tags")) {
            self.required_format(&path, Some(tag), &format::TAG);
        }
        for (path, link) in self.items(&path.then("links"), metadata.get("links")) {
            let Some(link) = self.mapping(&path, link) else { continue };
            self.required_format(&path.then("url"), link.get("url"), &format::URL);
            for key in ["title", "icon", "type"] {
                self.optional_format(&path.then(key), link.get(key), &format::NON_EMPTY);
            }
        }
    }

    fn kind(&mut self, document: &Map<String, Value>) {
        let text = |key: &str| document.get(key).and_then(Value::as_str);
        let Some(name) = text("kind").filter(|it| (format::KIND.is_valid)(it)) else { return };
        let Some(kind) = Kind::named(name) else {
            let known: Vec<_> = KINDS.iter().map(|it| it.name).collect();
            let message = match known.iter().find(|it| it.eq_ignore_ascii_case(name)) {
                Some(meant) => format!("\"kind\" is not known: \"{name}\"; did you mean \"{meant}\"?"),
                None => format!("\"kind\" is not known: \"{name}\"; known are {}", known.join(", ")),
            };
            return self.add(&Path::of(&["kind"]), message);
        };
        if let Some(version) = text("apiVersion").filter(|it| !kind.has_version(it)) {
            let known = kind.api_versions.join(" or ");
            let message =
                format!("\"apiVersion\" is not one that kind {name} has; expected {known} but found \"{version}\"");
            self.add(&Path::of(&["apiVersion"]), message);
        }
        let path = Path::of(&["spec"]);
        let Some(spec) = self.required(&path, document.get("spec")) else { return };
        let Some(spec) = self.mapping(&path, spec) else { return };
        let metadata = document.get("metadata");
        let namespace = metadata.and_then(|it| it.get("namespace")).and_then(Value::as_str);
        for field in kind.fields {
            self.field(name, field, &path.then(field.name), spec, namespace);
        }
    }

    fn field(&mut self, kind: &str, field: &Field, path: &Path, spec: &Map<String, Value>, namespace: Option<&str>) {
        let Some(value) = spec.get(field.name) else {
            let excepted = field.except_type.is_some() && field.except_type == spec.get("type").and_then(Value::as_str);
            if field.required && !excepted {
                self.add(path, format!("\"{path}\" is missing; kind {kind} needs it"));
            }
            return;
        };
        let texts = match field.shape {
            Shape::Text => vec![(path.clone(), value)],
            Shape::Texts => self.items(path, Some(value)),
            Shape::OneOf(known) => {
                if !value.as_str().is_some_and(|it| known.contains(&it)) {
                    self.invalid(path, &format!("one of {}", known.join(", ")), value);
                }
                vec![]
            }
            Shape::Texted(keys) => {
                let mapping = self.mapping(path, value);
                let entries = mapping.into_iter().flatten().filter(|(key, _)| keys.contains(&key.as_str()));
                entries.map(|(key, value)| (path.then(key), value)).collect()
            }
            Shape::ListWith(key) => {
                for (path, item) in self.items(path, Some(value)) {
                    if let Some(item) = self.mapping(&path, item) {
                        self.required_format(&path.then(key), item.get(key), &format::NON_EMPTY);
                    }
                }
                vec![]
            }
        };
        for (path, value) in texts {
            let is_text = self.required_format(&path, Some(value), &format::NON_EMPTY);
            if let (true, Some(relation), Some(text)) = (is_text, field.relation, value.as_str()) {
                let defaults = RefDefaults { kind: relation.default_kind, namespace };
                if let Err(error) = EntityRef::parse(text, defaults) {
                    self.add(&path, format!("\"{path}\" is not valid; {error}"));
                }
            }
        }
    }

    fn keys_and_values(&mut self, path: &Path, value: Option<&Value>, format: &Format) {
        let Some(mapping) = value.and_then(|it| self.mapping(path, it)) else { return };
        for (key, value) in mapping {
            let path = path.then(key);
            if !(format::KEY.is_valid)(key) {
                self.invalid(&path, format::KEY.expectation, &Value::String(key.clone()));
            }
            self.required_format(&path, Some(value), format);
        }
    }

    fn required<'a>(&mut self, path: &Path, value: Option<&'a Value>) -> Option<&'a Value> {
        let value = value.filter(|it| !it.is_null());
        if value.is_none() {
            self.add(path, format!("\"{path}\" must have a value"));
        }
        value
    }

    fn mapping<'a>(&mut self, path: &Path, value: &'a Value) -> Option<&'a Map<String, Value>> {
        if !value.is_object() {
            self.invalid(path, "a mapping", value);
        }
        value.as_object()
    }

    fn items<'a>(&mut self, path: &Path, value: Option<&'a Value>) -> Vec<(Path, &'a Value)> {
        let Some(value) = value else { return vec![] };
        let Some(items) = value.as_array() else {
            self.invalid(path, "a list", value);
            return vec![];
        };
        items.iter().enumerate().map(|(index, item)| (path.then(index), item)).collect()
    }

    fn optional_format(&mut self, path: &Path, value: Option<&Value>, format: &Format) {
        if value.is_some() {
            self.required_format(path, value, format);
        }
    }

    fn required_format(&mut self, path: &Path, value: Option<&Value>, format: &Format) -> bool {
        let Some(value) = self.required(path, value) else { return false };
        let valid = value.as_str().is_some_and(format.is_valid);
        if !valid {
            self.invalid(path, format.expectation, value);
        }
        valid
    }

    fn invalid(&mut self, path: &Path, expectation: &str, found: &Value) {
        self.add(path, format!("\"{path}\" is not valid; expected {expectation} but found {}", shown(found)));
    }

    fn add(&mut self, path: &Path, message: String) {
        self.mistakes.push(Mistake::new(path, message));
    }
}

/// A value in a message: as JSON, cut short.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 80;
    match value {
        Value::Object(_) => "a mapping".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::String(text) if text.chars().count() > LONGEST => {
            format!("\"{}...\"", text.chars().take(LONGEST).collect::<String>())
        }
        Value::String(text) => format!("\"{text}\""),
        Value::Null => "nothing".to_owned(),
        scalar => scalar.to_string(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Entity;

    fn mistakes(document: Value) -> String {
        Entity::parse(document).unwrap_err().iter().map(|it| format!("{}: {it}\n", it.path)).collect()
    }

    #[test]
    fn all_mistakes_of_a_document_are_reported_at_once() {
        let document = json!({
            "apiVersion": "backstage.io/v1alpha1",
            "kind": "Component",
            "owner": "x",
            "metadata": {
                "name": "not good",
                "namespace": "Not_good",
                "title": "",
                "labels": { "a b": "x", "ok": "not ok" },
                "annotations": { "example.com/a": 1 },
                "tags": ["Java", 5, "ok"],
                "links": [{ "title": "x" }, { "url": "nowhere" }, "x"],
            },
            "spec": { "type": "", "lifecycle": null, "system": ["x"], "dependsOn": ["shop", "component:shop"], "providesApis": "a" },
        });
        insta::assert_snapshot!(mistakes(document), @r#"
        owner: "owner" is not a field of an entity; known are apiVersion, kind, metadata, spec, relations, status
        metadata.name: "metadata.name" is not valid; expected a string that is sequences of [a-zA-Z0-9] separated by any of [-_.], at most 63 characters in total but found "not good"
        metadata.namespace: "metadata.namespace" is not valid; expected a string that is sequences of [a-z0-9] separated by [-], at most 63 characters in total but found "Not_good"
        metadata.title: "metadata.title" is not valid; expected a non empty string but found ""
        metadata.labels.a b: "metadata.labels.a b" is not valid; expected a valid prefix and/or suffix but found "a b"
        metadata.labels.ok: "metadata.labels.ok" is not valid; expected a string that is sequences of [a-zA-Z0-9] separated by any of [-_.], at most 63 characters in total but found "not ok"
        metadata.annotations.example.com/a: "metadata.annotations.example.com/a" is not valid; expected a string but found 1
        metadata.tags.0: "metadata.tags.0" is not valid; expected a string that is sequences of [a-z0-9+#:] separated by [-], at most 63 characters in total but found "Java"
        metadata.tags.1: "metadata.tags.1" is not valid; expected a string that is sequences of [a-z0-9+#:] separated by [-], at most 63 characters in total but found 5
        metadata.links.0.url: "metadata.links.0.url" must have a value
        metadata.links.1.url: "metadata.links.1.url" is not valid; expected a string that is a valid url but found "nowhere"
        metadata.links.2: "metadata.links.2" is not valid; expected a mapping but found "x"
        spec.type: "spec.type" is not valid; expected a non empty string but found ""
        spec.lifecycle: "spec.lifecycle" must have a value
        spec.owner: "spec.owner" is missing; kind Component needs it
        spec.system: "spec.system" is not valid; expected a non empty string but found a list
        spec.providesApis: "spec.providesApis" is not valid; expected a list but found "a"
        spec.dependsOn.0: "spec.dependsOn.0" is not valid; Entity reference "shop" had missing or empty kind (e.g. did not start with "component:" or similar)
        "#);
    }

    #[test]
    fn a_kind_and_its_version_must_be_known() {
        let document = |version: &str, kind: &str| json!({ "apiVersion": version, "kind": kind, "metadata": { "name": "a" }, "spec": { "owner": "a" } });
        insta::assert_snapshot!(mistakes(document("backstage.io/v1alpha1", "Cluster")), @r#"kind: "kind" is not known: "Cluster"; known are Component, API, Resource, System, Domain, Group, User, Location, Template"#);
        insta::assert_snapshot!(mistakes(document("backstage.io/v1alpha1", "system")), @r#"kind: "kind" is not known: "system"; did you mean "System"?"#);
        insta::assert_snapshot!(mistakes(document("backstage.io/v2", "System")), @r#"apiVersion: "apiVersion" is not one that kind System has; expected backstage.io/v1alpha1 or backstage.io/v1beta1 but found "backstage.io/v2""#);
        insta::assert_snapshot!(mistakes(document("backstage.io/v1alpha1", "Template")), @r#"
        apiVersion: "apiVersion" is not one that kind Template has; expected scaffolder.backstage.io/* but found "backstage.io/v1alpha1"
        spec.type: "spec.type" is missing; kind Template needs it
        spec.steps: "spec.steps" is missing; kind Template needs it
        "#);
    }

    #[test]
    fn what_is_no_entity_says_what_one_is() {
        insta::assert_snapshot!(mistakes(json!("x")), @r#": expected an entity with apiVersion, kind and metadata, but found "x""#);
        insta::assert_snapshot!(mistakes(json!({})), @r#"
        apiVersion: "apiVersion" must have a value
        kind: "kind" must have a value
        metadata: "metadata" must have a value
        "#);
        insta::assert_snapshot!(mistakes(json!({ "apiVersion": 1, "kind": [], "metadata": "x" })), @r#"
        apiVersion: "apiVersion" is not valid; expected a valid prefix and/or suffix but found 1
        kind: "kind" is not valid; expected a string that is a sequence of [a-zA-Z][a-z0-9A-Z], at most 63 characters in total but found a list
        metadata: "metadata" is not valid; expected a mapping but found "x"
        "#);
    }

    #[test]
    fn an_api_needs_a_definition_unless_it_is_an_mcp_server() {
        let api = |r#type: &str| {
            json!({
                "apiVersion": "backstage.io/v1alpha1",
                "kind": "API",
                "metadata": { "name": "a" },
                "spec": { "type": r#type, "lifecycle": "l", "owner": "o" },
            })
        };
        assert!(Entity::parse(api("mcp-server")).is_ok());
        assert_eq!(mistakes(api("grpc")), "spec.definition: \"spec.definition\" is missing; kind API needs it\n");
    }

    #[test]
    fn each_kind_says_which_fields_it_needs() {
        let needs = |kind: &Kind| {
            let version = kind.api_versions[0].replace('*', "v1beta3");
            let document = json!({ "apiVersion": version, "kind": kind.name, "metadata": { "name": "a" }, "spec": {} });
            let mistakes = Entity::parse(document).err().unwrap_or_default();
            let paths: Vec<_> = mistakes.iter().map(|it| it.path.to_string()).collect();
            format!("{}: {}\n", kind.name, paths.join(" "))
        };
        insta::assert_snapshot!(KINDS.iter().map(needs).collect::<String>(), @r#"
        Component: spec.type spec.lifecycle spec.owner
        API: spec.type spec.lifecycle spec.owner spec.definition
        Resource: spec.type spec.owner
        System: spec.owner
        Domain: spec.owner
        Group: spec.type spec.children
        User: 
        Location: 
        Template: spec.type spec.steps
        "#);
    }

    proptest::proptest! {
        #[test]
        fn no_text_anywhere_makes_it_panic(text in "\\PC{0,300}", at in 0..6_usize) {
            let mut document = json!({
                "apiVersion": "backstage.io/v1alpha1",
                "kind": "User",
                "metadata": { "name": "a", "tags": ["t"] },
                "spec": { "memberOf": ["g"], "profile": {} },
            });
            let pointer = ["/apiVersion", "/kind", "/metadata/name", "/metadata/tags/0", "/spec/memberOf/0", "/spec/profile"][at];
            *document.pointer_mut(pointer).unwrap() = text.into();
            let _ = Entity::parse(document);
        }
    }
}
