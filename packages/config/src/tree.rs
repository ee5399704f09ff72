use std::path::Path;
use std::{fmt, sync::Arc};

use indexmap::IndexMap;

use crate::{
    Origin, js, key,
    limits::Size,
    origin::{Source, Span},
    secret::{self, SecretKeys},
};

/// What is wrong, before it is known what all sources say.
pub(crate) struct Mistake {
    pub(crate) key: String,
    pub(crate) message: String,
    pub(crate) at: Span,
}

/// The merged configuration and everything it was read from.
#[derive(Clone)]
pub(crate) struct Tree {
    pub(crate) root: Node,
    pub(crate) sources: Vec<Arc<Source>>,
    pub(crate) secret_keys: SecretKeys,
}

impl Tree {
    pub(crate) fn origin(&self, span: Span) -> Origin {
        let source = self.sources.get(span.source as usize).cloned().unwrap_or_else(|| Arc::new(Source::Code));
        Origin { source, span }
    }

    /// The origin, for an error: `None` for what was set in code.
    pub(crate) fn place(&self, span: Span) -> Option<Origin> {
        let origin = self.origin(span);
        (*origin.source != Source::Code).then_some(origin)
    }

    /// Whether the value at a key may not be shown: by the key, or by the name of a variable or file that it is from.
    pub(crate) fn hides(&self, path: &str, node: &Node) -> bool {
        self.secret_keys.hide(path) || node.from.iter().any(|it| secret::is_secret_name(it))
    }

    /// The node at a key, also one that is absent because of an unset variable.
    pub(crate) fn find(&self, path: &str) -> Option<&Node> {
        self.root.at_path(&key::parse(path))
    }

    /// The place of a key, or of the nearest thing above it that a source says anything about.
    pub(crate) fn nearest(&self, path: &str) -> Option<Origin> {
        let mut node = &self.root;
        let mut span = None;
        for part in key::parse(path) {
            let Some(child) = node.child(&part) else { break };
            node = child;
            span = Some(child.place());
        }
        self.place(span?)
    }
}

/// An object's values, in the order of the file.
pub(crate) type Map = IndexMap<String, Node>;

/// One value with its place and what substitution did to it.
#[derive(Clone, Default)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) at: Span,
    /// Where the key stands that names this value.
    pub(crate) key_at: Option<Span>,
    /// The variables and the file that went into the value.
    pub(crate) from: Vec<String>,
    /// The file whose text it is (`$file`).
    pub(crate) text_of: Option<Box<Path>>,
    /// Set when a missing variable took away this value, or one that would have overridden it.
    pub(crate) unset: Option<Box<Unset>>,
    /// What it replaced.
    pub(crate) below: Option<Box<Node>>,
}

/// A value that is absent because something it refers to is.
#[derive(Clone)]
pub(crate) struct Unset {
    pub(crate) cause: Cause,
    pub(crate) at: Span,
}

#[derive(Clone)]
pub(crate) enum Cause {
    /// These variables are not set; `optional` if the value says of each that it may be (`${X:-}`).
    Variables { names: Vec<String>, optional: bool },
    /// The included file does not have the key.
    Key { file: String, key: String },
}

impl Cause {
    /// Whether nobody needs to be told.
    pub(crate) fn is_meant(&self) -> bool {
        matches!(self, Self::Variables { optional: true, .. })
    }

    /// The variables that are missing.
    pub(crate) fn variables(&self) -> &[String] {
        match self {
            Self::Variables { names, .. } => names,
            Self::Key { .. } => &[],
        }
    }
}

impl fmt::Display for Cause {
    /// ``the environment variable `X` is not set``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = match self {
            Self::Variables { names, .. } => names,
            Self::Key { file, key } => return write!(f, "`{file}` has no `{key}`"),
        };
        let (plural, are) = if let [_] = names.as_slice() { ("", "is") } else { ("s", "are") };
        let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
        write!(f, "the environment variable{plural} {names} {are} not set")
    }
}

#[derive(Clone, Default)]
pub(crate) enum Value {
    #[default]
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    String(String),
    Array(Vec<Node>),
    Object(Map),
}

