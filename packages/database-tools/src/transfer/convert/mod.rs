//! From what a source has to what a column of the target gets.

mod moment;
mod number;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::de::IgnoredAny;

pub(crate) use self::moment::{write_date, write_time, write_timestamp};
pub(super) use self::number::decimal_of_real;
use super::{Kind, Raw, Value};

/// How much of a value is shown in a message.
const SHOWN: usize = 60;

/// A value that its target's column cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{shown} is no {wanted}")]
pub struct Unfit {
    /// The value, shortened.
    pub shown: String,
    /// What it was to be, e.g. `timestamp`.
    pub wanted: &'static str,
}

/// The value that a column of `kind` gets for what a source has.
///
/// Numbers are points in time as Knex writes them into SQLite: whole ones are milliseconds since 1970 (also where SQLite's
/// own functions would see seconds), those with a fraction are Julian days (SQLite: `julianday()`) where they can be.
/// What has no zone is in UTC.
///
/// # Errors
/// When there is none: nothing is guessed.
pub fn convert<'a>(raw: Raw<'a>, kind: &Kind) -> Result<Value<'a>, Unfit> {
    if raw == Raw::Null {
        return Ok(Value::Null);
    }
    let value = match *kind {
        Kind::Bool => bool(raw).map(Value::Bool),
        Kind::Int => number::int(raw),
        Kind::Real { single } => number::real(raw, single).map(Value::Real),
        Kind::Decimal => number::decimal(raw).map(Value::Decimal),
        Kind::Text | Kind::Other => text(raw).map(Value::Text),
        Kind::Char => text(raw).map(without_blanks).map(Value::Text),
        Kind::Bytes => bytes(raw).map(Value::Bytes),
        Kind::Date => moment::date(raw).map(Value::Date),
        Kind::Time { digits } => moment::time(raw, digits).map(Value::Time),
        Kind::Timestamp { digits, .. } => moment::timestamp(raw, digits).map(Value::Timestamp),
        Kind::Json => json(raw).map(Value::Json),
        Kind::Uuid => uuid(raw).map(Value::Uuid),
        Kind::Any => Some(as_it_is(raw)),
    };
    value.ok_or_else(|| Unfit { shown: shown(raw), wanted: wanted(kind) })
}

fn bool(raw: Raw<'_>) -> Option<bool> {
    match raw {
        Raw::Int(0) | Raw::Unsigned(0) => Some(false),
        Raw::Int(1) | Raw::Unsigned(1) => Some(true),
        Raw::Real(0.0) => Some(false),
        Raw::Real(1.0) => Some(true),
        // MySQL: `bit(1)`.
        Raw::Bytes([0]) => Some(false),
        Raw::Bytes([1]) => Some(true),
        Raw::Text(it) => bool_of_text(it),
        Raw::Bytes(it) => bool_of_text(str::from_utf8(it).ok()?),
        _ => None,
    }
}

fn bool_of_text(text: &str) -> Option<bool> {
    let is = |names: &[&str]| names.iter().any(|it| it.eq_ignore_ascii_case(text));
    match () {
        () if is(&["t", "true", "1"]) => Some(true),
        () if is(&["f", "false", "0"]) => Some(false),
        () => None,
    }
}

fn text(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    match raw {
        Raw::Null => None,
        Raw::Int(it) => Some(it.to_string().into()),
        Raw::Unsigned(it) => Some(it.to_string().into()),
        // With a point, as SQLite casts it.
        Raw::Real(it) => Some(format!("{it:?}").into()),
        Raw::Text(it) => Some(it.into()),
        Raw::Bytes(it) => str::from_utf8(it).ok().map(Cow::from),
    }
}

fn without_blanks(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(it) => it.trim_end_matches(' ').into(),
        Cow::Owned(it) => it.trim_end_matches(' ').to_owned().into(),
    }
}

fn bytes(raw: Raw<'_>) -> Option<Cow<'_, [u8]>> {
    match raw {
        Raw::Bytes(it) => Some(it.into()),
        Raw::Text(it) => Some(it.as_bytes().into()),
        Raw::Null | Raw::Int(_) | Raw::Unsigned(_) | Raw::Real(_) => None,
    }
}

/// Not looked into further than whether it is some: `json` keeps what was written.
fn json(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    match raw {
        Raw::Real(it) if !it.is_finite() => None,
        // What SQLite makes of JSON that is a number in a column that is numeric.
        Raw::Int(_) | Raw::Unsigned(_) | Raw::Real(_) => text(raw),
        Raw::Null | Raw::Text(_) | Raw::Bytes(_) => {
            let text = text(raw)?;
            serde_json::from_str::<IgnoredAny>(&text).is_ok().then_some(text)
        }
    }
}

fn uuid(raw: Raw<'_>) -> Option<[u8; 16]> {
    let text = match raw {
        Raw::Text(it) => it,
        Raw::Bytes(it) => match it.try_into() {
            Ok(bytes) => return Some(bytes),
            Err(_) => str::from_utf8(it).ok()?,
        },
        Raw::Null | Raw::Int(_) | Raw::Unsigned(_) | Raw::Real(_) => return None,
    };
    uuid::Uuid::try_parse(text).ok().map(uuid::Uuid::into_bytes)
}

fn as_it_is(raw: Raw<'_>) -> Value<'_> {
    match raw {
        Raw::Null => Value::Null,
        Raw::Int(it) => Value::Int(it),
        Raw::Unsigned(it) => i64::try_from(it).map_or(Value::Unsigned(it), Value::Int),
        Raw::Real(it) => Value::Real(it),
        Raw::Text(it) => Value::Text(it.into()),
        Raw::Bytes(it) => Value::Bytes(it.into()),
    }
}

fn shown(raw: Raw<'_>) -> String {
    match raw {
        Raw::Null => "NULL".to_owned(),
        Raw::Int(it) => it.to_string(),
        Raw::Unsigned(it) => it.to_string(),
        Raw::Real(it) => format!("{it:?}"),
        Raw::Text(it) => match it.char_indices().nth(SHOWN) {
            None => format!("{it:?}"),
            Some((end, _)) => format!("{:?}...", &it[..end]),
        },
        Raw::Bytes(it) => format!("({} bytes)", it.len()),
    }
}

fn wanted(kind: &Kind) -> &'static str {
    match kind {
        Kind::Bool => "truth value",
        Kind::Int => "whole number",
        Kind::Real { .. } | Kind::Decimal => "number",
        Kind::Text | Kind::Char | Kind::Other | Kind::Any => "text",
        Kind::Bytes => "byte string",
        Kind::Date => "date",
        Kind::Time { .. } => "time of day",
        Kind::Timestamp { .. } => "timestamp",
        Kind::Json => "JSON",
        Kind::Uuid => "UUID",
    }
}
