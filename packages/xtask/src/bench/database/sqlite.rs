//! A plugin's SQLite beside plain rusqlite: what `benches/sqlite` of `backend-defaults` reports.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::bench::build;
use crate::bench::figure::{Figure, Goal, median};
use crate::sh;

/// As the report calls it: place and what; and the names of the rate and of its ratio to rusqlite's.
struct Row {
    place: &'static str,
    what: &'static str,
    names: [&'static str; 2],
    goal: Option<Goal>,
}

const HALF: Option<Goal> = Some(Goal::AtLeast(0.5));

const fn row(place: &'static str, what: &'static str, names: [&'static str; 2], goal: Option<Goal>) -> Row {
    Row { place, what, names, goal }
}

const ROWS: [Row; 10] = [
    row("memory", "insert", ["memory, insert", "memory, insert, by rusqlite's"], HALF),
    row("memory", "insert of an entity", ["memory, insert an entity", "memory, insert an entity, by rusqlite's"], None),
    row("memory", "read", ["memory, read", "memory, read, by rusqlite's"], HALF),
    row("memory", "read of an entity", ["memory, read an entity", "memory, read an entity, by rusqlite's"], None),
    row("memory", "read by 16 tasks", ["memory, 16 tasks read", "memory, 16 tasks read, by rusqlite's"], HALF),
    row("file", "insert", ["file, insert", "file, insert, by rusqlite's"], HALF),
    row("file", "insert of an entity", ["file, insert an entity", "file, insert an entity, by rusqlite's"], None),
    row("file", "read", ["file, read", "file, read, by rusqlite's"], HALF),
    row("file", "read of an entity", ["file, read an entity", "file, read an entity, by rusqlite's"], None),
    row("file", "read by 16 tasks", ["file, 16 tasks read", "file, 16 tasks read, by rusqlite's"], HALF),
];

pub(super) fn run() -> Result<Vec<Figure>> {
    let program = build::bench("backend-defaults", "sqlite")?;
    eprintln!("SQLite beside rusqlite");
    figures(&sh::output(&mut sh::command(program))?)
}

/// Of a report: an object a line with `place`, `what`, and the rates `ours` and `plain`.
fn figures(report: &str) -> Result<Vec<Figure>> {
    let lines = report.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let mut figures = Vec::new();
    for Row { place, what, names, goal } in ROWS {
        let of_row = lines.iter().filter(|it| it["place"] == place && it["what"] == what);
        let rates: Vec<_> = of_row.filter_map(|it| Some((it["ours"].as_f64()?, it["plain"].as_f64()?))).collect();
        let missing = || format!("no rates of `{what}` in `{place}` in:\n{report}");
        let rate = median(rates.iter().map(|(ours, _)| *ours).collect()).with_context(missing)?;
        let ratio = median(rates.iter().map(|(ours, plain)| ours / plain).collect()).with_context(missing)?;
        figures.push(Figure { name: names[0], unit: "/s", value: rate, goal: None });
        figures.push(Figure { name: names[1], unit: "x", value: ratio, goal });
    }
    Ok(figures)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_that_of_each_round() {
        let line = |row: &Row, ours, plain| {
            serde_json::json!({ "place": row.place, "what": row.what, "ours": ours, "plain": plain }).to_string()
        };
        let rounds = [(1.0, 2.0), (5.0, 5.0), (9.0, 90.0)];
        let lines = ROWS.iter().flat_map(|row| rounds.map(|(ours, plain)| line(row, ours, plain)));
        let figures = figures(&lines.collect::<Vec<_>>().join("\n")).unwrap();
        let rows: Vec<_> = figures.iter().map(|it| (it.name, it.value)).collect();
        assert_eq!(rows[..2], [("memory, insert", 5.0), ("memory, insert, by rusqlite's", 0.5)]);
        assert_eq!(rows.len(), 2 * ROWS.len());
        assert!(super::figures("").is_err());
    }
}
