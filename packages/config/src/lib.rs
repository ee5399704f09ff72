#![doc = include_str!("../README.md")]

mod change;
mod de;
mod dotenv;
mod duration;
mod env;
mod error;
mod explain;
mod include;
mod js;
pub mod key;
mod limits;
mod load;
mod located;
mod mask;
mod merge;
mod origin;
mod read;
mod redact;
mod report;
mod schema;
mod secret;
mod sources;
mod substitute;
mod suggest;
mod text;
mod tree;
mod usage;
mod watch;
mod yaml;

use std::{fmt, sync::Arc};

use serde::de::DeserializeOwned;

use crate::{
    origin::{Source, Span},
    tree::{Node, Tree, Value},
};

pub use crate::{
    duration::{Duration, HumanDuration},
    error::{ConfigError, ConfigErrors},
    explain::{Explanation, Overridden, UnsetValue},
    located::Located,
    origin::Origin,
    redact::Redactor,
    secret::Secret,
    sources::Sources,
    usage::Usage,
    watch::{Reload, Watch, WatchError},
};

/// The merged configuration, each value with its origin. Cheap to clone; `Debug` shows no value.
///
/// Keys are dotted: `backend.database`, `catalog.locations[2].target`; a name with a dot in it is quoted,
/// `proxy["/a.b"]`. The empty key is the root.
#[derive(Clone)]
pub struct Config(Arc<Tree>);

impl Config {
    /// Reads the files, fills in the variables and merges.
    ///
    /// `env` gives the variables for `${NAME}`; usually `|name| std::env::var(name).ok()`.
    ///
    /// # Errors
    /// Every mistake of every file: unreadable, not YAML, not an object, an include that cannot be.
    pub fn load(sources: &Sources, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigErrors> {
        load::load(sources, env).tree.map(Self::from_tree)
    }

    fn from_tree(tree: Tree) -> Self {
        Self(Arc::new(tree))
    }

    /// A config from code: defaults and tests. Its values have no place, so errors name only the key.
    pub fn from_json(value: serde_json::Value) -> Self {
        let sources = vec![Arc::new(Source::Code)];
        Self::from_tree(Tree { root: Node::from_json(value, 0), sources, secret_keys: Default::default() })
    }

    /// No configuration at all.
    pub fn empty() -> Self {
        let root = Node::new(Value::Object(Default::default()), Span::default());
        Self::from_tree(Tree { root, sources: Vec::new(), secret_keys: Default::default() })
    }

    /// The full keys right below `key` that are present, in the order of the files. Below `""` are the sections.
    pub fn keys(&self, key: &str) -> Vec<String> {
        let Some(Value::Object(map)) = self.0.find(key).map(|node| &node.value) else { return Vec::new() };
        let present = map.iter().filter(|(_, node)| !node.is_null());
        present.map(|(name, _)| key::join(key, name)).collect()
    }

    /// Whether there is a value; `null` and what a missing variable took away count as absent.
    pub fn contains(&self, key: &str) -> bool {
        self.0.find(key).is_some_and(|node| !node.is_null())
    }

    /// Where the value stands; `None` when it is absent.
    pub fn origin(&self, key: &str) -> Option<Origin> {
        self.0.find(key).filter(|node| !node.is_null()).map(|node| self.0.origin(node.place()))
    }

    /// Reads a section; an absent one reads as `{}`.
    ///
    /// Numbers and booleans may be written as strings, as variables give them.
    ///
    /// # Errors
    /// Every mistake in the section, each with its key and place.
    pub fn read<T: DeserializeOwned>(&self, key: &str) -> Result<T, ConfigErrors> {
        self.read_tracked(key).0
    }

    /// As [`read`](Self::read), and tells which keys the reader knows.
    pub fn read_tracked<T: DeserializeOwned>(&self, key: &str) -> (Result<T, ConfigErrors>, Usage) {
        read::read(&self.0, key)
    }

    /// The keys below `key` that none of its readers knows, each an error with "did you mean".
    ///
    /// Several readers may share a section (a plugin and its modules): pass the usages of all.
    pub fn unknown_keys(&self, key: &str, usages: &[Usage]) -> Vec<ConfigError> {
        usage::unknown_keys(&self.0, key, usages)
    }

    /// Every value that a missing variable made absent, but for `${NAME:-}`, which means that; the key, place and
    /// variable of each. Whether that matters is for the caller to say.
    pub fn unset_variables(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        self.0.root.walk("", &mut |key, node| {
            let Some(unset) = node.unset.as_deref().filter(|unset| !unset.cause.is_meant()) else { return };
            let message = match self.0.place(node.at).filter(|_| !node.is_null()) {
                Some(origin) => format!("is as in {origin}, because {}", unset.cause),
                None => format!("is not set, because {}", unset.cause),
            };
            errors.push(ConfigError::new(key, message, self.0.place(unset.at)));
        });
        errors
    }

    /// A mistake that only the reader of the value can see, such as a file that is not there.
    ///
    /// Points at the key, or at what is nearest above when it is absent, and names the variables in the value.
    pub fn error(&self, key: &str, message: impl Into<String>) -> ConfigError {
        let from = self.0.find(key).map(Node::provenance).unwrap_or_default();
        let message = mask::without_secrets(&self.0, self.0.find(key), key, &message.into());
        ConfigError::new(key, message + &from, self.0.nearest(key))
    }

    /// How the key came to its value, or why it has none.
    pub fn explain(&self, key: &str) -> Explanation {
        explain::explain(&self.0, key)
    }

    /// The full keys whose values differ from those of an older config: of what came or went the outermost key.
    pub fn changed_keys(&self, old: &Self) -> Vec<String> {
        change::changed_keys(&old.0.root, &self.0.root)
    }

    /// Takes these keys and all below them for secret, whatever their names. `*` stands for any name and `[*]` for
    /// any index: `auth.providers.*.certificates[*]`.
    #[must_use]
    pub fn with_secret_keys<'a>(mut self, patterns: impl IntoIterator<Item = &'a str>) -> Self {
        let mut patterns = patterns.into_iter().peekable();
        if patterns.peek().is_some() {
            mask::mark(Arc::make_mut(&mut self.0), patterns);
        }
        self
    }

