//! A connection's settings, the plugin's over the base's, each with the key it was said at.

use std::path::PathBuf;

use backend_plugin_api::Secret;
use indexmap::IndexMap;
use serde_json::Value;

use super::Mistake;
use super::resolve::{did_you_mean, list};
use crate::database::connection::{Connection, Setting};

/// Settings that are taken one by one; what is left at the end is not known.
#[derive(Default)]
pub(super) struct Settings {
    values: IndexMap<String, Sourced>,
    /// The names that were asked for.
    known: Vec<&'static str>,
    pub(super) mistakes: Vec<Mistake>,
    /// A text could not be read: what it says is not missing.
    pub(super) unread: bool,
}

struct Sourced {
    setting: Setting,
    /// With dots, from the root of the config.
    key: String,
}

/// A value and the key that it was said at.
pub(super) struct Said<T> {
    pub(super) value: T,
    pub(super) key: String,
    /// The file whose text it is.
    pub(super) text_of: Option<PathBuf>,
}

impl Settings {
    /// Lays `connection`, which stands at `key`, over what there is. A text is read by `parse`.
    pub(super) fn lay(
        &mut self,
        connection: &Connection,
        key: &str,
        parse: impl Fn(&str) -> Result<Vec<(String, String)>, String>,
    ) {
        match connection {
            Connection::Text(text) => match parse(text.expose()) {
                Ok(pairs) => {
                    for (name, value) in pairs {
                        let setting = Setting { value: Secret::new(Value::String(value)), text_of: None };
                        self.values.insert(name, Sourced { setting, key: key.to_owned() });
                    }
                }
                Err(message) => {
                    self.unread = true;
                    self.mistake(key, message);
                }
            },
            Connection::Object(settings) => {
                for (name, setting) in settings.iter().filter(|(_, it)| !it.value.expose().is_null()) {
                    let key = format!("{key}.{name}");
                    self.values.insert(name.clone(), Sourced { setting: setting.clone(), key });
                }
            }
        }
    }

    /// Lays all of `over` over this.
    pub(super) fn lay_all(&mut self, over: Self) {
        self.values.extend(over.values);
        self.mistakes.extend(over.mistakes);
        self.unread |= over.unread;
    }

    /// As configured.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name).map(|it| it.setting.value.expose())
    }

    pub(super) fn mistake(&mut self, key: &str, message: impl Into<String>) {
        self.mistakes.push(Mistake { key: key.to_owned(), message: message.into() });
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Leaves it out.
    pub(super) fn forget(&mut self, name: &'static str) {
        self.value(name);
    }

    pub(super) fn value(&mut self, name: &'static str) -> Option<Said<Value>> {
        self.known.push(name);
        let Sourced { setting, key } = self.values.shift_remove(name)?;
        Some(Said { value: setting.value.expose().clone(), key, text_of: setting.text_of })
    }

    /// A text that is not empty; numbers and booleans are taken as theirs.
    pub(super) fn text(&mut self, name: &'static str) -> Option<Said<String>> {
        let Said { value, key, text_of } = self.value(name)?;
        match value {
            Value::String(text) if text.is_empty() => None,
            Value::String(value) => Some(Said { value, key, text_of }),
            Value::Number(_) | Value::Bool(_) => Some(Said { value: value.to_string(), key, text_of }),
            _ => {
                self.mistake(&key, "expected a string");
                None
            }
        }
    }

    pub(super) fn plain_text(&mut self, name: &'static str) -> Option<String> {
        self.text(name).map(|it| it.value)
    }

    pub(super) fn flag(&mut self, name: &'static str) -> Option<bool> {
        let Said { value, key, .. } = self.text(name)?;
        match value.as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => {
                self.mistake(&key, "expected `true` or `false`");
                None
            }
        }
    }

    pub(super) fn number(&mut self, name: &'static str) -> Option<Said<u64>> {
        let Said { value, key, text_of } = self.text(name)?;
        // Numbers of the config may have a fraction of zero.
        let number = value.strip_suffix(".0").unwrap_or(&value).parse();
        match number {
            Ok(value) => Some(Said { value, key, text_of }),
            Err(_) => {
                self.mistake(&key, "expected a whole number, not below 0");
                None
            }
        }
    }

    /// One of these names.
    pub(super) fn choice<T: Copy>(&mut self, name: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let said = self.text(name)?;
        let found = choices.iter().find(|(text, _)| *text == said.value);
        if found.is_none() {
            let names: Vec<_> = choices.iter().map(|(text, _)| *text).collect();
            self.mistake(&said.key, format!("expected one of {}", list(&names)));
        }
        found.map(|(_, choice)| *choice)
    }

    /// Mistakes: those that were found, and what nobody asked for.
    pub(super) fn finish(mut self, engine: &str) -> Vec<Mistake> {
        let left = std::mem::take(&mut self.values);
        for (name, Sourced { key, .. }) in left {
            let message = format!("{engine} has no setting `{name}`{}", did_you_mean(&name, &self.known));
            self.mistake(&key, message);
        }
        self.mistakes
    }
}
