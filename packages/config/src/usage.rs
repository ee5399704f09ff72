use std::collections::HashMap;

use crate::{
    ConfigError, key,
    suggest::did_you_mean,
    tree::{Node, Tree, Value},
};

/// Which keys a reader knows, learned while it read; for [`Config::unknown_keys`](crate::Config::unknown_keys).
#[derive(Clone, Debug, Default)]
pub struct Usage {
    objects: HashMap<String, Known>,
}

/// What a reader knows in one object.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// A struct with these fields.
    Fields(Vec<&'static str>),
    /// A map, or anything else that takes every key.
    All,
}

impl Usage {
    /// An object may be read more than once; what any of its readers knows is known.
    pub(crate) fn know(&mut self, path: &str, known: Known) {
        match (self.objects.get_mut(path), known) {
            (Some(Known::All), _) => {}
            (Some(Known::Fields(fields)), Known::Fields(more)) => {
                fields.extend(more.into_iter().filter(|field| !fields.contains(field)).collect::<Vec<_>>());
            }
            (_, known) => _ = self.objects.insert(path.to_owned(), known),
        }
    }
}

/// The keys below `path` that none of the readers that looked at their object knows.
pub(crate) fn unknown_keys(tree: &Tree, path: &str, usages: &[Usage]) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    if let Some(node) = tree.find(path) {
        collect(tree, node, path, usages, &mut errors);
    }
    errors
}

fn collect(tree: &Tree, node: &Node, path: &str, usages: &[Usage], errors: &mut Vec<ConfigError>) {
    match &node.value {
        Value::Array(_) => {
            for (index, item) in node.items().enumerate() {
                collect(tree, item, &format!("{path}[{index}]"), usages, errors);
            }
        }
        Value::Object(map) => {
            let known: Vec<&Known> = usages.iter().filter_map(|usage| usage.objects.get(path)).collect();
            // An object that no reader looked into is for whoever takes it as it is.
            let all = known.is_empty() || known.iter().any(|known| matches!(known, Known::All));
            let fields = || {
                known.iter().flat_map(|known| match known {
                    Known::Fields(fields) => fields.as_slice(),
                    Known::All => &[],
                })
            };
            for (name, child) in map {
                let path = key::join(path, name);
                if all || fields().any(|field| field == name) {
                    collect(tree, child, &path, usages, errors);
                } else {
                    let message = format!("is not a known key{}", did_you_mean(name, fields().copied()));
                    errors.push(ConfigError::new(path, message, tree.place(child.key_at.unwrap_or(child.at))));
                }
            }
        }
        _ => {}
    }
}
