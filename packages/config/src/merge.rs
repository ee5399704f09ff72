use std::mem;

use indexmap::map::Entry;

use crate::{
    key::Part,
    origin::Span,
    tree::{Map, Node, Value},
};

/// Lays one tree over another: objects merge, everything else replaces, `null` hides. Backstage: `ConfigReader`.
///
/// What a missing variable took away hides nothing, but the variable is remembered; so is everything that was replaced.
pub(crate) fn merge(lower: &mut Node, upper: Node) {
    if upper.is_unset() {
        if lower.is_unset() {
            let below = mem::replace(lower, upper);
            lower.below = Some(Box::new(below));
        } else {
            lower.unset = upper.unset;
        }
        return;
    }
    if let (Value::Object(below), Value::Object(_)) = (&mut lower.value, &upper.value) {
        let Value::Object(above) = upper.value else { return };
        for (name, node) in above {
            match below.entry(name) {
                Entry::Occupied(mut entry) => merge(entry.get_mut(), node),
                Entry::Vacant(entry) => _ = entry.insert(node),
            }
        }
        (lower.at, lower.key_at) = (upper.at, upper.key_at);
        return;
    }
    let below = mem::replace(lower, upper);
    lower.below = Some(Box::new(below));
}

/// Puts a value in the place of whatever is at a key; `*` is each name that is there, and `null` makes nothing.
pub(crate) fn replace(node: &mut Node, parts: &[Part], value: &serde_json::Value, source: u32) {
    let at = Span::whole(source);
    let Some((first, rest)) = parts.split_first() else {
        let upper = Node { key_at: Some(at), ..Node::from_json(value.clone(), source) };
        // What is not there hides nothing.
        let below = mem::replace(node, upper);
        node.below = (!below.is_null() || below.below.is_some() || below.unset.is_some()).then(|| Box::new(below));
        return;
    };
    let Part::Name(name) = first else { return };
    if !matches!(node.value, Value::Object(_)) {
        if value.is_null() {
            return;
        }
        let object = Node { key_at: Some(at), ..Node::new(Value::Object(Map::default()), at) };
        let below = mem::replace(node, object);
        node.below = (!below.is_null()).then(|| Box::new(below));
    }
    let Value::Object(map) = &mut node.value else { return };
    match map.get_mut(name) {
        _ if name == "*" => map.values_mut().for_each(|it| replace(it, rest, value, source)),
        Some(child) => replace(child, rest, value, source),
        None if value.is_null() => {}
        None => replace(map.entry(name.clone()).or_default(), rest, value, source),
    }
}
