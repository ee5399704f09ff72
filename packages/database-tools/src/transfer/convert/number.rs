//! Numbers.

use std::borrow::Cow;

use super::super::{Raw, Value};

/// How many digits an exponent may add: more than PostgreSQL's `numeric` has.
const MOST_DIGITS: i64 = 150_000;

pub(super) fn int(raw: Raw<'_>) -> Option<Value<'_>> {
    match raw {
        Raw::Int(it) => Some(Value::Int(it)),
        Raw::Unsigned(it) => Some(i64::try_from(it).map_or(Value::Unsigned(it), Value::Int)),
        Raw::Text(it) => match it.parse() {
            Ok(it) => Some(Value::Int(it)),
            Err(_) => whole(&canonical(it)?),
        },
        Raw::Real(it) if it.is_finite() => whole(&format!("{it}")),
        Raw::Real(_) | Raw::Null | Raw::Bytes(_) => None,
    }
}

/// Digits, if no point is among them.
fn whole(digits: &str) -> Option<Value<'static>> {
    match digits.parse() {
        Ok(it) => Some(Value::Int(it)),
        Err(_) => digits.parse().ok().map(Value::Unsigned),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "that is what these columns do")]
pub(super) fn real(raw: Raw<'_>, single: bool) -> Option<f64> {
    let value = match raw {
        Raw::Real(it) => it,
        Raw::Int(it) => Some(it as f64).filter(|real| *real as i128 == i128::from(it))?,
        Raw::Unsigned(it) => Some(it as f64).filter(|real| *real as u128 == u128::from(it))?,
        // Not by way of 64 bits, so that it is rounded once.
        Raw::Text(it) if single => f64::from(it.parse::<f32>().ok()?),
        Raw::Text(it) => it.parse().ok()?,
        Raw::Null | Raw::Bytes(_) => return None,
    };
    let rounded = if single { f64::from(value as f32) } else { value };
    // Too large is not infinite.
    let is_beyond = rounded.is_infinite() && !is_infinite(raw);
    (!is_beyond).then_some(rounded)
}

fn is_infinite(raw: Raw<'_>) -> bool {
    match raw {
        Raw::Real(it) => it.is_infinite(),
        Raw::Text(it) => it.trim_start_matches(['-', '+']).starts_with(['i', 'I']),
        Raw::Null | Raw::Int(_) | Raw::Unsigned(_) | Raw::Bytes(_) => false,
    }
}

pub(super) fn decimal(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    match raw {
        Raw::Int(it) => Some(it.to_string().into()),
        Raw::Unsigned(it) => Some(it.to_string().into()),
        Raw::Real(it) if it.is_nan() => Some("NaN".into()),
        Raw::Real(it) if it.is_infinite() => Some(if it > 0.0 { "Infinity" } else { "-Infinity" }.into()),
        Raw::Real(it) => decimal_of_real(it).map(Cow::from),
        Raw::Text(it) => canonical(it),
        Raw::Null | Raw::Bytes(_) => None,
    }
}

/// The shortest digits that are this number, which is none that is infinite.
pub(in super::super) fn decimal_of_real(real: f64) -> Option<String> {
    // Never with an exponent.
    canonical(&format!("{real}")).map(Cow::into_owned)
}

/// No exponent, no zeros at its end or before its first digit, no `-0`; and PostgreSQL's `NaN`, `Infinity`.
fn canonical(text: &str) -> Option<Cow<'_, str>> {
    if let "NaN" | "Infinity" | "-Infinity" = text {
        return Some(text.into());
    }
    let (is_negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], unsigned[at + 1..].parse::<i64>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let are_digits = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    let is_canonical = mantissa.len() == unsigned.len()
        && !whole.is_empty()
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_empty() != mantissa.contains('.')
        && !fraction.ends_with('0')
        && !text.starts_with('+')
        && !(is_negative && whole == "0" && fraction.is_empty());
    if is_canonical { Some(text.into()) } else { written(is_negative, whole, fraction, exponent).map(Cow::from) }
}

fn written(is_negative: bool, whole: &str, fraction: &str, exponent: i64) -> Option<String> {
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return Some("0".to_owned());
    }
    if exponent.abs() > MOST_DIGITS {
        return None;
    }
    // Where the point is, from the first significant digit on.
    let point = whole.len() as i64 - (digits.len() - significant.len()) as i64 + exponent;
    let significant = significant.trim_end_matches('0');
    let sign = if is_negative { "-" } else { "" };
    let length = significant.len() as i64;
    Some(match usize::try_from(point) {
        Err(_) | Ok(0) => format!("{sign}0.{}{significant}", "0".repeat(usize::try_from(-point).ok()?)),
        Ok(at) if point < length => format!("{sign}{}.{}", &significant[..at], &significant[at..]),
        Ok(_) => format!("{sign}{significant}{}", "0".repeat(usize::try_from(point - length).ok()?)),
    })
}
