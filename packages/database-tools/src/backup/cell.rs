//! A value as JSON, and back. The table of what is how is that of the [module](super).

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::transfer::{Batch, Kind, Raw, Value, write_date, write_time, write_timestamp};

/// What all readers of JSON keep exactly: 2^53.
const EXACT: u64 = 1 << 53;

/// Adds a row, with the line's end.
pub(super) fn write_row(out: &mut Vec<u8>, row: &[Value<'_>], kinds: &[&Kind]) {
    out.push(b'[');
    for (index, (value, kind)) in row.iter().zip(kinds).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, value, kind);
    }
    out.extend_from_slice(b"]\n");
}

fn write(out: &mut Vec<u8>, value: &Value<'_>, kind: &Kind) {
    let is_any = *kind == Kind::Any;
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(it) => out.extend_from_slice(if *it { b"true" } else { b"false" }),
        Value::Int(it) if is_any || it.unsigned_abs() <= EXACT => out.extend_from_slice(it.to_string().as_bytes()),
        Value::Int(it) => quote(out, |out| out.extend_from_slice(it.to_string().as_bytes())),
        Value::Unsigned(it) if is_any => out.extend_from_slice(it.to_string().as_bytes()),
        Value::Unsigned(it) => quote(out, |out| out.extend_from_slice(it.to_string().as_bytes())),
        // With a point or an exponent.
        Value::Real(it) if it.is_finite() => out.extend_from_slice(format!("{it:?}").as_bytes()),
        Value::Real(it) if is_any => {
            out.extend_from_slice(format!("{{\"real\":\"{}\"}}", not_finite(*it)).as_bytes());
        }
        Value::Real(it) => quote(out, |out| out.extend_from_slice(not_finite(*it).as_bytes())),
        Value::Decimal(it) | Value::Text(it) | Value::Json(it) => text(out, it),
        Value::Bytes(it) if is_any => {
            out.extend_from_slice(format!("{{\"bytes\":\"{}\"}}", BASE64_STANDARD.encode(it)).as_bytes());
        }
        Value::Bytes(it) => quote(out, |out| out.extend_from_slice(BASE64_STANDARD.encode(it).as_bytes())),
        Value::Date(it) => quote(out, |out| write_date(out, *it)),
        Value::Time(it) => quote(out, |out| write_time(out, *it)),
        Value::Timestamp(it) => quote(out, |out| {
            write_timestamp(out, *it, b'T');
            if matches!(kind, Kind::Timestamp { zoned: true, .. }) {
                out.push(b'Z');
            }
        }),
        Value::Uuid(it) => quote(out, |out| {
            out.extend_from_slice(uuid::Uuid::from_bytes(*it).to_string().as_bytes());
        }),
    }
}

fn quote(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

fn text(out: &mut Vec<u8>, text: &str) {
    // Writing to memory does not fail, and a text is always JSON.
    let _ = serde_json::to_writer(out, text);
}

fn not_finite(real: f64) -> &'static str {
    match real {
        _ if real.is_nan() => "NaN",
        _ if real > 0.0 => "Infinity",
        _ => "-Infinity",
    }
}

/// A row that is no such.
#[derive(Debug, thiserror::Error)]
pub(super) enum Misfit {
    #[error("it is no JSON array")]
    NoRow(#[from] serde_json::Error),
    #[error("{found} values, and there are {wanted} columns")]
    Width { found: usize, wanted: usize },
    #[error("a value that is no `{0:?}`")]
    Value(Kind),
}

/// A line, split into its values.
pub(super) struct Line<'a>(Vec<&'a RawValue>);

/// `{"bytes": ..}` or `{"real": ..}`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Tagged {
    Bytes(String),
    Real(String),
}

impl<'a> Line<'a> {
    pub(super) fn parse(line: &'a str, width: usize) -> Result<Self, Misfit> {
        let values: Vec<&RawValue> = serde_json::from_str(line)?;
        if values.len() != width {
            return Err(Misfit::Width { found: values.len(), wanted: width });
        }
        Ok(Self(values))
    }

