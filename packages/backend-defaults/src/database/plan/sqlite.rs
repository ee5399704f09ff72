use std::path::{Path, PathBuf};

use backend_plugin_api::Located;
use serde_json::Value;

use super::resolve::{Family, Resolve, base_key, did_you_mean};
use super::{SqlitePlace, SqlitePlan};
use crate::database::connection::Connection;

/// What is said of where a SQLite database is.
#[derive(Clone, Default)]
struct Location {
    directory: Option<PathBuf>,
    filename: Option<PathBuf>,
}

impl Resolve<'_> {
    /// Backstage: the plugin's keys over the base's, if the client is the base's too (here, if it is
    /// the other name of the same). The file is `filename`, or else named after the plugin, in
    /// `directory`.
    pub(super) fn sqlite(&mut self) -> Option<SqlitePlan> {
        let before = self.mistakes.len();
        let base = self.base_connection(Family::Sqlite);
        let base = base.map(|it| self.location(it, &base_key("connection"))).unwrap_or_default();
        if base.filename.as_deref().is_some_and(|it| !is_memory(it)) {
            let key = match self.config.connection.as_ref().map(Located::get) {
                Some(Connection::Object(_)) => "connection.filename",
                _ => "connection",
            };
            let message =
                "plugins cannot share one file: set `connection.directory`, or `plugin.<id>.connection.filename`";
            self.mistake(base_key(key), message);
        }
        let own = self.own_connection();
        let own = own.map(|it| self.location(it, &self.own_key("connection"))).unwrap_or_default();
        if self.mistakes.len() > before {
            return None;
        }
        // A plugin that names a folder does not want the base's memory.
        let base_filename = base.filename.filter(|_| own.directory.is_none());
        let directory = own.directory.or(base.directory);
        let place = match (directory, own.filename.or(base_filename)) {
            (_, Some(filename)) if is_memory(&filename) => SqlitePlace::Memory,
            (None, None) => SqlitePlace::Memory,
            (directory, filename) => {
                let filename = filename.unwrap_or_else(|| format!("{}.sqlite", self.plugin).into());
                SqlitePlace::File(directory.unwrap_or_default().join(filename))
            }
        };
        Some(SqlitePlan { place })
    }

    fn location(&mut self, connection: &Connection, key: &str) -> Location {
        match connection {
            Connection::Text(text) => Location { filename: self.file_of(text.expose(), key), directory: None },
            Connection::Object(settings) => {
                let mut location = Location::default();
                for (name, setting) in settings {
                    let key = format!("{key}.{name}");
                    match (name.as_str(), setting.value.expose()) {
                        ("directory", Value::String(text)) if !text.is_empty() => {
                            location.directory = Some(text.into())
                        }
                        ("filename", Value::String(text)) => location.filename = self.file_of(text, &key),
                        ("directory" | "filename", _) => self.mistake(key, "expected a path"),
                        _ => {
                            let hint = did_you_mean(name, &["directory", "filename"]);
                            self.mistake(key, format!("SQLite has no such setting{hint}"));
                        }
                    }
                }
                location
            }
        }
    }

    /// Takes a path, and also `file:` before it.
    fn file_of(&mut self, text: &str, key: &str) -> Option<PathBuf> {
        let path = text.strip_prefix("file:").map_or(text, |it| it.strip_prefix("//").unwrap_or(it));
        let message = if path.is_empty() {
            "expected the path of a file, or `:memory:`"
        } else if path.len() < text.len() && path.contains('?') {
            "parameters of `file:` are not supported: write the path alone"
        } else if text.contains("://") && path.len() == text.len() {
            "expected the path of a file, or `:memory:`: this is the address of a server"
        } else {
            return Some(path.into());
        };
        self.mistake(key.to_owned(), message);
        None
    }
}

fn is_memory(filename: &Path) -> bool {
    filename.as_os_str() == ":memory:"
}
