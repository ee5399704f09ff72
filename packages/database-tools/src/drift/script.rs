//! The SQL from what is there to what is to be there.

use super::description::{Fact, FactId, FactKind, Id, Kind, Mend, Object};
use super::postgres::PgColumn;

/// How a fact is made from another of the same name.
#[derive(Debug)]
pub(super) enum Change {
    /// The old one goes, the new one comes: nothing is lost.
    Replace,
    /// By this, whatever it was.
    Overwrite(String),
    /// Of a column, by what differs.
    Column(PgColumn),
    /// Of an enum: values can only be added.
    Values {
        /// Quoted.
        name: String,
        values: Vec<String>,
    },
    /// A person has to.
    ByHand(String),
}

/// A script, in an order in which it can run.
#[derive(Default)]
pub(super) struct Script(Vec<(Phase, String)>);

/// What has to be there before what.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Types,
    Sequences,
    Functions,
    Tables,
    Columns,
    Constraints,
    ForeignKeys,
    Views,
    Triggers,
    /// What is left to people.
    Extra,
}

impl Script {
    /// Of a thing that is to be there.
    pub(super) fn create(&mut self, id: &Id, object: &Object) {
        self.push(Phase::of(id.kind), statement(&object.create));
        for (fact_id, fact) in object.facts.iter().filter(|(it, _)| it.kind.is_later()) {
            // Where it is part of the table's own SQL, it has none.
            if let Mend::Sql(sql) = &fact.add {
                self.push(Phase::of_fact(id, fact_id), statement(sql));
            }
        }
    }

    /// Of a thing that is not to be there.
    pub(super) fn drop(&mut self, object: &Object) {
        self.push(Phase::Extra, commented(&object.drop));
    }

    pub(super) fn add_fact(&mut self, id: &Id, fact_id: &FactId, fact: &Fact) {
        self.mend(Phase::of_fact(id, fact_id), &fact.add);
    }

    pub(super) fn drop_fact(&mut self, fact: &Fact) {
        let text = match fact.add {
            Mend::Sql(_) => commented(&fact.remove),
            Mend::ByHand(_) => note(&fact.remove),
        };
        self.push(Phase::Extra, text);
    }

    pub(super) fn change_fact(&mut self, id: &Id, fact_id: &FactId, from: &Fact, to: &Fact) {
        let phase = Phase::of_fact(id, fact_id);
        match (&from.change, &to.change) {
            (_, Change::Overwrite(sql)) => self.push(phase, statement(sql)),
            (Change::Column(from), Change::Column(to)) => from.to(to).iter().for_each(|it| self.mend(phase, it)),
            (Change::Values { values: from, .. }, Change::Values { name, values: to }) => {
                values(name, from, to).iter().for_each(|it| self.mend(phase, it));
            }
            (_, Change::ByHand(why)) => self.push(Phase::Extra, note(why)),
            (_, Change::Replace | Change::Column(_) | Change::Values { .. }) => {
                self.push(phase, statement(&from.remove));
                self.mend(phase, &to.add);
            }
        }
    }

    fn mend(&mut self, phase: Phase, mend: &Mend) {
        match mend {
            Mend::Sql(sql) => self.push(phase, statement(sql)),
            Mend::ByHand(why) => self.push(Phase::Extra, note(why)),
        }
    }

    fn push(&mut self, phase: Phase, text: String) {
        if !self.0.iter().any(|it| it.0 == phase && it.1 == text) {
            self.0.push((phase, text));
        }
    }

    pub(super) fn text(mut self) -> String {
        self.0.sort_by_key(|it| it.0);
        self.0.into_iter().map(|(_, text)| text + "\n").collect()
    }
}

impl Phase {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Enum | Kind::Domain => Self::Types,
            Kind::Sequence => Self::Sequences,
            Kind::Function => Self::Functions,
            Kind::Table => Self::Tables,
            Kind::View => Self::Views,
        }
    }

    fn of_fact(id: &Id, fact: &FactId) -> Self {
        match (id.kind, fact.kind) {
            (Kind::View, FactKind::Index) => Self::Views,
            (_, FactKind::Whole) => Self::of(id.kind),
            (_, FactKind::Column) => Self::Columns,
            (_, FactKind::ForeignKey) => Self::ForeignKeys,
            (_, FactKind::Trigger) => Self::Triggers,
            (_, FactKind::PrimaryKey | FactKind::Unique | FactKind::Check | FactKind::Exclusion | FactKind::Index) => {
                Self::Constraints
            }
        }
    }
}

/// Values that are not to be there, or in another order, cannot be mended without a look at the rows.
fn values(name: &str, from: &[String], to: &[String]) -> Vec<Mend> {
    let kept: Vec<_> = to.iter().filter(|it| from.contains(it)).collect();
    if kept.len() != from.len() || kept.iter().zip(from).any(|(kept, from)| *kept != from) {
        return vec![Mend::ByHand(format!(
            "the enum {name} has values to lose or to move: make a new type, and move its columns"
        ))];
    }
    let missing = to.iter().enumerate().filter(|(_, it)| !from.contains(it));
    let add = |(at, value): (usize, &String)| {
        let place = match at.checked_sub(1).and_then(|it| to.get(it)) {
            Some(before) => format!(" AFTER {before}"),
            None => from.first().map(|it| format!(" BEFORE {it}")).unwrap_or_default(),
        };
        Mend::Sql(format!("ALTER TYPE {name} ADD VALUE {value}{place}"))
    };
    missing.map(add).collect()
}

fn statement(sql: &str) -> String {
    format!("{};", sql.trim_end().trim_end_matches(';'))
}

fn commented(sql: &str) -> String {
    note(&statement(sql))
}

fn note(text: &str) -> String {
    text.lines().map(|it| format!("-- {it}")).collect::<Vec<_>>().join("\n")
}
