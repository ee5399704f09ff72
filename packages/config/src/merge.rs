use std::mem;

use indexmap::map::Entry;

use crate::tree::{Node, Value};

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
