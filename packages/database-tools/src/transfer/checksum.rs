//! What is in a table, in a few bytes: whatever the order of its rows, and the same in every engine.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Value, json};

/// Of rows: how many, and the sum of their hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// How many.
    pub rows: u64,
    /// Modulo 2^128.
    #[serde(with = "hex")]
    pub sum: u128,
}

impl Checksum {
    /// Adds a row.
    pub fn add<'a>(&mut self, row: impl IntoIterator<Item = &'a Value<'a>>) {
        self.add_with(row, &mut Vec::new());
    }

    /// The same, with room that is used again.
    pub(super) fn add_with<'a>(&mut self, row: impl IntoIterator<Item = &'a Value<'a>>, room: &mut Vec<u8>) {
        room.clear();
        row.into_iter().for_each(|it| write(room, it));
        let digest = Sha256::digest(&*room);
        let mut low = [0; 16];
        low.copy_from_slice(&digest[..16]);
        self.rows += 1;
        self.sum = self.sum.wrapping_add(u128::from_be_bytes(low));
    }
}

/// No two values give the same bytes: each begins with what it is, and with its length where that differs.
fn write(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Null => out.push(0),
        Value::Bool(it) => out.extend([1, u8::from(*it)]),
        Value::Int(it) => tagged(out, 2, &it.to_be_bytes()),
        Value::Unsigned(it) => tagged(out, 3, &it.to_be_bytes()),
        // Nothing is to differ by the sign of zero, or by how a NaN is written.
        Value::Real(it) if it.is_nan() => out.push(4),
        Value::Real(it) => tagged(out, 5, &(it + 0.0).to_bits().to_be_bytes()),
        Value::Decimal(it) => text(out, 6, it.as_bytes()),
        Value::Text(it) => text(out, 7, it.as_bytes()),
        Value::Bytes(it) => text(out, 8, it),
        Value::Date(it) => tagged(out, 9, &it.to_be_bytes()),
        Value::Time(it) => tagged(out, 10, &it.to_be_bytes()),
        Value::Timestamp(it) => tagged(out, 11, &it.to_be_bytes()),
        Value::Json(it) => {
            tagged(out, 12, &[0; 8]);
            let begin = out.len();
            json::canonical(it, out);
            let length = (out.len() - begin) as u64;
            out[begin - 8..begin].copy_from_slice(&length.to_be_bytes());
        }
        Value::Uuid(it) => tagged(out, 13, it),
    }
}

fn text(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    tagged(out, tag, &(bytes.len() as u64).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn tagged(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend_from_slice(bytes);
}

mod hex {
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(sum: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{sum:032x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        let text = String::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
    }
}
