//! What is in a column, by how it is declared: SQLite itself hardly minds.

use crate::transfer::Kind;

/// Source: SQLite, "Determination Of Column Affinity".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

pub(super) fn affinity(declared: &str) -> Affinity {
    let declared = declared.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|it| declared.contains(it));
    match () {
        () if has(&["INT"]) => Affinity::Integer,
        () if has(&["CHAR", "CLOB", "TEXT"]) => Affinity::Text,
        () if declared.is_empty() || has(&["BLOB"]) => Affinity::Blob,
        () if has(&["REAL", "FLOA", "DOUB"]) => Affinity::Real,
        () => Affinity::Numeric,
    }
}

/// By the names that sea-query and Knex write (`timestamp_with_timezone_text`, `real(20, 6)`, `datetime`), and those that
/// people do.
pub(super) fn kind(declared: &str) -> Kind {
    let lower = declared.to_ascii_lowercase();
    let name = lower.split('(').next().unwrap_or_default().trim();
    let is = |names: &[&str]| names.contains(&name);
    let begins = |names: &[&str]| names.iter().any(|it| name.starts_with(it));
    match affinity(declared) {
        _ if is(&["", "any"]) => Kind::Any,
        _ if begins(&["bool"]) => Kind::Bool,
        _ if begins(&["json"]) => Kind::Json,
        _ if is(&["uuid", "uuid_text"]) => Kind::Uuid,
        _ if is(&["date", "date_text"]) => Kind::Date,
        _ if is(&["time", "time_text"]) => Kind::Time { digits: 6 },
        _ if begins(&["timestamp", "datetime"]) => Kind::Timestamp { digits: 6, zoned: is_zoned(name) },
        // `real(20, 6)`: how sea-query writes an exact number.
        Affinity::Real if lower.contains(',') => Kind::Decimal,
        _ if begins(&["real_decimal", "real_money", "decimal", "numeric", "number", "money"]) => Kind::Decimal,
        Affinity::Integer => Kind::Int,
        // `char(n)` too: its blanks count here.
        Affinity::Text => Kind::Text,
        Affinity::Blob => Kind::Bytes,
        Affinity::Real => Kind::Real { single: false },
        Affinity::Numeric => Kind::Any,
    }
}

fn is_zoned(name: &str) -> bool {
    name.starts_with("timestamptz") || (name.contains("zone") && !name.contains("without"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_sea_query_and_knex_declare_them() {
        let at = |zoned| Kind::Timestamp { digits: 6, zoned };
        for (declared, wanted) in [
            ("", Kind::Any),
            ("boolean", Kind::Bool),
            ("integer", Kind::Int),
            ("tinyint", Kind::Int),
            ("bigint unsigned", Kind::Int),
            ("varchar(255)", Kind::Text),
            ("char(36)", Kind::Text),
            ("enum_text", Kind::Text),
            ("float", Kind::Real { single: false }),
            ("double", Kind::Real { single: false }),
            ("real(20, 6)", Kind::Decimal),
            ("real_decimal", Kind::Decimal),
            ("DECIMAL(10,2)", Kind::Decimal),
            ("blob(16)", Kind::Bytes),
            ("varbinary_blob", Kind::Bytes),
            ("date_text", Kind::Date),
            ("time_text", Kind::Time { digits: 6 }),
            ("datetime", at(false)),
            ("datetime_text", at(false)),
            ("timestamp_with_timezone_text", at(true)),
            ("TIMESTAMP WITHOUT TIME ZONE", at(false)),
            ("timestamptz", at(true)),
            ("jsonb_text", Kind::Json),
            ("json", Kind::Json),
            ("uuid_text", Kind::Uuid),
            ("geometry", Kind::Any),
        ] {
            assert_eq!(kind(declared), wanted, "{declared}");
        }
    }
}
