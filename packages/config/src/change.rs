use crate::{
    key,
    tree::{Node, Value},
};

/// The keys whose values are not the same: the outermost ones that came or went, else the innermost ones.
pub(crate) fn changed_keys(old: &Node, new: &Node) -> Vec<String> {
    let mut keys = Vec::new();
    compare("", present(Some(old)), present(Some(new)), &mut keys);
    keys
}

fn compare(path: &str, old: Option<&Node>, new: Option<&Node>, keys: &mut Vec<String>) {
    match (old.map(|node| &node.value), new.map(|node| &node.value)) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            for (name, node) in old {
                compare(&key::join(path, name), present(Some(node)), present(new.get(name)), keys);
            }
            for (name, node) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
                compare(&key::join(path, name), None, present(Some(node)), keys);
            }
        }
        (old, new) if !same(old, new) => keys.push(path.to_owned()),
        _ => {}
    }
}

fn present(node: Option<&Node>) -> Option<&Node> {
    node.filter(|node| !node.is_null())
}

fn same(old: Option<&Value>, new: Option<&Value>) -> bool {
    let (Some(old), Some(new)) = (old, new) else { return old.is_none() && new.is_none() };
    match (old, new) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(old), Value::Bool(new)) => old == new,
        (Value::Integer(old), Value::Integer(new)) => old == new,
        (Value::Float(old), Value::Float(new)) => old.to_bits() == new.to_bits(),
        (Value::String(old), Value::String(new)) => old == new,
        (Value::Array(_), Value::Array(_)) | (Value::Object(_), Value::Object(_)) => {
            Node::new(old.clone(), Default::default()).to_raw_json()
                == Node::new(new.clone(), Default::default()).to_raw_json()
        }
        _ => false,
    }
}
