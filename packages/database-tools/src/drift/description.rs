use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::script::Change;

/// The host's own, of commands that are under way.
const IGNORED: &str = "greenroom_copy";

/// What there is in a database or schema.
#[derive(Debug, Default)]
pub(super) struct Description(pub(super) BTreeMap<Id, Object>);

/// Which thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) kind: Kind,
    pub(super) name: String,
}

/// What there may be in a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A type with a list of values.
    Enum,
    /// A type with a check.
    Domain,
    /// One that no column owns.
    Sequence,
    /// Or a procedure.
    Function,
    /// With its columns, keys, checks, indexes and triggers.
    Table,
    /// Also a materialized one.
    View,
}

/// A thing, as far as it counts.
#[derive(Debug, Default)]
pub(super) struct Object {
    pub(super) facts: BTreeMap<FactId, Fact>,
    /// Makes it, without those facts that are made after all tables are there ([`FactKind::is_later`]).
    pub(super) create: String,
    /// Destroys it.
    pub(super) drop: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FactId {
    pub(super) kind: FactKind,
    pub(super) name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FactKind {
    /// Of the thing as a whole.
    Whole,
    Column,
    PrimaryKey,
    Unique,
    Check,
    Exclusion,
    ForeignKey,
    Index,
    Trigger,
}

/// One thing that is so.
#[derive(Debug)]
pub(super) struct Fact {
    /// The same for two that are the same.
    pub(super) text: String,
    /// Makes it, where the thing is there without it.
    pub(super) add: Mend,
    /// Undoes it.
    pub(super) remove: String,
    /// Makes it from another of the same name.
    pub(super) change: Change,
}

/// SQL, or why there is none.
#[derive(Clone, Debug)]
pub(super) enum Mend {
    Sql(String),
    /// A person has to.
    ByHand(String),
}

impl Description {
    pub(super) fn object(&mut self, kind: Kind, name: &str) -> &mut Object {
        self.0.entry(Id { kind, name: name.to_owned() }).or_default()
    }

    /// A thing that is one text.
    pub(super) fn whole(&mut self, kind: Kind, name: &str, create: String, drop: String, fact: Fact) {
        let object = self.object(kind, name);
        (object.create, object.drop) = (create, drop);
        object.fact(FactKind::Whole, "", fact);
    }

    pub(super) fn without_ignored(mut self) -> Self {
        self.0.remove(&Id { kind: Kind::Table, name: IGNORED.to_owned() });
        self
    }
}

impl Object {
    pub(super) fn fact(&mut self, kind: FactKind, name: &str, fact: Fact) {
        self.facts.insert(FactId { kind, name: name.to_owned() }, fact);
    }

    /// All that counts, a line a fact, or more.
    pub(super) fn text(&self) -> String {
        self.facts.values().map(|it| it.text.trim_end().to_owned() + "\n").collect()
    }
}

impl FactKind {
    pub(super) fn is_later(self) -> bool {
        matches!(self, Self::ForeignKey | Self::Index | Self::Trigger)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Enum => "enum",
            Self::Domain => "domain",
            Self::Sequence => "sequence",
            Self::Function => "function",
            Self::Table => "table",
            Self::View => "view",
        })
    }
}
