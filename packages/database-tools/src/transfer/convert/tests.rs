#![expect(clippy::unwrap_used, reason = "tests")]

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat};
use proptest::prelude::*;

use super::*;

const AT: Kind = Kind::Timestamp { digits: 6, zoned: true };

fn of(raw: Raw<'_>, kind: &Kind) -> Option<Value<'static>> {
    convert(raw, kind).ok().map(|it| match it {
        Value::Decimal(it) => Value::Decimal(it.into_owned().into()),
        Value::Text(it) => Value::Text(it.into_owned().into()),
        Value::Json(it) => Value::Json(it.into_owned().into()),
        Value::Bytes(it) => Value::Bytes(it.into_owned().into()),
        Value::Null => Value::Null,
        Value::Bool(it) => Value::Bool(it),
        Value::Int(it) => Value::Int(it),
        Value::Unsigned(it) => Value::Unsigned(it),
        Value::Real(it) => Value::Real(it),
        Value::Date(it) => Value::Date(it),
        Value::Time(it) => Value::Time(it),
        Value::Timestamp(it) => Value::Timestamp(it),
        Value::Uuid(it) => Value::Uuid(it),
    })
}

fn at(text: &str) -> Option<Value<'static>> {
    of(Raw::Text(text), &AT)
}

fn micros(text: &str) -> Option<Value<'static>> {
    Some(Value::Timestamp(DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()))
}

#[test]
fn truth_values_of_every_engine() {
    let (yes, no) = (Some(Value::Bool(true)), Some(Value::Bool(false)));
    for raw in [Raw::Int(1), Raw::Text("t"), Raw::Text("TRUE"), Raw::Text("1"), Raw::Bytes(&[1]), Raw::Bytes(b"1")] {
        assert_eq!(of(raw, &Kind::Bool), yes, "{raw:?}");
    }
    for raw in [Raw::Int(0), Raw::Text("f"), Raw::Text("false"), Raw::Text("0"), Raw::Bytes(&[0]), Raw::Real(0.0)] {
        assert_eq!(of(raw, &Kind::Bool), no, "{raw:?}");
    }
    for raw in [Raw::Int(2), Raw::Text(""), Raw::Text("yes"), Raw::Bytes(&[]), Raw::Real(0.5)] {
        assert_eq!(of(raw, &Kind::Bool), None, "{raw:?}");
    }
}

#[test]
fn whole_numbers() {
    let int = |raw| of(raw, &Kind::Int);
    for (raw, wanted) in [
        (Raw::Text("-12"), -12),
        (Raw::Text("12.000"), 12),
        (Raw::Text("1e3"), 1000),
        (Raw::Real(-3.0), -3),
        (Raw::Real(9_007_199_254_740_992.0), 9_007_199_254_740_992),
        (Raw::Unsigned(7), 7),
    ] {
        assert_eq!(int(raw), Some(Value::Int(wanted)), "{raw:?}");
    }
    assert_eq!(int(Raw::Text("18446744073709551615")), Some(Value::Unsigned(u64::MAX)));
    assert_eq!(int(Raw::Unsigned(u64::MAX)), Some(Value::Unsigned(u64::MAX)));
    for raw in [Raw::Text(""), Raw::Text("1.5"), Raw::Real(1.5), Raw::Real(1e30), Raw::Real(f64::NAN), Raw::Bytes(b"1")]
    {
        assert_eq!(int(raw), None, "{raw:?}");
    }
}

