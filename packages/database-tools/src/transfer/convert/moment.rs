//! Dates and times: read and written by hand, as there are millions of them.

use super::super::Raw;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// 0001-01-01.
const FIRST: i64 = -719_162 * DAY;
/// 10000-01-01.
const END: i64 = 2_932_897 * DAY;
/// SQLite: `julianday('0000-01-01')` and the day after `9999-12-31`.
const JULIAN: std::ops::Range<f64> = 1_721_059.5..5_373_484.5;
/// SQLite: `julianday('1970-01-01')`.
const JULIAN_1970: f64 = 2_440_587.5;

/// Days since 1970-01-01. A time of day has to be midnight.
pub(super) fn date(raw: Raw<'_>) -> Option<i32> {
    let micros = match raw {
        // Most often there is no time of day.
        Raw::Text(it) if it.len() == 10 => return day_of(it),
        Raw::Text(it) => text_timestamp(it, 6)?,
        Raw::Int(_) | Raw::Unsigned(_) | Raw::Real(_) => timestamp(raw, 6)?,
        Raw::Null | Raw::Bytes(_) => return None,
    };
    (micros.rem_euclid(DAY) == 0).then(|| i32::try_from(micros.div_euclid(DAY)).ok())?
}

/// Microseconds since midnight.
pub(super) fn time(raw: Raw<'_>, digits: u8) -> Option<i64> {
    let Raw::Text(text) = raw else { return None };
    let mut cursor = Cursor(text.as_bytes());
    let micros = cursor.time_of_day(digits)?;
    cursor.skip(b'Z');
    (cursor.0.is_empty() && micros <= DAY).then_some(micros)
}

/// Microseconds since 1970-01-01T00:00.
pub(super) fn timestamp(raw: Raw<'_>, digits: u8) -> Option<i64> {
    match raw {
        Raw::Text(it) => text_timestamp(it, digits),
        Raw::Int(millis) => rounded(millis.checked_mul(1000)?, digits),
        Raw::Unsigned(millis) => rounded(i64::try_from(millis).ok()?.checked_mul(1000)?, digits),
        Raw::Real(days) if JULIAN.contains(&days) => {
            // SQLite: to the millisecond.
            rounded(whole(((days - JULIAN_1970) * 86_400_000.0).round() * 1000.0)?, digits)
        }
        Raw::Real(millis) => rounded(whole((millis * 1000.0).round())?, digits),
        Raw::Null | Raw::Bytes(_) => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is checked")]
fn whole(real: f64) -> Option<i64> {
    (real.abs() < 9e18).then_some(real as i64)
}

/// Half a unit is rounded up.
fn rounded(micros: i64, digits: u8) -> Option<i64> {
    let unit = 10_i64.pow(6 - u32::from(digits.min(6)));
    in_range(micros.checked_add(unit / 2)?.div_euclid(unit) * unit)
}

/// Years 1 to 9999: those that all engines have.
fn in_range(micros: i64) -> Option<i64> {
    (FIRST..END).contains(&micros).then_some(micros)
}

fn day_of(text: &str) -> Option<i32> {
    let mut cursor = Cursor(text.as_bytes());
    let day = cursor.date()?;
    if cursor.0.is_empty() { i32::try_from(day).ok() } else { None }
}

/// `2026-01-01[( |T)00:00[:00[.123456]][[ ](Z|+00[:00[:00]])]]`: SQLite's and PostgreSQL's forms, RFC 3339.
fn text_timestamp(text: &str, digits: u8) -> Option<i64> {
    let mut cursor = Cursor(text.as_bytes());
    let day = cursor.date()?;
    if cursor.0.is_empty() {
        return in_range(day * DAY);
    }
    if !(cursor.skip(b' ') || cursor.skip(b'T') || cursor.skip(b't')) {
        return None;
    }
    let time = cursor.time_of_day(digits)?;
    cursor.skip(b' ');
    let offset = cursor.offset()?;
    if cursor.0.is_empty() { in_range(day * DAY + time - offset) } else { None }
}

/// What is still to be read.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn skip(&mut self, byte: u8) -> bool {
        let is_there = self.0.first() == Some(&byte);
        if is_there {
            self.0 = &self.0[1..];
        }
        is_there
    }

    /// A number of so many digits.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        let add = |number, it: &u8| it.is_ascii_digit().then(|| number * 10 + i64::from(it - b'0'));
        digits.iter().try_fold(0, add)
    }

    /// Days since 1970-01-01.
    fn date(&mut self) -> Option<i64> {
        let year = self.number(4)?;
        let month = self.skip(b'-').then(|| self.number(2))??;
        let day = self.skip(b'-').then(|| self.number(2))??;
        days(year, month, day)
    }

    /// Microseconds since midnight; 24:00 and second 60 are the next.
    fn time_of_day(&mut self, digits: u8) -> Option<i64> {
        let hour = self.number(2)?;
        let minute = self.skip(b':').then(|| self.number(2))??;
        let second = if self.skip(b':') { self.number(2)? } else { 0 };
        let fraction = if self.skip(b'.') { self.fraction(digits.min(6))? } else { 0 };
        let micros = ((hour * 60 + minute) * 60 + second) * SECOND + fraction;
        (hour <= 24 && minute < 60 && second <= 60 && (hour < 24 || micros == DAY)).then_some(micros)
    }

    /// Microseconds, rounded once.
    fn fraction(&mut self, digits: u8) -> Option<i64> {
        let count = self.0.iter().take_while(|it| it.is_ascii_digit()).count();
        let (all, rest) = self.0.split_at(count);
        self.0 = rest;
        let kept = usize::from(digits);
        let number = (0..kept).fold(0, |number, at| number * 10 + all.get(at).map_or(0, |it| i64::from(it - b'0')));
        let up = i64::from(all.get(kept).is_some_and(|it| *it >= b'5'));
        (count > 0).then(|| (number + up) * 10_i64.pow(6 - u32::from(digits)))
    }

    /// Microseconds east of UTC. None written is UTC.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.0.first() {
            None => return Some(0),
            Some(b'Z' | b'z') => {
                self.0 = &self.0[1..];
                return Some(0);
            }
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(_) => return None,
        };
        self.0 = &self.0[1..];
        let hours = self.number(2)?;
        let mut part = || -> Option<i64> {
            self.skip(b':');
            if self.0.is_empty() { Some(0) } else { self.number(2) }
        };
        let (minutes, seconds) = (part()?, part()?);
        (hours < 24 && minutes < 60 && seconds < 60).then_some(sign * ((hours * 60 + minutes) * 60 + seconds) * SECOND)
    }
}

