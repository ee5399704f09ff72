//! Values as `COPY ... FROM STDIN` takes them, in text.

use std::io::Write as _;

use crate::transfer::convert::{write_date, write_time, write_timestamp};
use crate::transfer::{Column, Kind, Value};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Writes a line.
///
/// # Errors
/// When PostgreSQL cannot have a value.
pub(super) fn write_row(out: &mut Vec<u8>, values: &[Value<'_>], columns: &[&Column]) -> anyhow::Result<()> {
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            out.push(b'\t');
        }
        write(out, value, &columns[at].kind).map_err(|it| it.context(format!("column `{}`", columns[at].name)))?;
    }
    out.push(b'\n');
    Ok(())
}

fn write(out: &mut Vec<u8>, value: &Value<'_>, kind: &Kind) -> anyhow::Result<()> {
    match value {
        Value::Null => out.extend_from_slice(b"\\N"),
        Value::Bool(it) => out.push(if *it { b't' } else { b'f' }),
        Value::Int(it) => write!(out, "{it}")?,
        Value::Unsigned(it) => write!(out, "{it}")?,
        // The shortest digits that are this number.
        Value::Real(it) => write!(out, "{it:?}")?,
        Value::Decimal(it) => out.extend_from_slice(it.as_bytes()),
        Value::Text(it) | Value::Json(it) => escape(out, it.as_bytes())?,
        Value::Bytes(it) => {
            out.extend_from_slice(b"\\\\x");
            write_hex(out, it);
        }
        Value::Date(it) => write_date(out, *it),
        Value::Time(it) => write_time(out, *it),
        Value::Timestamp(it) => {
            write_timestamp(out, *it, b' ');
            if matches!(kind, Kind::Timestamp { zoned: true, .. }) {
                out.extend_from_slice(b"+00");
            }
        }
        Value::Uuid(it) => write_hex(out, it),
    }
    Ok(())
}

fn write_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(bytes.iter().flat_map(|it| [HEX[usize::from(it >> 4)], HEX[usize::from(it & 15)]]));
}

fn escape(out: &mut Vec<u8>, text: &[u8]) -> anyhow::Result<()> {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|it| matches!(it, b'\\' | b'\n' | b'\r' | b'\t' | 0)) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(match rest[at] {
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            _ => anyhow::bail!("PostgreSQL cannot have the character NUL in text"),
        });
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    Ok(())
}
