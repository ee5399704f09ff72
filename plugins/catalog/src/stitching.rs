//! From entities and what they say of each other to the entities that are served.

use std::collections::HashMap;

use catalog_model::{Entity, Relation};

use crate::locations::sha1_hex;
use crate::processing::Found;

/// An entity with its relations, before it has a uid.
pub(crate) struct Stitched {
    pub(crate) entity: Entity,
    pub(crate) location_key: String,
    /// Changes when anything in the entity does.
    pub(crate) hash: String,
    /// What the entity itself states, both ways.
    pub(crate) relations: Vec<RelationRow>,
}

/// A relation in the table of that name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RelationRow {
    pub(crate) source: String,
    pub(crate) r#type: &'static str,
    pub(crate) target: String,
}

/// Gives each entity the relations that it or others state, sorted, each once.
///
/// A relation to an entity that is not there stays, as in Backstage.
pub(crate) fn stitch(found: Vec<Found>) -> Vec<Stitched> {
    let stated: Vec<Vec<RelationRow>> = found.iter().map(|it| states(&it.entity)).collect();
    let mut relations: HashMap<&str, Vec<Relation>> = HashMap::new();
    for row in stated.iter().flatten() {
        let relation = Relation { r#type: row.r#type.to_owned(), target_ref: row.target.clone() };
        relations.entry(&row.source).or_default().push(relation);
    }
    let mut entities = vec![];
    for found in found {
        let mut entity = found.entity;
        let mut relations = relations.remove(entity.entity_ref().as_str()).unwrap_or_default();
        relations.sort_unstable();
        relations.dedup();
        entity.set_relations(&relations);
        let hash = sha1_hex(&serde_json::to_vec(&entity).unwrap_or_default());
        entities.push((entity, found.location.to_string(), hash));
    }
    let whole = |((entity, location_key, hash), relations)| Stitched { entity, location_key, hash, relations };
    entities.into_iter().zip(stated).map(whole).collect()
}

fn states(entity: &Entity) -> Vec<RelationRow> {
    let own = entity.entity_ref().as_str();
    let row = |source: &str, r#type, target: &str| RelationRow {
        source: source.to_owned(),
        r#type,
        target: target.to_owned(),
    };
    let both = |it: catalog_model::Emitted| {
        [row(own, it.pair.outgoing, it.target.as_str()), row(it.target.as_str(), it.pair.incoming, own)]
    };
    let mut rows: Vec<_> = entity.outgoing_relations().into_iter().flat_map(both).collect();
    rows.sort_unstable();
    rows.dedup();
    rows
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use catalog_model::LocationRef;
    use serde_json::{Value, json};

    use super::*;

    fn stitched(documents: &[(&str, &str, Value)]) -> Vec<Stitched> {
        let found = documents.iter().map(|(kind, name, spec)| {
            let metadata = json!({ "name": name });
            let document =
                json!({ "apiVersion": "backstage.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec });
            Found::new(Entity::parse(document).unwrap(), LocationRef::new("file", "/x"))
        });
        stitch(found.collect())
    }

    fn relations(stitched: &Stitched) -> String {
        let relations: Vec<Relation> =
            serde_json::from_value(stitched.entity.get(&["relations"]).unwrap().clone()).unwrap();
        relations.iter().map(|it| format!("{} {}", it.r#type, it.target_ref)).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn relations_go_both_ways_sorted_and_once() {
        let stitched = stitched(&[
            ("Group", "A", json!({ "type": "team", "children": ["b"], "members": ["u"] })),
            ("Group", "b", json!({ "type": "team", "children": [], "parent": "a" })),
            ("User", "u", json!({ "memberOf": ["a", "gone"] })),
            ("System", "s", json!({ "owner": "a" })),
        ]);
        assert_eq!(
            stitched.iter().map(relations).collect::<Vec<_>>(),
            [
                "hasMember user:default/u, ownerOf system:default/s, parentOf group:default/b",
                "childOf group:default/a",
                "memberOf group:default/a, memberOf group:default/gone",
                "ownedBy group:default/a",
            ]
        );
    }

    #[test]
    fn the_hash_tells_whether_an_entity_changed() {
        let user = |groups: Value| ("User", "u", json!({ "memberOf": groups }));
        let group = |name| ("Group", name, json!({ "type": "team", "children": [] }));
        let before = stitched(&[user(json!(["a"])), group("a"), group("b")]);
        let after = stitched(&[user(json!(["b"])), group("a"), group("b")]);
        let changed = |at: usize| before[at].hash != after[at].hash;
        assert_eq!([changed(0), changed(1), changed(2)], [true, true, true]);
        let same = stitched(&[user(json!(["a"])), group("a"), group("b"), group("c")]);
        assert!((0..3).all(|at| before[at].hash == same[at].hash));
    }
}
