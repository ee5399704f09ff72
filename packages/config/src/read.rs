use std::{cell::RefCell, collections::HashSet};

use serde::de::DeserializeOwned;

use crate::{
    ConfigError, ConfigErrors, Usage,
    de::{Attempt, Error, Got, Kind, Reader, scalar_from_text},
    key, mask,
    secret::has_user_info,
    suggest::did_you_mean,
    tree::{Node, Tree, Value},
};

/// A section with more mistakes than this is reported in parts.
const MAX_MISTAKES: usize = 50;

/// Reads a section as often as it takes to find every mistake in it.
///
/// serde stops at the first. So each value that was wrong is replaced by one that fits ("patched"), and the section is
/// read again, until it reads or nothing new comes; the result of a patched read is never given out. Where nothing
/// fits, what the value is part of is patched; patched values are read last, so that they hide no other mistake.
pub(crate) fn read<T: DeserializeOwned>(tree: &Tree, section: &str) -> (Result<T, ConfigErrors>, Usage) {
    let usage = RefCell::new(Usage::default());
    let mut patched = HashSet::new();
    let mut retyped = HashSet::new();
    let mut errors: Vec<ConfigError> = Vec::new();
    while errors.len() < MAX_MISTAKES {
        let attempt = Attempt { tree, patched: &patched, retyped: &retyped, usage: &usage };
        let error = match T::deserialize(Reader::new(&attempt, tree.find(section), section)) {
            Ok(value) if errors.is_empty() => return (Ok(value), usage.into_inner()),
            Ok(_) => break,
            Err(error) => error,
        };
        let failure = Failure::of(tree, section, error);
        if let Some(text) = failure.retype(&retyped) {
            retyped.insert(text);
            continue;
        }
        // What goes wrong at a patched value, or at what it is part of, may be our own doing.
        let patch = match patched.iter().filter(|patch| key::is_within(&failure.path, patch)).min() {
            Some(patch) if patch == section => break,
            Some(patch) => key::parent(patch).unwrap_or_default(),
            None => {
                let path = failure.path.clone();
                if !patched.iter().any(|patch| key::is_within(patch, &path)) {
                    errors.push(failure.into_error());
                }
                path
            }
        };
        if !patched.insert(patch) {
            break;
        }
    }
    (Err(errors.into()), usage.into_inner())
}

/// What serde said, and the key it is about.
struct Failure<'a> {
    tree: &'a Tree,
    path: String,
    kind: Kind,
    node: Option<&'a Node>,
    /// Texts that may be what it is about, where serde had buffered the values and lost their keys.
    candidates: Vec<String>,
}

impl<'a> Failure<'a> {
    fn of(tree: &'a Tree, section: &str, error: Error) -> Self {
        let at = error.path.unwrap_or_else(|| section.to_owned());
        let (path, mut candidates) = match &error.kind {
            Kind::Missing(name) | Kind::Unknown { name, .. } => (key::join(&at, name), Vec::new()),
            Kind::Type { got, .. } => {
                let candidates = tree.find(&at).map(|node| find_scalars(node, &at, got)).unwrap_or_default();
                (at, candidates)
            }
            Kind::Variant { .. } | Kind::Other(_) => (at, Vec::new()),
        };
        let path = if let [only] = candidates.as_slice() { only.clone() } else { path };
        candidates.retain(|candidate| tree.find(candidate).is_some_and(|node| matches!(node.value, Value::String(_))));
        let node = tree.find(&path);
        Self { tree, path, kind: error.kind, node, candidates }
    }

    /// A text that has to be read as a number or a boolean, though nobody asked for one when it was buffered.
    fn retype(&self, retyped: &HashSet<String>) -> Option<String> {
        let Kind::Type { expected, got } = &self.kind else { return None };
        let fits = match scalar_from_text(got.text.as_deref()?)? {
            Value::Bool(_) => expected == "a boolean",
            Value::Integer(_) | Value::Float(_) => is_number(expected),
            _ => false,
        };
        self.candidates.iter().find(|candidate| fits && !retyped.contains(*candidate)).cloned()
    }

