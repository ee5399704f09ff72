use std::{fmt, time};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

use crate::js;

const SECOND: f64 = 1000.0;
const MINUTE: f64 = 60.0 * SECOND;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;
const WEEK: f64 = 7.0 * DAY;
const MONTH: f64 = 30.0 * DAY;
const YEAR: f64 = 365.0 * DAY;
/// What the `ms` library takes for a year.
const MS_YEAR: f64 = 365.25 * DAY;
/// The names of an object's fields, with the milliseconds of each.
const UNITS: [(&str, f64); 8] = [
    ("years", YEAR),
    ("months", MONTH),
    ("weeks", WEEK),
    ("days", DAY),
    ("hours", HOUR),
    ("minutes", MINUTE),
    ("seconds", SECOND),
    ("milliseconds", 1.0),
];
pub(crate) const NAMES: [&str; 8] = ["years", "months", "weeks", "days", "hours", "minutes", "seconds", "milliseconds"];

/// A length of time as it is written in config, where a plain number is one of milliseconds.
///
/// Takes `{ minutes: 5, seconds: 3 }`, `5m`, `1.5 hours`, `100ms`, ISO 8601 `PT5M`, and a plain number. A year is 365
/// days and a month 30. Never negative.
/// Backstage: `readDurationFromConfig` and `durationToMilliseconds`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(time::Duration);

/// As [`Duration`], but that a plain number is a mistake, as nobody knows its unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HumanDuration(Duration);

impl Duration {
    /// From whole milliseconds, for defaults.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(time::Duration::from_millis(milliseconds))
    }

    /// From whole seconds, for defaults.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(time::Duration::from_secs(seconds))
    }

    /// The standard library's duration.
    pub const fn get(self) -> time::Duration {
        self.0
    }

    fn from_float_millis(milliseconds: f64) -> Result<Self, String> {
        if milliseconds < 0.0 {
            return Err("a duration cannot be negative".into());
        }
        time::Duration::try_from_secs_f64(milliseconds / SECOND)
            .map(|duration| Self(time::Duration::from_micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))))
            .map_err(|_| "is too long for a duration".into())
    }
}

impl HumanDuration {
    /// From a duration, for defaults.
    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// The standard library's duration.
    pub const fn get(self) -> time::Duration {
        self.0.0
    }
}

impl From<HumanDuration> for time::Duration {
    fn from(duration: HumanDuration) -> Self {
        duration.get()
    }
}

impl From<Duration> for time::Duration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

impl From<time::Duration> for Duration {
    fn from(duration: time::Duration) -> Self {
        Self(duration)
    }
}

impl std::str::FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A variable can only give a string, so digits alone are the plain number.
        parse(text, true)
    }
}

impl std::str::FromStr for HumanDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text, false).map(Self)
    }
}

fn parse(text: &str, plain: bool) -> Result<Duration, String> {
    let text = js::trim(text);
    if !plain && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("needs a unit: `{text}ms` or `{text}s`"));
    }
    let milliseconds = if text.starts_with('P') { parse_iso(text) } else { parse_ms(text) };
    let hint = "expected a duration such as `5m`, `30 seconds`, `PT5M` or `{ minutes: 5 }`";
    Duration::from_float_millis(milliseconds.ok_or_else(|| format!("{hint}, got {text:?}"))?)
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("Duration", &NAMES, DurationVisitor { plain: true })
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("Duration", &NAMES, DurationVisitor { plain: false }).map(Self)
    }
}

struct DurationVisitor {
    plain: bool,
}

