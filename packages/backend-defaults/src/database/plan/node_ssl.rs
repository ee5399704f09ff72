//! The object `ssl` of node-postgres and mysql2, whose keys go to Node's `tls.connect`.

use serde_json::{Map, Value};

use super::postgres_tls::pem;
use super::resolve::did_you_mean;
use super::settings::Settings;
use crate::database::postgres::{Identity, Pem};

pub(super) struct NodeSsl<'a> {
    settings: &'a mut Settings,
    /// Where it stands.
    key: &'a str,
    map: &'a Map<String, Value>,
}

impl<'a> NodeSsl<'a> {
    /// What is not `known` is a mistake.
    pub(super) fn new(settings: &'a mut Settings, key: &'a str, map: &'a Map<String, Value>, known: &[&str]) -> Self {
        for name in map.keys().filter(|it| !known.contains(&it.as_str())) {
            let message = format!("`ssl` has no setting `{name}`{}", did_you_mean(name, known));
            settings.mistake(&format!("{key}.{name}"), message);
        }
        Self { settings, key, map }
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.map.get(name)? {
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(text.clone()),
            // Node takes a list of authorities too.
            Value::Array(list) if name == "ca" && list.iter().all(Value::is_string) => {
                Some(list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"))
            }
            _ => self.expected(name, "a string"),
        }
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.map.get(name)? {
            Value::Null => None,
            Value::Bool(flag) => Some(*flag),
            Value::String(text) if matches!(text.as_str(), "true" | "false") => Some(text == "true"),
            _ => self.expected(name, "`true` or `false`"),
        }
    }

    /// Whose certificates are trusted, if not those of public authorities.
    pub(super) fn ca(&mut self) -> Option<Pem> {
        self.text("ca").map(pem)
    }

    pub(super) fn verifies(&mut self) -> bool {
        self.flag("rejectUnauthorized").unwrap_or(true)
    }

    pub(super) fn identity(&mut self) -> Option<Identity> {
        match (self.text("cert"), self.text("key")) {
            (Some(certificate), Some(key)) => Some(Identity { certificate: pem(certificate), key: pem(key) }),
            (None, None) => None,
            _ => {
                self.settings.mistake(self.key, "`cert` and `key` belong together: one is missing");
                None
            }
        }
    }

    pub(super) fn mistake(&mut self, name: &str, message: &str) {
        self.settings.mistake(&format!("{}.{name}", self.key), message);
    }

    fn expected<T>(&mut self, name: &str, what: &str) -> Option<T> {
        self.mistake(name, &format!("expected {what}"));
        None
    }
}
