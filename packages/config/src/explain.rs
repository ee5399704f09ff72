use serde_json::Value as Json;

use crate::{
    Origin, env, key,
    key::Part,
    mask::masked,
    tree::{Node, Tree, Value},
};

/// How a key came to its value. Secrets are masked.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// The full key.
    pub key: String,
    /// Its value with secrets masked; `None` when it is absent.
    pub value: Option<Json>,
    /// `string`, `number`, `boolean`, `list` or `object`; `None` when it is absent.
    pub kind: Option<&'static str>,
    /// Whether the value itself may not be shown.
    pub secret: bool,
    /// Where the value stands; of an absent one, the `null` or the value in its way, if that is why.
    pub origin: Option<Origin>,
    /// The variables and the file (`$file`) that went into the value.
    pub from: Vec<String>,
    /// What would have set it, had a variable been set.
    pub unset: Option<UnsetValue>,
    /// What it replaced, the last first.
    pub overrides: Vec<Overridden>,
    /// The environment variable that sets it; `None` when no variable can.
    pub variable: Option<String>,
}

/// A value that is absent because something it refers to is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnsetValue {
    /// Where it stands.
    pub origin: Origin,
    /// The variables that are not set.
    pub variables: Vec<String>,
    /// The reason as a text, ``the environment variable `X` is not set``.
    pub reason: String,
}

/// A value that another one replaced.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Overridden {
    /// Where it stands.
    pub origin: Origin,
    /// The value with secrets masked; `None` for `null` and for what a missing variable took away.
    pub value: Option<Json>,
    /// The variables and the file that went into it.
    pub from: Vec<String>,
    /// Why it was absent itself.
    pub unset: Option<UnsetValue>,
}

pub(crate) fn explain(tree: &Tree, path: &str) -> Explanation {
    let parts = key::parse(path);
    let node = tree.root.at_path(&parts);
    let present = node.filter(|node| !node.is_null());
    let overrides = overridden(&tree.root, &parts).into_iter().map(|below| Overridden {
        origin: tree.origin(below.place()),
        value: masked(tree, below, path),
        from: below.from.clone(),
        unset: unset(tree, below),
    });
    let unset_value = node.and_then(|node| unset(tree, node));
    let origin = match (present, node) {
        (Some(node), _) => Some(tree.origin(node.place())),
        // A `null`, or what an object would have to be for the key to be there.
        (None, Some(node)) if unset_value.is_none() => Some(tree.origin(node.place())),
        (None, Some(_)) => None,
        (None, None) => in_the_way(&tree.root, &parts).map(|node| tree.origin(node.place())),
    };
    Explanation {
        key: path.to_owned(),
        value: present.and_then(|node| masked(tree, node, path)),
        kind: present.and_then(|node| kind(&node.value)),
        secret: tree.secret_keys.hide(path),
        origin,
        from: present.map(|node| node.from.clone()).unwrap_or_default(),
        unset: unset_value,
        overrides: overrides.collect(),
        variable: variable(&parts),
    }
}

fn unset(tree: &Tree, node: &Node) -> Option<UnsetValue> {
    let unset = node.unset.as_deref()?;
    let (variables, reason) = (unset.cause.variables().to_vec(), unset.cause.to_string());
    Some(UnsetValue { origin: tree.origin(unset.at), variables, reason })
}

/// What stood at a key before, the last first: below its own value, then below what is above it.
fn overridden<'a>(root: &'a Node, parts: &[Part]) -> Vec<&'a Node> {
    let mut found = Vec::new();
    let mut node = Some(root);
    for depth in 0..=parts.len() {
        let Some(here) = node else { break };
        let below = here.history().filter_map(|below| below.at_path(&parts[depth..]));
        found.splice(0..0, below);
        node = parts.get(depth).and_then(|part| here.child(part));
    }
    found
}

/// The `null`, list or scalar that a key would be below.
fn in_the_way<'a>(root: &'a Node, parts: &[Part]) -> Option<&'a Node> {
    let mut node = root;
    for part in parts {
        match node.child(part) {
            Some(child) => node = child,
            None => break,
        }
    }
    (!matches!(node.value, Value::Object(_)) && !node.is_unset()).then_some(node)
}

fn kind(value: &Value) -> Option<&'static str> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => "boolean",
        Value::Integer(_) | Value::Float(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    })
}

fn variable(parts: &[Part]) -> Option<String> {
    let names = parts.iter().map(|part| match part {
        Part::Name(name) if env::is_key_part(name) => Some(name.as_str()),
        Part::Name(_) | Part::Index(_) => None,
    });
    let names: Option<Vec<_>> = names.collect();
    names.filter(|names| !names.is_empty()).map(|names| format!("{}{}", env::PREFIX, names.join("_")))
}