impl<'de> Visitor<'de> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as `5m`, `PT5M` or `{ minutes: 5 }`")
    }

    fn visit_i64<E: de::Error>(self, milliseconds: i64) -> Result<Duration, E> {
        self.visit_f64(milliseconds as f64)
    }

    fn visit_u64<E: de::Error>(self, milliseconds: u64) -> Result<Duration, E> {
        self.visit_f64(milliseconds as f64)
    }

    fn visit_f64<E: de::Error>(self, milliseconds: f64) -> Result<Duration, E> {
        match self.plain {
            true => Duration::from_float_millis(milliseconds).map_err(E::custom),
            false => Err(E::custom(format!("needs a unit: `{milliseconds}ms` or `{milliseconds}s`"))),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
        parse(text, self.plain).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Duration, A::Error> {
        let mut total = None;
        while let Some(name) = map.next_key::<String>()? {
            let Some((_, unit)) = UNITS.iter().find(|(unit, _)| *unit == name) else {
                return Err(de::Error::unknown_field(&name, &NAMES));
            };
            *total.get_or_insert(0.0) += map.next_value::<f64>()? * unit;
        }
        let total = total.ok_or_else(|| de::Error::custom(format!("needs one or more of {}", names())))?;
        Duration::from_float_millis(total).map_err(de::Error::custom)
    }
}

fn names() -> String {
    NAMES.map(|name| format!("`{name}`")).join(", ")
}

/// The format of the `ms` library: a number, then at most one unit.
fn parse_ms(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '-')).unwrap_or(text.len());
    let number = parse_number(&text[..end]).filter(|_| text.len() <= 100)?;
    let unit = match text[end..].trim_start_matches(' ').to_ascii_lowercase().as_str() {
        "years" | "year" | "yrs" | "yr" | "y" => MS_YEAR,
        "weeks" | "week" | "w" => WEEK,
        "days" | "day" | "d" => DAY,
        "hours" | "hour" | "hrs" | "hr" | "h" => HOUR,
        "minutes" | "minute" | "mins" | "min" | "m" => MINUTE,
        "seconds" | "second" | "secs" | "sec" | "s" => SECOND,
        "milliseconds" | "millisecond" | "msecs" | "msec" | "ms" | "" => 1.0,
        _ => return None,
    };
    // Years are taken out as long ones and put in as short ones.
    let milliseconds = number * unit;
    let years = (milliseconds / MS_YEAR).floor().max(0.0);
    Some(milliseconds - years * (MS_YEAR - YEAR))
}

/// ISO 8601: `P[n]Y[n]M[n]W[n]DT[n]H[n]M[n]S`, each part optional and in this order.
fn parse_iso(text: &str) -> Option<f64> {
    let rest = text.strip_prefix('P')?;
    let (date, time) = rest.split_once('T').unwrap_or((rest, ""));
    let date = parse_units(date, &[('Y', YEAR), ('M', MONTH), ('W', WEEK), ('D', DAY)])?;
    let (time, seconds) = match time.strip_suffix('S') {
        Some(time) => time
            .rsplit_once(['H', 'M'])
            .map_or(("", Some(time)), |(above, seconds)| (&time[..=above.len()], Some(seconds))),
        None => (time, None),
    };
    let time = parse_units(time, &[('H', HOUR), ('M', MINUTE)])?;
    let seconds = match seconds {
        Some(seconds) => Some(parse_seconds(seconds)?),
        None => None,
    };
    [date, time, seconds].into_iter().flatten().reduce(|sum, part| sum + part)
}

/// Whole seconds, and a fraction after a point or a comma, of which whole milliseconds are kept.
fn parse_seconds(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once(['.', ',']).map_or((text, None), |(whole, it)| (whole, Some(it)));
    let digits = |text: &str| (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let (sign, unsigned) = whole.strip_prefix('-').map_or((1.0, whole), |unsigned| (-1.0, unsigned));
    let seconds: f64 = unsigned.parse().ok().filter(|_| digits(unsigned))?;
    let fraction = match fraction {
        Some(fraction) if !digits(fraction) => return None,
        Some(fraction) => format!("0.{fraction}").parse::<f64>().ok()?,
        None => 0.0,
    };
    Some(sign * (seconds * SECOND + (fraction * SECOND).floor()))
}

fn parse_units(mut text: &str, units: &[(char, f64)]) -> Option<Option<f64>> {
    let mut total = None;
    for (name, unit) in units {
        let Some((number, rest)) = text.split_once(*name) else { continue };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let fits = (1..=20).contains(&whole.trim_start_matches('-').len()) && (1..=20).contains(&fraction.len());
        *total.get_or_insert(0.0) += parse_number(number).filter(|_| fits)? * unit;
        text = rest;
    }
    text.is_empty().then_some(total)
}

/// `-1.5`, `.5`.
fn parse_number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.ends_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    plain.then(|| text.parse().ok()).flatten()
}
