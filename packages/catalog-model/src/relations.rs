use serde::{Deserialize, Serialize};

use crate::EntityRef;

/// The two names of a relation, seen from either end.
///
/// Backstage: the `RELATION_*` constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelationPair {
    /// On the entity that states the relation, e.g. `ownedBy`.
    pub outgoing: &'static str,
    /// On its target, e.g. `ownerOf`.
    pub incoming: &'static str,
}

impl RelationPair {
    pub(crate) const OWNED_BY: Self = Self::new("ownedBy", "ownerOf");
    pub(crate) const PROVIDES_API: Self = Self::new("providesApi", "apiProvidedBy");
    pub(crate) const CONSUMES_API: Self = Self::new("consumesApi", "apiConsumedBy");
    pub(crate) const DEPENDS_ON: Self = Self::new("dependsOn", "dependencyOf");
    pub(crate) const PART_OF: Self = Self::new("partOf", "hasPart");
    pub(crate) const MEMBER_OF: Self = Self::new("memberOf", "hasMember");
    pub(crate) const CHILD_OF: Self = Self::new("childOf", "parentOf");

    const fn new(outgoing: &'static str, incoming: &'static str) -> Self {
        Self { outgoing, incoming }
    }

    pub(crate) const fn reversed(self) -> Self {
        Self { outgoing: self.incoming, incoming: self.outgoing }
    }
}

/// A relation as its entity states it; its target has the reverse one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emitted {
    /// The names of the relation.
    pub pair: RelationPair,
    /// The other entity, which need not exist.
    pub target: EntityRef,
}

/// A relation as it stands in an entity: `{ "type": "ownedBy", "targetRef": "group:default/team-a" }`.
///
/// Sorts by type, then target, the order in which Backstage shows them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Relation {
    /// E.g. `ownedBy`.
    pub r#type: String,
    /// The other entity, in lower case.
    pub target_ref: String,
}
