use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::Level;
use super::record::Record;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people: `2026-01-01T12:00:00.000Z catalog info processed entities=21`.
    Pretty {
        /// With ANSI colours.
        color: bool,
    },
    /// For machines: `{"timestamp": ..., "level": "info", "message": ..., "plugin": "catalog", ...}`.
    Json,
}

impl Format {
    pub(super) fn line(self, at: DateTime<Utc>, record: &Record<'_>, meta: &IndexMap<String, Value>) -> String {
        let timestamp = at.to_rfc3339_opts(SecondsFormat::Millis, true);
        match self {
            Self::Json => json(timestamp, record, meta),
            Self::Pretty { color } => pretty(&timestamp, record, meta, color),
        }
    }
}

fn json(timestamp: String, record: &Record<'_>, meta: &IndexMap<String, Value>) -> String {
    let mut line = Map::new();
    line.insert("timestamp".to_owned(), Value::String(timestamp));
    line.insert("level".to_owned(), Value::from(Level(record.level).as_str()));
    line.insert("message".to_owned(), Value::from(record.message.as_str()));
    line.extend(meta.clone());
    line.extend(record.fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let mut line = Value::Object(line).to_string();
    line.push('\n');
    line
}

fn pretty(timestamp: &str, record: &Record<'_>, meta: &IndexMap<String, Value>, color: bool) -> String {
    let paint = |code: &'static str| if color { code } else { "" };
    let (dim, blue, reset) = (paint("\x1b[2m"), paint("\x1b[34m"), paint("\x1b[0m"));
    let of_level = paint(match record.level {
        tracing::Level::ERROR => "\x1b[31m",
        tracing::Level::WARN => "\x1b[33m",
        tracing::Level::INFO => "\x1b[32m",
        _ => "\x1b[36m",
    });
    let plugin = record.field("plugin");
    let who = plugin.as_deref().and_then(Value::as_str).unwrap_or("backend");
    let level = Level(record.level).as_str();
    let message = &record.message;
    let mut line = format!("{dim}{timestamp}{reset} {blue}{who}{reset} {of_level}{level}{reset} {message}");
    let own = record.fields.iter().map(|(name, value)| (*name, value)).filter(|(name, _)| *name != "plugin");
    for (name, value) in meta.iter().map(|(name, value)| (name.as_str(), value)).chain(own) {
        // Writing to a string does not fail.
        let _ = match value {
            Value::String(text) if !text.contains([' ', '"', '\n']) => write!(line, " {dim}{name}={reset}{text}"),
            value => write!(line, " {dim}{name}={reset}{value}"),
        };
    }
    line.push('\n');
    line
}
