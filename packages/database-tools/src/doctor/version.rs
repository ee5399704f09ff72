//! Which versions are looked after by those who make them.

use chrono::NaiveDate;

use super::finding::{About, Finding};

const CHECK: &str = "version";

/// Year, month, day.
type Day = (i32, u32, u32);

/// The oldest PostgreSQL that is supported here.
const FIRST_POSTGRES: u32 = 13;
/// postgresql.org/support/versioning: the last release of each.
const POSTGRES: [(u32, Day); 6] = [
    (13, (2025, 11, 13)),
    (14, (2026, 11, 12)),
    (15, (2027, 11, 11)),
    (16, (2028, 11, 9)),
    (17, (2029, 11, 8)),
    (18, (2030, 11, 14)),
];
/// Of those that are maintained for long. oracle.com: Lifetime Support Policy, Oracle's MySQL.
const MYSQL: [((u32, u32), Day); 3] = [((5, 7), (2023, 10, 31)), ((8, 0), (2026, 4, 30)), ((8, 4), (2032, 4, 30))];
/// The same. mariadb.org/about/#maintenance-policy.
const MARIADB: [((u32, u32), Day); 6] = [
    ((10, 4), (2024, 6, 18)),
    ((10, 5), (2025, 6, 24)),
    ((10, 6), (2026, 7, 6)),
    ((10, 11), (2028, 2, 16)),
    ((11, 4), (2029, 5, 29)),
    ((11, 8), (2028, 6, 4)),
];
const OUT_OF_CARE: &str = "mistakes that are found in it, also those that let others in, are not mended any longer";

/// By `server_version_num`, as 150014.
pub(super) fn postgres(about: &About, number: u32, today: NaiveDate) -> Finding {
    let (major, minor) = (number / 10_000, number % 10_000);
    let what = format!("PostgreSQL {major}.{minor}");
    if major < FIRST_POSTGRES {
        let what = format!("{what}, and {FIRST_POSTGRES} is the oldest that is supported");
        return about.error(CHECK, what, "nobody has tried whether it works", "upgrade the server");
    }
    let end = POSTGRES.iter().find(|(it, _)| *it == major).map(|(_, end)| *end);
    judged(about, what, end, today)
}

/// By `VERSION()`, as `10.11.14-MariaDB-0+deb12u2` and `8.4.3`.
pub(super) fn mysql(about: &About, version: &str, today: NaiveDate) -> Finding {
    let is_mariadb = version.contains("MariaDB");
    // What replication makes of MariaDB's.
    let number = version.strip_prefix("5.5.5-").filter(|_| is_mariadb).unwrap_or(version);
    let number = number.split('-').next().unwrap_or(number);
    let mut parts = number.split('.').map_while(|it| it.parse().ok());
    let release = parts.next().zip(parts.next());
    let (name, known) = if is_mariadb { ("MariaDB", &MARIADB[..]) } else { ("MySQL", &MYSQL[..]) };
    let end = release.and_then(|release| known.iter().find(|(it, _)| *it == release)).map(|(_, end)| *end);
    judged(about, format!("{name} {number}"), end, today)
}

fn judged(about: &About, what: String, end: Option<Day>, today: NaiveDate) -> Finding {
    match end.and_then(|(year, month, day)| NaiveDate::from_ymd_opt(year, month, day)) {
        Some(end) if end < today => {
            let what = format!("{what}, which is out of maintenance since {end}");
            about.warning(CHECK, what, OUT_OF_CARE, "upgrade the server")
        }
        _ => about.ok(CHECK, what),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn versions_have_an_end() {
        let about = About("db".to_owned());
        let today = NaiveDate::from_ymd_opt(2026, 11, 20).unwrap();
        let postgres = |number| postgres(&about, number, today).what;
        assert_eq!(postgres(120_022), "PostgreSQL 12.22, and 13 is the oldest that is supported");
        assert_eq!(postgres(140_019), "PostgreSQL 14.19, which is out of maintenance since 2026-11-12");
        assert_eq!(postgres(150_014), "PostgreSQL 15.14");
        assert_eq!(postgres(420_001), "PostgreSQL 42.1", "it is not known yet");
        let mysql = |version| mysql(&about, version, today).what;
        assert_eq!(mysql("10.11.14-MariaDB-0+deb12u2"), "MariaDB 10.11.14");
        assert_eq!(mysql("5.5.5-10.5.29-MariaDB"), "MariaDB 10.5.29, which is out of maintenance since 2025-06-24");
        assert_eq!(mysql("8.0.43"), "MySQL 8.0.43, which is out of maintenance since 2026-04-30");
        assert_eq!(mysql("8.4.6-commercial"), "MySQL 8.4.6");
        assert_eq!(mysql("odd"), "MySQL odd");
    }
}