/// Since 1970-01-01. Source: Howard Hinnant, `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1 || !(1..=length).contains(&day) {
        return None;
    }
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

/// Year, month and day. Source: Howard Hinnant, `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

/// Writes `2026-01-01`.
pub(crate) fn write_date(out: &mut Vec<u8>, date: i32) {
    let (year, month, day) = civil(i64::from(date));
    put(out, year, 4);
    out.push(b'-');
    put(out, month, 2);
    out.push(b'-');
    put(out, day, 2);
}

/// Writes `00:00:00`, and after that none, three or six digits, as chrono does (`%T%.f`).
pub(crate) fn write_time(out: &mut Vec<u8>, micros: i64) {
    let (seconds, fraction) = (micros / SECOND, micros % SECOND);
    put(out, seconds / 3600, 2);
    out.push(b':');
    put(out, seconds / 60 % 60, 2);
    out.push(b':');
    put(out, seconds % 60, 2);
    if fraction == 0 {
        return;
    }
    out.push(b'.');
    if fraction % 1000 == 0 { put(out, fraction / 1000, 3) } else { put(out, fraction, 6) }
}

/// Writes the date, `between`, and the time of day.
pub(crate) fn write_timestamp(out: &mut Vec<u8>, micros: i64, between: u8) {
    // Values are of four-digit years.
    write_date(out, i32::try_from(micros.div_euclid(DAY)).unwrap_or_default());
    out.push(between);
    write_time(out, micros.rem_euclid(DAY));
}

/// So many digits.
fn put(out: &mut Vec<u8>, number: i64, digits: u32) {
    let digit = |it: u32| b'0' + (number / 10_i64.pow(it) % 10) as u8;
    out.extend((0..digits).rev().map(digit));
}
