//! Values without what may not be shown.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::{
    Secret, key,
    origin::Source,
    secret::{self, MASK},
    tree::{Node, Tree, Value},
};

/// The value as JSON, with `********` for what is secret; `None` when it is absent.
pub(crate) fn masked(tree: &Tree, node: &Node, path: &str) -> Option<Json> {
    match &node.value {
        Value::Null => None,
        Value::Object(map) => {
            let present = map
                .iter()
                .filter_map(|(name, child)| Some((name.clone(), masked(tree, child, &key::join(path, name))?)));
            Some(present.collect())
        }
        Value::Array(_) => {
            let item = |(index, item)| masked(tree, item, &format!("{path}[{index}]")).unwrap_or(Json::Null);
            Some(node.items().enumerate().map(item).collect())
        }
        // It gives nothing away, and `credentials: true` is no credential.
        Value::Bool(value) => Some((*value).into()),
        _ if tree.hides(path, node) => Some(MASK.into()),
        Value::String(text) => Some(secret::without_user_info(text).into()),
        _ => Some(node.to_raw_json()),
    }
}

/// A message about a value, which may quote what it does not like, without what may not be shown.
pub(crate) fn without_secrets(tree: &Tree, node: Option<&Node>, path: &str, message: &str) -> String {
    let mut message = message.to_owned();
    let Some(node) = node else { return message };
    node.walk(path, &mut |path, node| {
        let Value::String(text) = &node.value else { return };
        if !(tree.hides(path, node) || secret::has_user_info(text)) || text.is_empty() {
            return;
        }
        // As it is, or as Rust quotes it.
        for shown in [text.clone(), text.escape_debug().to_string()] {
            if text.len() >= 4 {
                message = message.replace(&shown, MASK);
            } else if has_word(&message, &shown) {
                message = "is not valid".to_owned();
            }
        }
    });
    message
}

/// Whether the text stands in the message by itself: a short one may well be a part of any word.
fn has_word(message: &str, text: &str) -> bool {
    let part = |it: Option<char>| it.is_some_and(char::is_alphanumeric);
    message
        .match_indices(text)
        .any(|(at, _)| !part(message[..at].chars().next_back()) && !part(message[at + text.len()..].chars().next()))
}

/// The texts that must not turn up anywhere.
pub(crate) fn secrets(tree: &Tree) -> Vec<Secret<String>> {
    let mut secrets = BTreeSet::new();
    tree.root.walk("", &mut |path, node| {
        let is_secret = || {
            secret::is_named_secret(path)
                || tree.secret_keys.marks(path)
                || node.from.iter().any(|it| secret::is_secret_name(it))
        };
        // A connection string, `postgres://...` or `Server=...;Password=...`, and not the path of a file.
        let is_connection = |text: &str| path.ends_with(".connection") && text.contains(['=', '@']);
        match &node.value {
            Value::String(text) if is_secret() || is_connection(text) => _ = secrets.insert(text.clone()),
            Value::String(text) => secrets.extend(secret::url_passwords(text).map(str::to_owned)),
            Value::Integer(number) if is_secret() => _ = secrets.insert(number.to_string()),
            _ => {}
        }
    });
    secrets.remove("");
    secrets.into_iter().map(Secret::new).collect()
}

/// Marks keys as secret, so that neither their values nor the lines these stand on are shown.
pub(crate) fn mark<'a>(tree: &mut Tree, patterns: impl IntoIterator<Item = &'a str>) {
    tree.secret_keys.extend(patterns);
    let mut spans = Vec::new();
    tree.root.walk("", &mut |path, node| {
        if tree.secret_keys.marks(path) {
            spans.extend(std::iter::once(node).chain(node.history()).map(|node| node.at));
        }
    });
    for span in spans.into_iter().filter(|span| span.line > 0) {
        let Some(source) = tree.sources.get_mut(span.source as usize) else { continue };
        if let Source::File(file) = &**source
            && !file.secret_lines.contains(&span.line)
        {
            let mut file = file.clone();
            file.secret_lines.extend(span.line..=span.line.saturating_add(span.more_lines));
            *source = Source::File(file).into();
        }
    }
}
