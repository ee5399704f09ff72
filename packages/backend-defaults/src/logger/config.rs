use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use backend_plugin_api::Section;
use indexmap::IndexMap;
use regex::{Regex, RegexBuilder};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Filter;

/// What is logged.
///
/// Backstage: `backend.logger`, with the same meaning.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(extend("reload" = true))]
#[serde(default, rename_all = "camelCase")]
pub struct LoggerConfig {
    /// The least level that is logged. The environment variable `LOG_LEVEL` overrides it.
    #[schemars(extend("default" = "info"))]
    pub level: Option<Level>,
    /// Fields that every line has.
    pub meta: IndexMap<String, Value>,
    /// Other levels for what matches. The first that matches counts.
    pub overrides: Vec<Override>,
}

impl LoggerConfig {
    /// Which events are logged; `level` overrides the config's.
    pub fn filter(&self, level: Option<Level>) -> Filter {
        Filter::new(level.or(self.level).unwrap_or(Level::INFO), self.overrides.clone())
    }
}

impl Section for LoggerConfig {
    const KEY: &'static str = "backend.logger";
}

/// `backend.logger.overrides[]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Override {
    /// Field to what it must be: `plugin: catalog`, `message: /forget/i`, `target: [sqlx, hyper]`.
    /// All must match.
    pub matchers: IndexMap<String, Matcher>,
    /// The least level for these.
    pub level: Level,
}

/// A level by Backstage's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(pub tracing::Level);

impl Level {
    /// The default.
    pub const INFO: Self = Self(tracing::Level::INFO);

    /// E.g. `info`.
    pub fn as_str(self) -> &'static str {
        match self.0 {
            tracing::Level::ERROR => "error",
            tracing::Level::WARN => "warn",
            tracing::Level::INFO => "info",
            tracing::Level::DEBUG => "debug",
            tracing::Level::TRACE => "trace",
        }
    }
}

/// Not a level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a log level; use `error`, `warn`, `info`, `debug` or `trace`")]
pub struct UnknownLevel(String);

impl FromStr for Level {
    type Err = UnknownLevel;

    /// Also winston's levels in between.
    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        Ok(Self(match text.to_ascii_lowercase().as_str() {
            "error" => tracing::Level::ERROR,
            "warn" => tracing::Level::WARN,
            "info" | "http" => tracing::Level::INFO,
            "debug" | "verbose" => tracing::Level::DEBUG,
            "trace" | "silly" => tracing::Level::TRACE,
            _ => return Err(UnknownLevel(text.to_owned())),
        }))
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Level {
    fn schema_name() -> Cow<'static, str> {
        "Level".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "enum": ["error", "warn", "info", "http", "verbose", "debug", "silly", "trace"],
        })
    }
}

impl Serialize for Level {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What a field of a line must be.
#[derive(Clone)]
pub enum Matcher {
    /// This value.
    Is(Value),
    /// Text in which this is found; written `/pattern/flags`.
    Regex(Regex),
    /// One of these.
    Any(Vec<Self>),
}

impl Matcher {
    /// Whether `value` is what it must be.
    pub fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Is(expected) => value == Some(expected),
            Self::Regex(regex) => value.and_then(Value::as_str).is_some_and(|it| regex.is_match(it)),
            Self::Any(matchers) => matchers.iter().any(|it| it.matches(value)),
        }
    }

    /// Backstage: what is not a regular expression is text to be equal to.
    fn from_value(value: Value) -> Self {
        match value {
            Value::Array(values) => Self::Any(values.into_iter().map(Self::from_value).collect()),
            Value::String(text) => parse_regex(&text).map_or(Self::Is(Value::String(text)), Self::Regex),
            value => Self::Is(value),
        }
    }
}

fn parse_regex(text: &str) -> Option<Regex> {
    let (pattern, flags) = text.strip_prefix('/')?.rsplit_once('/')?;
    RegexBuilder::new(pattern)
        .case_insensitive(flags.contains('i'))
        .multi_line(flags.contains('m'))
        .dot_matches_new_line(flags.contains('s'))
        .build()
        .ok()
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(value) => write!(f, "{value}"),
            Self::Regex(regex) => write!(f, "/{regex}/"),
            Self::Any(matchers) => f.debug_list().entries(matchers).finish(),
        }
    }
}

impl JsonSchema for Matcher {
    fn schema_name() -> Cow<'static, str> {
        "Matcher".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = json_schema!({ "type": ["string", "number", "boolean"] });
        json_schema!({
            "description": "What the field has to be: a value, `/regular expression/flags`, or a list of these",
            "anyOf": [one, { "type": "array", "items": one }],
        })
    }
}

impl<'de> Deserialize<'de> for Matcher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from_value)
    }
}
