use serde::Serialize;
use serde_json::{Map, Value};

use crate::validate::validate;
use crate::{DEFAULT_NAMESPACE, Emitted, EntityRef, Kind, LocationRef, Mistake, RefDefaults, Relation, annotations};

/// A valid entity of a known kind, with all that its document said.
///
/// Serialises to the document, with `metadata.namespace` filled in.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Entity {
    document: Map<String, Value>,
    #[serde(skip)]
    entity_ref: EntityRef,
}

impl Entity {
    /// Takes a document that follows all rules; or says everything that is wrong with it.
    pub fn parse(document: Value) -> Result<Self, Vec<Mistake>> {
        let (mut document, entity_ref) = validate(document)?;
        if let Some(Value::Object(metadata)) = document.get_mut("metadata") {
            metadata.entry("namespace").or_insert_with(|| DEFAULT_NAMESPACE.into());
        }
        Ok(Self { document, entity_ref })
    }

    /// The entity of a location that stands in no file.
    ///
    /// Backstage: `locationSpecToLocationEntity`.
    pub fn location(name: &str, location: &LocationRef) -> Result<Self, Vec<Mistake>> {
        Self::parse(serde_json::json!({
            "apiVersion": "backstage.io/v1alpha1",
            "kind": "Location",
            "metadata": { "name": name },
            "spec": { "type": location.kind, "target": location.target },
        }))
    }

    /// Its name: unique in the catalog.
    pub fn entity_ref(&self) -> &EntityRef {
        &self.entity_ref
    }

    /// The whole document.
    pub fn document(&self) -> &Map<String, Value> {
        &self.document
    }