    /// Adds the value at `index`.
    pub(super) fn push(&self, index: usize, kind: &Kind, batch: &mut Batch) -> Result<(), Misfit> {
        push(self.0[index].get(), kind, batch).ok_or_else(|| Misfit::Value(kind.clone()))
    }
}

fn push(json: &str, kind: &Kind, batch: &mut Batch) -> Option<()> {
    if json == "null" {
        batch.push(Raw::Null);
        return Some(());
    }
    match kind {
        Kind::Bool => batch.push(Raw::Int(i64::from(json.parse::<bool>().ok()?))),
        Kind::Int => batch.push(int(json.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(json))?),
        Kind::Real { .. } => match string(json) {
            Some(text) => batch.push(Raw::Real(text.parse().ok()?)),
            None => batch.push(Raw::Real(json.parse().ok()?)),
        },
        Kind::Bytes => batch.push(Raw::Bytes(&BASE64_STANDARD.decode(string(json)?.as_ref()).ok()?)),
        Kind::Any => push_any(json, batch)?,
        _ => batch.push(Raw::Text(&string(json)?)),
    }
    Some(())
}

fn push_any(json: &str, batch: &mut Batch) -> Option<()> {
    match json.as_bytes().first()? {
        b'"' => batch.push(Raw::Text(&string(json)?)),
        b'{' => match serde_json::from_str(json).ok()? {
            Tagged::Bytes(it) => batch.push(Raw::Bytes(&BASE64_STANDARD.decode(it).ok()?)),
            Tagged::Real(it) => batch.push(Raw::Real(it.parse().ok()?)),
        },
        _ if json.contains(['.', 'e', 'E']) => batch.push(Raw::Real(json.parse().ok()?)),
        _ => batch.push(int(json)?),
    }
    Some(())
}

fn int(text: &str) -> Option<Raw<'_>> {
    text.parse().map(Raw::Int).or_else(|_| text.parse().map(Raw::Unsigned)).ok()
}