#[test]
fn inexact_numbers() {
    let real = |raw, single| of(raw, &Kind::Real { single });
    assert_eq!(real(Raw::Text("0.1"), false), Some(Value::Real(0.1)));
    assert_eq!(real(Raw::Text("0.1"), true), Some(Value::Real(f64::from(0.1_f32))));
    assert_eq!(real(Raw::Real(0.1), true), Some(Value::Real(f64::from(0.1_f32))));
    assert_eq!(real(Raw::Text("-Infinity"), false), Some(Value::Real(f64::NEG_INFINITY)));
    assert!(matches!(real(Raw::Text("NaN"), false), Some(Value::Real(it)) if it.is_nan()));
    assert_eq!(real(Raw::Int(1 << 53), false), Some(Value::Real(9_007_199_254_740_992.0)));
    assert_eq!(real(Raw::Int((1 << 53) + 1), false), None);
    assert_eq!(real(Raw::Text("1e999"), false), None);
    assert_eq!(real(Raw::Real(1e300), true), None);
    assert_eq!(real(Raw::Text("one"), false), None);
}

#[test]
fn exact_numbers_are_written_in_one_way() {
    for (raw, wanted) in [
        (Raw::Text("0001.500"), "1.5"),
        (Raw::Text("-0.000"), "0"),
        (Raw::Text("+.5"), "0.5"),
        (Raw::Text("5."), "5"),
        (Raw::Text("1.25e3"), "1250"),
        (Raw::Text("125E-5"), "0.00125"),
        (Raw::Text("1200"), "1200"),
        (Raw::Text("0.00120"), "0.0012"),
        (Raw::Text("99999999999999999999.000001"), "99999999999999999999.000001"),
        (Raw::Real(0.1), "0.1"),
        (Raw::Real(1e21), "1000000000000000000000"),
        (Raw::Real(-0.0), "0"),
        (Raw::Real(1.0), "1"),
        (Raw::Int(-7), "-7"),
        (Raw::Unsigned(u64::MAX), "18446744073709551615"),
        (Raw::Text("NaN"), "NaN"),
    ] {
        assert_eq!(of(raw, &Kind::Decimal), Some(Value::Decimal(wanted.into())), "{raw:?}");
    }
    for text in ["", "-", ".", "1e", "1.2.3", "1e999999999", "0x1", "1 "] {
        assert_eq!(of(Raw::Text(text), &Kind::Decimal), None, "{text:?}");
    }
}

#[test]
fn points_in_time_in_all_usual_forms() {
    let wanted = micros("2026-01-02T03:04:05.123456Z");
    for text in [
        "2026-01-02 03:04:05.123456",
        "2026-01-02T03:04:05.123456Z",
        "2026-01-02T03:04:05.123456+00:00",
        "2026-01-02 03:04:05.123456+00",
        "2026-01-02 05:04:05.123456+02",
        "2026-01-01 22:34:05.123456-0430",
        "2026-01-02 03:04:05.123456 +00:00",
        "2026-01-02 03:04:05.1234561",
        "2026-01-02 03:04:05.123455789+00:00",
    ] {
        assert_eq!(at(text), wanted, "{text}");
    }
    assert_eq!(at("2026-01-02"), micros("2026-01-02T00:00:00Z"));
    assert_eq!(at("2026-01-02 03:04"), micros("2026-01-02T03:04:00Z"));
    assert_eq!(at("2026-01-02T03:04Z"), micros("2026-01-02T03:04:00Z"));
    assert_eq!(at("1883-11-18 12:00:00-04:56:02"), micros("1883-11-18T16:56:02Z"));
    assert_eq!(at("9999-12-31 23:59:59.999999"), micros("9999-12-31T23:59:59.999999Z"));
    assert_eq!(at("0001-01-01 00:00:00"), micros("0001-01-01T00:00:00Z"));
    for text in [
        "",
        "now",
        "infinity",
        "-infinity",
        "0044-03-15 00:00:00 BC",
        "10000-01-01 00:00:00",
        "0000-00-00 00:00:00",
        "2025-02-29 00:00:00",
        "2026-13-01 00:00:00",
        "2026-01-01 24:00:01",
        "2026-01-01 00:60:00",
        "2026-01-01 00:00:00.",
        "2026-01-01 00:00:00 CET",
        "2026-01-01 00:00:00+99",
        "2026-01-01 00:00:00+0",
        "9999-12-31 23:59:59.9999999",
        "0001-01-01 00:00:00+01",
        "2026-1-1",
        "1767225600000",
        "２026-01-01",
    ] {
        assert_eq!(at(text), None, "{text}");
    }
}