    /// The value at these keys.
    pub fn get(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.document.get(*first)?, |value, key| value.get(key))
    }

    /// The text at these keys.
    pub fn text(&self, path: &[&str]) -> Option<&str> {
        self.get(path)?.as_str()
    }

    /// The value of one annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.text(&["metadata", "annotations", key])
    }

    /// Notes where the entity was read and which configured location led there.
    pub fn set_location(&mut self, location: &LocationRef, origin: &LocationRef) {
        let written = object(object(&mut self.document, "metadata"), "annotations");
        written.insert(annotations::LOCATION.to_owned(), location.to_string().into());
        written.insert(annotations::ORIGIN_LOCATION.to_owned(), origin.to_string().into());
    }

    /// Replaces `relations`.
    pub fn set_relations(&mut self, relations: &[Relation]) {
        let relation = |it: &Relation| serde_json::json!({ "type": it.r#type, "targetRef": it.target_ref });
        self.document.insert("relations".to_owned(), relations.iter().map(relation).collect());
    }

    /// Sets `metadata.uid`, and `metadata.etag` where the document has none.
    pub fn set_identity(&mut self, uid: &str, etag: &str) {
        let metadata = object(&mut self.document, "metadata");
        metadata.insert("uid".to_owned(), uid.into());
        metadata.entry("etag").or_insert_with(|| etag.into());
    }

    /// The relations that its `spec` states, in the order of [`Kind::fields`].
    ///
    /// Backstage: `BuiltinKindsEntityProcessor`.
    pub fn outgoing_relations(&self) -> Vec<Emitted> {
        let mut emitted = Vec::new();
        let fields = Kind::named(self.entity_ref.kind()).map_or(&[][..], |it| it.fields);
        for (field, relation) in fields.iter().filter_map(|it| Some((it, it.relation?))) {
            let defaults = RefDefaults { kind: relation.default_kind, namespace: Some(self.entity_ref.namespace()) };
            let references = match self.get(&["spec", field.name]) {
                Some(Value::Array(items)) => items.as_slice(),
                Some(item) => std::slice::from_ref(item),
                None => &[],
            };
            let targets = references.iter().filter_map(Value::as_str);
            let targets = targets.filter_map(|it| EntityRef::parse(it, defaults).ok());
            emitted.extend(targets.map(|target| Emitted { pair: relation.pair, target }));
        }
        emitted
    }
}

/// The mapping under `key`, made if there is none.
fn object<'a>(parent: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let value = parent.entry(key).or_insert_with(|| Value::Object(Map::new()));
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("made an object above"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn emitted(kind: &str, spec: Value) -> Vec<String> {
        let document = json!({
            "apiVersion": "backstage.io/v1alpha1",
            "kind": kind,
            "metadata": { "name": "Self", "namespace": "ns" },
            "spec": spec,
        });
        let relations = Entity::parse(document).unwrap().outgoing_relations();
        relations.iter().map(|it| format!("{}/{} {}", it.pair.outgoing, it.pair.incoming, it.target)).collect()
    }

    #[test]
    fn relations_are_those_of_backstages_builtin_kinds() {
        let component = json!({
            "type": "t", "lifecycle": "l", "owner": "O", "system": "s", "subcomponentOf": "c",
            "providesApis": ["p"], "consumesApis": ["default/q"], "dependsOn": ["resource:r"], "dependencyOf": ["component:d"],
        });
        assert_eq!(
            emitted("Component", component),
            [
                "ownedBy/ownerOf group:ns/o",
                "partOf/hasPart system:ns/s",
                "partOf/hasPart component:ns/c",
                "providesApi/apiProvidedBy api:ns/p",
                "consumesApi/apiConsumedBy api:default/q",
                "dependsOn/dependencyOf resource:ns/r",
                "dependencyOf/dependsOn component:ns/d",
            ]
        );
        let api = json!({ "type": "t", "lifecycle": "l", "owner": "user:o", "definition": "d", "system": "s" });
        assert_eq!(emitted("API", api), ["ownedBy/ownerOf user:ns/o", "partOf/hasPart system:ns/s"]);
        let resource =
            json!({ "type": "t", "owner": "o", "system": "s", "dependsOn": ["component:c"], "dependencyOf": [] });
        assert_eq!(
            emitted("Resource", resource),
            ["ownedBy/ownerOf group:ns/o", "partOf/hasPart system:ns/s", "dependsOn/dependencyOf component:ns/c",]
        );
        assert_eq!(
            emitted("System", json!({ "owner": "o", "domain": "d" })),
            ["ownedBy/ownerOf group:ns/o", "partOf/hasPart domain:ns/d",]
        );
        assert_eq!(
            emitted("Domain", json!({ "owner": "o", "subdomainOf": "d" })),
            ["ownedBy/ownerOf group:ns/o", "partOf/hasPart domain:ns/d",]
        );
        let group = json!({ "type": "team", "parent": "p", "children": ["c"], "members": ["m"] });
        assert_eq!(
            emitted("Group", group),
            ["parentOf/childOf group:ns/c", "childOf/parentOf group:ns/p", "hasMember/memberOf user:ns/m",]
        );
        assert_eq!(
            emitted("User", json!({ "memberOf": ["g", "g2"] })),
            ["memberOf/hasMember group:ns/g", "memberOf/hasMember group:ns/g2",]
        );
        assert_eq!(emitted("Location", json!({ "target": "./x.yaml" })), [""; 0]);
    }

    #[test]
    fn nothing_of_the_document_is_lost() {
        let document = json!({
            "apiVersion": "backstage.io/v1beta1",
            "kind": "User",
            "metadata": { "name": "ana", "own": { "deep": [1, null] }, "namespace": "x" },
            "spec": { "memberOf": [], "unknown": true },
            "status": { "items": [] },
        });
        let entity = Entity::parse(document.clone()).unwrap();
        assert_eq!(serde_json::to_value(&entity).unwrap(), document);
    }

    #[test]
    fn what_the_catalog_knows_is_added() {
        let mut entity = Entity::location("all", &LocationRef::new("file", "/a.yaml")).unwrap();
        entity.set_location(&LocationRef::new("file", "/b.yaml"), &LocationRef::new("file", "/a.yaml"));
        entity.set_relations(&[Relation { r#type: "ownedBy".to_owned(), target_ref: "group:default/a".to_owned() }]);
        entity.set_identity("1-2", "e");
        insta::assert_json_snapshot!(entity, @r#"
        {
          "apiVersion": "backstage.io/v1alpha1",
          "kind": "Location",
          "metadata": {
            "name": "all",
            "namespace": "default",
            "annotations": {
              "backstage.io/managed-by-location": "file:/b.yaml",
              "backstage.io/managed-by-origin-location": "file:/a.yaml"
            },
            "uid": "1-2",
            "etag": "e"
          },
          "spec": {
            "type": "file",
            "target": "/a.yaml"
          },
          "relations": [
            {
              "type": "ownedBy",
              "targetRef": "group:default/a"
            }
          ]
        }
        "#);
    }
}