/// A JSON string.
fn string(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(json).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::*;
    use crate::transfer::convert;

    fn written(value: &Value<'_>, kind: &Kind) -> String {
        let mut out = Vec::new();
        write_row(&mut out, std::slice::from_ref(value), &[kind]);
        String::from_utf8(out).unwrap()
    }

    /// Whether it comes back as it was.
    fn comes_back(value: &Value<'_>, kind: &Kind) -> bool {
        let line = written(value, kind);
        let mut batch = Batch::new(1);
        Line::parse(line.trim_end_matches('\n'), 1).unwrap().push(0, kind, &mut batch).unwrap();
        let raw = batch.rows().next().unwrap().next().unwrap();
        let back = convert(raw, kind).unwrap();
        line.matches('\n').count() == 1 && (back == *value || format!("{back:?}") == format!("{value:?}"))
    }

    #[test]
    fn each_kind() {
        let at = Kind::Timestamp { digits: 6, zoned: true };
        let row = [
            (Value::Null, Kind::Text),
            (Value::Bool(true), Kind::Bool),
            (Value::Int(-1), Kind::Int),
            (Value::Int(1 << 53), Kind::Int),
            (Value::Int(i64::MIN), Kind::Int),
            (Value::Unsigned(u64::MAX), Kind::Int),
            (Value::Real(1.0), Kind::Real { single: false }),
            (Value::Real(-1.5e300), Kind::Real { single: false }),
            (Value::Real(f64::NEG_INFINITY), Kind::Real { single: false }),
            (Value::Real(f64::NAN), Kind::Real { single: false }),
            (Value::Decimal("-12345678901234567890.000001".into()), Kind::Decimal),
            (Value::Text("a \"b\"\n\\ \u{1F600}\0".into()), Kind::Text),
            (Value::Bytes(b"\0\xff".as_slice().into()), Kind::Bytes),
            (Value::Date(20_454), Kind::Date),
            (Value::Time(86_399_999_999), Kind::Time { digits: 6 }),
            (Value::Timestamp(-1), at.clone()),
            (Value::Timestamp(0), Kind::Timestamp { digits: 6, zoned: false }),
            (Value::Json("{ \"a\": 1.0,\n \"a\": [] }".into()), Kind::Json),
            (Value::Uuid([0x11; 16]), Kind::Uuid),
            (Value::Text("{1,2}".into()), Kind::Other),
            (Value::Int(i64::MAX), Kind::Any),
            (Value::Real(2.0), Kind::Any),
            (Value::Real(f64::INFINITY), Kind::Any),
            (Value::Bytes(b"\0".as_slice().into()), Kind::Any),
            (Value::Text("1".into()), Kind::Any),
        ];
        for (value, kind) in &row {
            assert!(comes_back(value, kind), "{value:?}");
        }
        let all: String = row.iter().map(|(value, kind)| written(value, kind)).collect();
        assert_snapshot!(all, @r#"
        [null]
        [true]
        [-1]
        [9007199254740992]
        ["-9223372036854775808"]
        ["18446744073709551615"]
        [1.0]
        [-1.5e300]
        ["-Infinity"]
        ["NaN"]
        ["-12345678901234567890.000001"]
        ["a \"b\"\n\\ 😀\u0000"]
        ["AP8="]
        ["2026-01-01"]
        ["23:59:59.999999"]
        ["1969-12-31T23:59:59.999999Z"]
        ["1970-01-01T00:00:00"]
        ["{ \"a\": 1.0,\n \"a\": [] }"]
        ["11111111-1111-1111-1111-111111111111"]
        ["{1,2}"]
        [9223372036854775807]
        [2.0]
        [{"real":"Infinity"}]
        [{"bytes":"AA=="}]
        ["1"]
        "#);
    }

    #[test]
    fn what_is_no_row() {
        let parse = |line| Line::parse(line, 1).map(drop).unwrap_err().to_string();
        assert_snapshot!(parse("[1,2]"), @"2 values, and there are 1 columns");
        assert_snapshot!(parse("[1"), @"it is no JSON array");
        let push =
            |line, kind| Line::parse(line, 1).unwrap().push(0, &kind, &mut Batch::new(1)).unwrap_err().to_string();
        assert_snapshot!(push("[1.5]", Kind::Int), @"a value that is no `Int`");
        assert_snapshot!(push("[1]", Kind::Text), @"a value that is no `Text`");
        assert_snapshot!(push("[{\"x\":1}]", Kind::Any), @"a value that is no `Any`");
        assert_snapshot!(push("[\"!\"]", Kind::Bytes), @"a value that is no `Bytes`");
    }

    proptest! {
        #[test]
        fn values_come_back(int: i64, big: u64, real: f64, text: String, bytes: Vec<u8>) {
            for kind in [Kind::Int, Kind::Any] {
                prop_assert!(comes_back(&Value::Int(int), &kind));
                if i64::try_from(big).is_err() {
                    prop_assert!(comes_back(&Value::Unsigned(big), &kind));
                }
            }
            for kind in [Kind::Real { single: false }, Kind::Any] {
                prop_assert!(comes_back(&Value::Real(real), &kind));
            }
            for kind in [Kind::Text, Kind::Any] {
                prop_assert!(comes_back(&Value::Text(text.as_str().into()), &kind));
            }
            for kind in [Kind::Bytes, Kind::Any] {
                prop_assert!(comes_back(&Value::Bytes(bytes.as_slice().into()), &kind));
            }
        }

        #[test]
        fn nothing_panics(line in ".{0,40}", cells in "[\\[\\]{}\":,0-9a-z.\\\\]{0,40}") {
            for line in [line, format!("[{cells}]")] {
                if let Ok(line) = Line::parse(&line, 1) {
                    for kind in [Kind::Bool, Kind::Int, Kind::Text, Kind::Bytes, Kind::Any, Kind::Date] {
                        let _ = line.push(0, &kind, &mut Batch::new(1));
                    }
                }
            }
        }
    }
}