#[test]
fn points_in_time_that_are_numbers() {
    let wanted = micros("2026-01-02T03:04:05.678Z");
    assert_eq!(of(Raw::Int(1_767_323_045_678), &AT), wanted);
    assert_eq!(of(Raw::Real(1_767_323_045_678.0), &AT), wanted);
    // SQLite: SELECT julianday('2026-01-02 03:04:05.678')
    assert_eq!(of(Raw::Real(2_461_042.627_843_495), &AT), wanted);
    assert_eq!(of(Raw::Int(-1), &AT), micros("1969-12-31T23:59:59.999Z"));
    assert_eq!(of(Raw::Int(i64::MAX), &AT), None);
    assert_eq!(of(Raw::Real(f64::NAN), &AT), None);
}

#[test]
fn digits_that_the_target_has_not_are_rounded() {
    let at = |text, digits| of(Raw::Text(text), &Kind::Timestamp { digits, zoned: false });
    assert_eq!(at("2026-12-31 23:59:59.5", 0), micros("2027-01-01T00:00:00Z"));
    assert_eq!(at("2026-12-31 23:59:59.4999999", 0), micros("2026-12-31T23:59:59Z"));
    assert_eq!(at("1969-12-31 23:59:59.1235", 3), micros("1969-12-31T23:59:59.124Z"));
    let time = |text| of(Raw::Text(text), &Kind::Time { digits: 3 });
    assert_eq!(time("00:00:01.0005"), Some(Value::Time(1_001_000)));
    assert_eq!(time("24:00:00"), Some(Value::Time(86_400_000_000)));
    assert_eq!(time("24:00:01"), None);
    assert_eq!(time("-01:00:00"), None);
}

#[test]
fn days() {
    let date = |raw| of(raw, &Kind::Date);
    let new_year = Some(Value::Date(20_454));
    for raw in [Raw::Text("2026-01-01"), Raw::Text("2026-01-01 00:00:00+00"), Raw::Int(20_454 * 86_400_000)] {
        assert_eq!(date(raw), new_year, "{raw:?}");
    }
    for raw in [Raw::Text("2026-01-01 00:00:01"), Raw::Int(1), Raw::Text("infinity"), Raw::Text("0000-00-00")] {
        assert_eq!(date(raw), None, "{raw:?}");
    }
}

#[test]
fn what_is_text_or_bytes() {
    assert_eq!(of(Raw::Text("ab  "), &Kind::Char), Some(Value::Text("ab".into())));
    assert_eq!(of(Raw::Text("ab  "), &Kind::Text), Some(Value::Text("ab  ".into())));
    assert_eq!(of(Raw::Int(1), &Kind::Text), Some(Value::Text("1".into())));
    assert_eq!(of(Raw::Real(1.0), &Kind::Text), Some(Value::Text("1.0".into())));
    assert_eq!(of(Raw::Bytes("ä".as_bytes()), &Kind::Text), Some(Value::Text("ä".into())));
    assert_eq!(of(Raw::Bytes(&[0xff]), &Kind::Text), None);
    assert_eq!(of(Raw::Text("{1,2}"), &Kind::Other), Some(Value::Text("{1,2}".into())));
    assert_eq!(of(Raw::Text("ä"), &Kind::Bytes), Some(Value::Bytes("ä".as_bytes().into())));
    assert_eq!(of(Raw::Int(1), &Kind::Bytes), None);
    for (text, fits) in [("{\"a\": [1, null]}", true), ("1e400", true), ("", false), ("{", false), ("NaN", false)] {
        assert_eq!(of(Raw::Text(text), &Kind::Json).is_some(), fits, "{text}");
    }
    assert_eq!(of(Raw::Bytes(b"[1]"), &Kind::Json), Some(Value::Json("[1]".into())));
    assert_eq!(of(Raw::Int(5), &Kind::Json), Some(Value::Json("5".into())));
    assert!(of(Raw::Text(&"[".repeat(10_000)), &Kind::Json).is_none());
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(of(Raw::Text(&deep), &Kind::Json).is_some());
}