    fn into_error(self) -> ConfigError {
        let (tree, message) = (self.tree, self.message());
        let origin = match (&self.kind, self.node) {
            (Kind::Unknown { .. }, Some(node)) => tree.place(node.key_at.unwrap_or(node.at)),
            (_, Some(node)) => tree.place(node.place()),
            (_, None) => tree.nearest(&self.path),
        };
        ConfigError::new(self.path, message, origin)
    }

    fn message(&self) -> String {
        match &self.kind {
            Kind::Missing(_) => match self.node.and_then(|node| node.unset.as_deref()) {
                Some(unset) => format!("is not set, because {}", unset.cause),
                None => "is required, but not set".into(),
            },
            Kind::Unknown { name, known } => format!("is not a known key{}", did_you_mean(name, known.iter().copied())),
            Kind::Type { expected, got } => {
                let number = matches!(self.node.map(|node| &node.value), Some(Value::Integer(_) | Value::Float(_)))
                    || got.text.as_deref().is_some_and(|text| text.trim().parse::<f64>().is_ok());
                format!("expected {}{}", describe(expected, number), self.got(&got.shown, got.kind))
            }
            Kind::Variant { got, known } => {
                let guess = if self.is_hidden() { String::new() } else { did_you_mean(got, known.iter().copied()) };
                format!("expected {}{}{guess}", one_of(known), self.got(&format!("{got:?}"), "a string"))
            }
            Kind::Other(message) if message.starts_with("data did not match any variant of untagged enum") => {
                format!("has none of the forms it may have{}", self.from())
            }
            Kind::Other(message) => {
                format!("{}{}", mask::without_secrets(self.tree, self.node, &self.path, message), self.from())
            }
        }
    }

    fn got(&self, shown: &str, kind: &str) -> String {
        let hidden = self.is_hidden() || has_user_info(shown);
        format!(", got {}{}", if hidden { kind } else { shown }, self.from())
    }

    fn is_hidden(&self) -> bool {
        self.tree.secret_keys.hide(&self.path) || self.node.is_some_and(|node| self.tree.hides(&self.path, node))
    }

    fn from(&self) -> String {
        self.node.map(Node::provenance).unwrap_or_default()
    }
}

fn is_number(expected: &str) -> bool {
    let name = expected.strip_prefix("a nonzero ").unwrap_or(expected);
    matches!(name.split_at_checked(1), Some(("u" | "i" | "f", "8" | "16" | "32" | "64" | "128" | "size")))
}

/// Rust's name of a type in the words of someone who writes YAML.
fn describe(expected: &str, got_number: bool) -> String {
    match expected {
        _ if is_number(expected) && !got_number => "a number".into(),
        "f32" | "f64" => "a number".into(),
        "u8" => "a whole number from 0 to 255".into(),
        "u16" => "a whole number from 0 to 65535".into(),
        "u32" => "a whole number from 0 to 4294967295".into(),
        "u64" | "u128" | "usize" => "a whole number that is not negative".into(),
        "i8" => "a whole number from -128 to 127".into(),
        "i16" => "a whole number from -32768 to 32767".into(),
        "i32" => "a whole number from -2147483648 to 2147483647".into(),
        _ if is_number(expected) && expected.starts_with("a nonzero u") => "a whole number above 0".into(),
        _ if is_number(expected) => "a whole number".into(),
        "a sequence" => "a list".into(),
        "a map" => "an object".into(),
        _ if expected.starts_with("struct ") || expected.starts_with("internally tagged enum") => "an object".into(),
        _ if expected.starts_with("tuple ") => "a list".into(),
        _ => expected.to_owned(),
    }
}

fn one_of(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => "nothing".into(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The keys below an object whose value is written as serde has it.
fn find_scalars(node: &Node, path: &str, got: &Got) -> Vec<String> {
    let mut found = Vec::new();
    if !matches!(node.value, Value::Object(_) | Value::Array(_)) {
        return found;
    }
    node.walk(path, &mut |path, node| {
        let equal = match &node.value {
            Value::String(text) => got.text.as_ref() == Some(text),
            Value::Bool(value) => got.text.is_none() && got.shown == value.to_string(),
            Value::Integer(number) => got.text.is_none() && got.shown == number.to_string(),
            _ => false,
        };
        if equal {
            found.push(path.to_owned());
        }
    });
    found
}