impl Node {
    pub(crate) fn new(value: Value, at: Span) -> Self {
        Self { value, at, ..Self::default() }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// Absent because of a missing variable, which hides nothing (a written `null` does).
    pub(crate) fn is_unset(&self) -> bool {
        self.is_null() && self.unset.is_some()
    }

    /// ` (from X)` for a value that a variable went into, to end a message with.
    pub(crate) fn provenance(&self) -> String {
        if self.from.is_empty() { String::new() } else { format!(" (from {})", self.from.join(", ")) }
    }

    /// Where to point: at the value, but at the key of an object or a list, which have a line of their own.
    pub(crate) fn place(&self) -> Span {
        match self.value {
            Value::Array(_) | Value::Object(_) => self.key_at.unwrap_or(self.at),
            _ => self.at,
        }
    }

    pub(crate) fn at_path(&self, parts: &[key::Part]) -> Option<&Self> {
        parts.iter().try_fold(self, |node, part| node.child(part))
    }

    pub(crate) fn child(&self, part: &key::Part) -> Option<&Node> {
        match (&self.value, part) {
            (Value::Object(map), key::Part::Name(name)) => map.get(name),
            (Value::Array(_), key::Part::Index(index)) => self.items().nth(*index),
            _ => None,
        }
    }

    /// The elements of a list without those a missing variable took away.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Node> {
        let items = if let Value::Array(items) = &self.value { items.as_slice() } else { &[] };
        items.iter().filter(|item| !item.is_unset())
    }

    /// Calls `visit` with every node below and including this one, and its key.
    pub(crate) fn walk<'a>(&'a self, path: &str, visit: &mut dyn FnMut(&str, &'a Node)) {
        visit(path, self);
        match &self.value {
            Value::Object(map) => {
                for (name, child) in map {
                    child.walk(&key::join(path, name), visit);
                }
            }
            Value::Array(items) => {
                let mut index = 0;
                for item in items {
                    item.walk(&format!("{path}[{index}]"), visit);
                    index += usize::from(!item.is_unset());
                }
            }
            _ => {}
        }
    }

    /// What it takes to have it again.
    pub(crate) fn size(&self) -> Size {
        let mut size = Size { values: 1, ..Size::default() };
        match &self.value {
            Value::String(text) => size = Size::of_text(text),
            Value::Array(items) => items.iter().for_each(|item| size.add(item.size())),
            Value::Object(map) => map.values().for_each(|child| size.add(child.size())),
            _ => {}
        }
        size
    }

    /// What it replaced, the last first.
    pub(crate) fn history(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(self.below.as_deref(), |node| node.below.as_deref())
    }

    pub(crate) fn from_json(value: serde_json::Value, source: u32) -> Self {
        use serde_json::Value as Json;
        let value = match value {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(value),
            Json::Number(number) => js::number(number.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Value::String(text),
            Json::Array(items) => Value::Array(items.into_iter().map(|item| Self::from_json(item, source)).collect()),
            Json::Object(map) => {
                Value::Object(map.into_iter().map(|(name, value)| (name, Self::from_json(value, source))).collect())
            }
        };
        Self::new(value, Span { source, ..Span::default() })
    }

    /// `None` for what is absent; an object that only has absent children stays as `{}`.
    pub(crate) fn to_json(&self) -> Option<serde_json::Value> {
        match &self.value {
            Value::Null => None,
            Value::Object(map) => {
                Some(map.iter().filter_map(|(name, node)| Some((name.clone(), node.to_json()?))).collect())
            }
            _ => Some(self.to_raw_json()),
        }
    }

    /// As it stands, with `null`, which is kept in lists. Backstage: `merge` of `ConfigReader` leaves lists alone.
    pub(crate) fn to_raw_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Integer(number) => match (i64::try_from(*number), u64::try_from(*number)) {
                (Ok(number), _) => number.into(),
                (_, Ok(number)) => number.into(),
                _ => (*number as f64).into(),
            },
            Value::Float(number) => (*number).into(),
            Value::String(text) => Json::String(text.clone()),
            Value::Array(_) => self.items().map(Self::to_raw_json).collect(),
            Value::Object(map) => {
                let present = map.iter().filter(|(_, node)| !node.is_unset());
                present.map(|(name, node)| (name.clone(), node.to_raw_json())).collect()
            }
        }
    }
}