#[test]
fn uuids() {
    let wanted = Some(Value::Uuid([0x11; 16]));
    for raw in [
        Raw::Text("11111111-1111-1111-1111-111111111111"),
        Raw::Text("11111111111111111111111111111111"),
        Raw::Bytes(&[0x11; 16]),
        Raw::Bytes(b"11111111-1111-1111-1111-111111111111"),
    ] {
        assert_eq!(of(raw, &Kind::Uuid), wanted, "{raw:?}");
    }
    assert_eq!(of(Raw::Text("11111111"), &Kind::Uuid), None);
    assert_eq!(of(Raw::Bytes(&[0x11; 15]), &Kind::Uuid), None);
}

#[test]
fn nothing_is_nothing_in_any_column() {
    for kind in [Kind::Bool, Kind::Int, Kind::Text, Kind::Json, Kind::Any, Kind::Uuid, AT] {
        assert_eq!(of(Raw::Null, &kind), Some(Value::Null));
    }
}

#[test]
fn what_does_not_fit_is_told_shortened() {
    let error = convert(Raw::Text(&"x".repeat(100)), &AT).unwrap_err();
    let shown = format!("\"{}\"... is no timestamp", "x".repeat(60));
    assert_eq!(error.to_string(), shown);
    assert_eq!(convert(Raw::Bytes(&[0xff]), &Kind::Text).unwrap_err().to_string(), "(1 bytes) is no text");
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

proptest! {
    /// As sqlx writes them into SQLite, as PostgreSQL and MySQL show them, and as we write them.
    #[test]
    fn points_in_time_come_back(micros in -62_135_596_800_000_000_i64..253_402_300_800_000_000) {
        let utc = DateTime::from_timestamp_micros(micros).unwrap();
        let naive = utc.naive_utc();
        let ours = written(|out| write_timestamp(out, micros, b' '));
        prop_assert_eq!(&ours, &naive.format("%F %T%.f").to_string());
        let east = chrono::FixedOffset::east_opt(19_800).unwrap();
        for text in [
            ours,
            utc.to_rfc3339_opts(SecondsFormat::AutoSi, false),
            utc.to_rfc3339_opts(SecondsFormat::Micros, true),
            naive.format("%F %T%.6f+00").to_string(),
            naive.format("%F %T%.6f").to_string(),
        ] {
            prop_assert_eq!(at(&text), Some(Value::Timestamp(micros)), "{}", text);
        }
        // The year may be another one there.
        let away = utc.with_timezone(&east).format("%F %T%.6f%:z").to_string();
        if away.len() == 32 && !away.starts_with('+') {
            prop_assert_eq!(at(&away), Some(Value::Timestamp(micros)), "{}", away);
        }
        if micros % 1000 == 0 {
            prop_assert_eq!(of(Raw::Int(micros / 1000), &AT), Some(Value::Timestamp(micros)));
        }
    }

    #[test]
    fn days_come_back(days in -719_162_i32..2_932_897) {
        let text = written(|out| write_date(out, days));
        let date = NaiveDate::from_epoch_days(days).unwrap();
        prop_assert_eq!(&text, &date.format("%F").to_string());
        prop_assert_eq!(of(Raw::Text(&text), &Kind::Date), Some(Value::Date(days)));
    }

    #[test]
    fn times_of_day_come_back(micros in 0_i64..86_400_000_000) {
        let text = written(|out| write_time(out, micros));
        let seconds = u32::try_from(micros / 1_000_000).unwrap();
        let nanos = u32::try_from(micros % 1_000_000 * 1000).unwrap();
        let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos).unwrap();
        prop_assert_eq!(&text, &time.format("%T%.f").to_string());
        prop_assert_eq!(of(Raw::Text(&text), &Kind::Time { digits: 6 }), Some(Value::Time(micros)));
    }

    /// Also by way of what SQLite makes of text in a numeric column: a number, where that is the same one.
    #[test]
    fn exact_numbers_come_back(whole in "0|-?[1-9][0-9]{0,30}", fraction in "|\\.[0-9]{0,10}[1-9]") {
        let text = format!("{whole}{fraction}");
        let wanted = Some(Value::Decimal(text.clone().into()));
        prop_assert_eq!(of(Raw::Text(&text), &Kind::Decimal), wanted.clone());
        prop_assert_eq!(of(Raw::Text(&format!("{text}e0")), &Kind::Decimal), wanted.clone());
        let padded = if fraction.is_empty() { format!("{text}.000") } else { format!("{text}000") };
        prop_assert_eq!(of(Raw::Text(&padded), &Kind::Decimal), wanted.clone());
        if text.len() < 16 {
            prop_assert_eq!(of(Raw::Real(text.parse().unwrap()), &Kind::Decimal), wanted);
        }
    }

    #[test]
    fn inexact_numbers_come_back(bits: u64, single: f32) {
        let real = f64::from_bits(bits);
        prop_assume!(!real.is_nan() && !single.is_nan());
        prop_assert_eq!(of(Raw::Text(&format!("{real:?}")), &Kind::Real { single: false }), Some(Value::Real(real)));
        let wanted = Some(Value::Real(f64::from(single)));
        let one = Kind::Real { single: true };
        prop_assert_eq!(of(Raw::Text(&format!("{single:?}")), &one), wanted.clone());
        prop_assert_eq!(of(Raw::Real(f64::from(single)), &one), wanted);
    }

    #[test]
    fn numbers_text_bytes_and_uuids_come_back(int: i64, text: String, bytes: Vec<u8>, uuid: u128) {
        prop_assert_eq!(of(Raw::Int(int), &Kind::Int), Some(Value::Int(int)));
        prop_assert_eq!(of(Raw::Text(&int.to_string()), &Kind::Int), Some(Value::Int(int)));
        prop_assert_eq!(of(Raw::Text(&text), &Kind::Text), Some(Value::Text(text.clone().into())));
        prop_assert_eq!(of(Raw::Bytes(text.as_bytes()), &Kind::Text), Some(Value::Text(text.into())));
        prop_assert_eq!(of(Raw::Bytes(&bytes), &Kind::Bytes), Some(Value::Bytes(bytes.into())));
        let uuid = uuid::Uuid::from_u128(uuid);
        let wanted = Some(Value::Uuid(uuid.into_bytes()));
        prop_assert_eq!(of(Raw::Text(&uuid.to_string()), &Kind::Uuid), wanted.clone());
        prop_assert_eq!(of(Raw::Bytes(uuid.as_bytes()), &Kind::Uuid), wanted);
    }

    /// Whatever it is: an answer, no panic.
    #[test]
    fn nothing_panics(text in ".{0,40}", near in "[-+0-9eE.:TZ ]{0,32}", bytes: Vec<u8>, real: f64, int: i64) {
        let time = Kind::Time { digits: 3 };
        for kind in [Kind::Bool, Kind::Int, Kind::Decimal, Kind::Date, time, AT, Kind::Json, Kind::Uuid, Kind::Char] {
            for raw in [Raw::Text(&text), Raw::Text(&near), Raw::Bytes(&bytes), Raw::Real(real), Raw::Int(int)] {
                let _ = convert(raw, &kind);
            }
        }
    }
}
