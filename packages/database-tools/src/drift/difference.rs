use std::collections::BTreeSet;

use serde::Serialize;
use similar::{ChangeTag, TextDiff};

use super::description::{Description, Id, Kind, Object};
use super::script::Script;

/// A thing that is not as migrations make it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// In short.
    pub state: State,
    /// Lines: `-` there and not to be, `+` to be and not there; of long texts with what is around.
    pub diff: String,
}

/// How a thing is not as migrations make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is to be there.
    Missing,
    /// It is not to be there.
    Extra,
    /// It is another.
    Changed,
}

/// The differences, and the SQL from `actual` to `expected`.
pub(super) fn compare(actual: &Description, expected: &Description) -> (Vec<Difference>, String) {
    let ids: BTreeSet<&Id> = actual.0.keys().chain(expected.0.keys()).collect();
    let mut script = Script::default();
    let nothing = Object::default();
    let differences = ids.into_iter().filter_map(|id| {
        let state = match (actual.0.get(id), expected.0.get(id)) {
            (None, Some(expected)) => {
                script.create(id, expected);
                State::Missing
            }
            (Some(actual), None) => {
                script.drop(actual);
                State::Extra
            }
            (Some(actual), Some(expected)) if change(&mut script, id, actual, expected) => State::Changed,
            _ => return None,
        };
        let text = |from: &Description| from.0.get(id).unwrap_or(&nothing).text();
        let diff = diff(&text(actual), &text(expected));
        Some(Difference { kind: id.kind, name: id.name.clone(), state, diff })
    });
    (differences.collect(), script.text())
}

/// Whether there is one.
fn change(script: &mut Script, id: &Id, actual: &Object, expected: &Object) -> bool {
    let mut is_other = false;
    for (fact_id, to) in &expected.facts {
        match actual.facts.get(fact_id) {
            None => script.add_fact(id, fact_id, to),
            Some(from) if from.text != to.text => script.change_fact(id, fact_id, from, to),
            Some(_) => continue,
        }
        is_other = true;
    }
    for (_, fact) in actual.facts.iter().filter(|(it, _)| !expected.facts.contains_key(it)) {
        script.drop_fact(fact);
        is_other = true;
    }
    is_other
}

/// Only what differs; of texts such as a function's, with a line around.
fn diff(actual: &str, expected: &str) -> String {
    let is_list = |text: &str| !text.contains("\n ") && !text.contains("\n\n");
    let radius = if is_list(actual) && is_list(expected) { 0 } else { 1 };
    let diff = TextDiff::from_lines(actual, expected);
    let mut text = String::new();
    for op in diff.grouped_ops(radius).iter().flatten() {
        for change in diff.iter_changes(op) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            text.push_str(format!("{sign} {}", change.value().trim_end()).trim_end());
            text.push('\n');
        }
    }
    text
}