    fn with_secrets_of(mut self, other: &Self) -> Self {
        if !other.0.secret_keys.is_empty() {
            let tree = Arc::make_mut(&mut self.0);
            tree.secret_keys = other.0.secret_keys.clone();
            mask::mark(tree, []);
        }
        self
    }

    /// Whether the value of a key may not be shown: by the names in the key, or because the key was marked.
    pub fn is_secret(&self, key: &str) -> bool {
        self.0.secret_keys.hide(key)
    }

    /// The texts for a log to hide: values of keys that are named like a secret's or marked, connection strings, and
    /// passwords in URLs.
    pub fn secrets(&self) -> Vec<Secret<String>> {
        mask::secrets(&self.0)
    }

    /// Hides [`secrets`](Self::secrets) in texts.
    pub fn redactor(&self) -> Redactor {
        let secrets = self.secrets();
        Redactor::new(secrets.iter().map(|it| it.expose().as_str()))
    }

    /// The values as plain JSON, without those that are absent. Holds secrets as they are.
    pub fn to_json(&self) -> serde_json::Value {
        self.0.root.to_json().unwrap_or_else(|| serde_json::json!({}))
    }

    /// As [`to_json`](Self::to_json), with `********` for secrets and for the user-info of URLs.
    pub fn masked_json(&self) -> serde_json::Value {
        mask::masked(&self.0, &self.0.root, "").unwrap_or_else(|| serde_json::json!({}))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("keys", &self.keys("")).finish_non_exhaustive()
    }
}
