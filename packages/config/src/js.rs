//! What JavaScript makes of texts and numbers, where Backstage leaves it to the language.

use crate::tree::Value;

/// Without white space around it. JavaScript: `trim`.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// Without white space after it. JavaScript: `trimEnd`.
pub(crate) fn trim_end(text: &str) -> &str {
    text.trim_end_matches(is_space)
}

fn is_space(c: char) -> bool {
    c == '\u{feff}' || (c.is_whitespace() && c != '\u{85}')
}

/// Every number is a 64-bit float; one that is whole is kept as such.
pub(crate) fn number(number: f64) -> Value {
    const RANGE: std::ops::RangeInclusive<f64> = i64::MIN as f64..=u64::MAX as f64;
    match number.fract() == 0.0 && RANGE.contains(&number) {
        true => Value::Integer(number as i128),
        false => Value::Float(number),
    }
}

/// What `Number(text)` gives, if it is finite.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    let text = trim(text);
    let radix = |digits: &str, radix| (!digits.is_empty()).then(|| whole(digits, radix)).flatten();
    match text.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => return radix(&text[2..], 16),
        Some("0o") => return radix(&text[2..], 8),
        Some("0b") => return radix(&text[2..], 2),
        _ if text.is_empty() => return Some(0.0),
        _ => {}
    }
    // `inf` and `nan` are numbers to Rust alone.
    let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
    plain.then(|| text.parse().ok()).flatten().filter(|number: &f64| number.is_finite())
}

/// The value of digits; `None` if one of them is none.
pub(crate) fn whole(digits: &str, radix: u32) -> Option<f64> {
    match u128::from_str_radix(digits, radix) {
        Ok(number) if !digits.starts_with('+') => Some(number as f64),
        _ => digits.chars().try_fold(0.0, |sum, c| Some(sum * f64::from(radix) + f64::from(c.to_digit(radix)?))),
    }
}

/// What `String(number)` gives.
pub(crate) fn number_text(number: f64) -> String {
    if !number.is_finite() {
        return if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .into();
    }
    let scientific = format!("{number:e}");
    let exponent = scientific.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    match exponent {
        _ if number == 0.0 => "0".into(),
        -6..21 => number.to_string(),
        ..-6 => scientific,
        _ => scientific.replace('e', "e+"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_and_read_as_in_javascript() {
        let written = [
            (0.1, "0.1"),
            (-0.0, "0"),
            (100.0, "100"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.5e-7, "-1.5e-7"),
            (0.000_001, "0.000001"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (number, text) in written {
            assert_eq!(number_text(number), text);
        }
        let read = [
            ("", Some(0.0)),
            (" 12 ", Some(12.0)),
            ("0x1F", Some(31.0)),
            ("0b11", Some(3.0)),
            ("0o17", Some(15.0)),
            ("1e3", Some(1000.0)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("+5", Some(5.0)),
            ("0x", None),
            ("-0x1", None),
            ("1_000", None),
            ("Infinity", None),
            ("nan", None),
            ("12px", None),
        ];
        for (text, number) in read {
            assert_eq!(parse_number(text), number, "{text:?}");
        }
    }

    #[test]
    fn white_space_is_javascripts() {
        assert_eq!(trim("\u{feff}\t a\u{85}\u{3000}\n"), "a\u{85}");
        assert_eq!(trim_end(" a \n"), " a");
    }
}
