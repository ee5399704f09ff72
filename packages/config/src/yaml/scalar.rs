//! Which value a scalar is: YAML 1.2 core, with numbers as JavaScript has them. JavaScript: `yaml`, `schema/core`.

use crate::{js, tree::Value};

/// What an explicit tag makes of a scalar.
pub(super) enum Tag {
    /// None, or one without meaning.
    None,
    Text,
    Core(&'static str),
    /// One for values that config cannot hold.
    Unsupported,
}

impl Tag {
    pub(super) fn of(tag: &saphyr_parser::Tag) -> Self {
        let full = format!("{}{}", tag.handle, tag.suffix);
        match full.strip_prefix("tag:yaml.org,2002:") {
            Some("null") => Self::Core("null"),
            Some("bool") => Self::Core("bool"),
            Some("int") => Self::Core("int"),
            Some("float") => Self::Core("float"),
            Some("binary" | "timestamp" | "set" | "omap" | "pairs" | "merge") => Self::Unsupported,
            // Of a tag that is not known the `yaml` package warns, and takes the text.
            _ => Self::Text,
        }
    }
}

/// A scalar without quotes.
pub(super) fn plain(text: &str) -> Value {
    let first = text.bytes().next();
    // Nearly all texts begin with a letter that nothing else begins with.
    if first.is_some_and(|byte| {
        !matches!(byte, b'~' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'+' | b'-' | b'.' | b'0'..=b'9')
    }) {
        return Value::String(text.to_owned());
    }
    null(text).or_else(|| bool(text)).or_else(|| int(text)).or_else(|| float(text)).unwrap_or_else(|| text.into())
}

/// A scalar with a tag of the core schema; a text when it does not look like one.
pub(super) fn tagged(text: &str, tag: &str) -> Value {
    let value = match tag {
        "null" => null(text),
        "bool" => bool(text),
        "int" => int(text),
        _ => float(text),
    };
    value.unwrap_or_else(|| text.into())
}

fn null(text: &str) -> Option<Value> {
    matches!(text, "" | "~" | "null" | "Null" | "NULL").then_some(Value::Null)
}

fn bool(text: &str) -> Option<Value> {
    match text {
        "true" | "True" | "TRUE" => Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => Some(Value::Bool(false)),
        _ => None,
    }
}

fn int(text: &str) -> Option<Value> {
    let (digits, radix) = match (text.strip_prefix("0o"), text.strip_prefix("0x")) {
        (Some(digits), _) => (digits, 8),
        (_, Some(digits)) => (digits, 16),
        _ => (unsigned(text), 10),
    };
    let all = !digits.is_empty() && digits.bytes().all(|byte| char::from(byte).is_digit(radix));
    match all {
        true if radix == 10 => text.parse().ok().map(js::number),
        true => js::whole(digits, radix).map(js::number),
        false => None,
    }
}

fn float(text: &str) -> Option<Value> {
    let number = unsigned(text);
    match number {
        ".inf" | ".Inf" | ".INF" if text.starts_with('-') => return Some(Value::Float(f64::NEG_INFINITY)),
        ".inf" | ".Inf" | ".INF" => return Some(Value::Float(f64::INFINITY)),
        ".nan" | ".NaN" | ".NAN" if number == text => return Some(Value::Float(f64::NAN)),
        _ => {}
    }
    let (mantissa, exponent) = number.split_once(['e', 'E']).map_or((number, None), |(it, e)| (it, Some(e)));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (before, after) = mantissa.split_once('.').map_or((mantissa, None), |(it, after)| (it, Some(after)));
    let some = !before.is_empty() || after.is_some_and(|after| !after.is_empty());
    let exponent_is_one = exponent.is_none_or(|it| !unsigned(it).is_empty() && digits(unsigned(it)));
    let is_float = some && digits(before) && after.is_none_or(digits) && exponent_is_one;
    (is_float && (after.is_some() || exponent.is_some())).then(|| text.parse().ok().map(js::number)).flatten()
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}
