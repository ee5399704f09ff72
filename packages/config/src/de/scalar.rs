use serde::de::Visitor;

use super::Error;
use crate::{js, tree::Value};

/// The number or boolean that a text is.
pub(crate) fn scalar_from_text(text: &str) -> Option<Value> {
    number_from_text(text).or_else(|| bool_from_text(text).map(Value::Bool))
}

/// Backstage: `getNumber`, but that no text is no number.
pub(super) fn number_from_text(text: &str) -> Option<Value> {
    let text = js::trim(text);
    // Whole numbers stay exact.
    let integer = text.parse().ok().map(Value::Integer);
    integer.or_else(|| js::parse_number(text).filter(|_| !text.is_empty()).map(js::number))
}

/// Backstage: `getBoolean`.
pub(super) fn bool_from_text(text: &str) -> Option<bool> {
    match js::trim(text).to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "on" | "1" => Some(true),
        "false" | "no" | "n" | "off" | "0" => Some(false),
        _ => None,
    }
}

pub(super) fn visit_integer<'de, V: Visitor<'de>>(number: i128, visitor: V) -> Result<V::Value, Error> {
    match (u64::try_from(number), i64::try_from(number)) {
        (Ok(number), _) => visitor.visit_u64(number),
        (_, Ok(number)) => visitor.visit_i64(number),
        _ => visitor.visit_f64(number as f64),
    }
}

/// `5.0` is 5, as in JavaScript.
pub(super) fn visit_float<'de, V: Visitor<'de>>(number: f64, visitor: V) -> Result<V::Value, Error> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        visit_integer(number as i128, visitor)
    } else {
        visitor.visit_f64(number)
    }
}
