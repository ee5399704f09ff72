//! Plugins' handles beside stock pools: what `benches/pools` of `backend-defaults` reports.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::bench::build;
use crate::bench::figure::{Figure, Goal, median};
use crate::sh;

/// A pattern of access, as it is called in the report, and the figures of it.
struct Pattern {
    name: &'static str,
    handle: &'static str,
    stock: &'static str,
    /// Of the handle to the stock pool, in a round.
    ratio: (&'static str, Ratio, Goal),
    /// Where there are many plugins: the connections, and the queries that failed.
    many: Option<[&'static str; 2]>,
}

type Ratio = fn(&[f64; 2]) -> f64;

const TIME: Ratio = |[handle, stock]| handle / stock;
const RATE: Ratio = |[handle, stock]| stock / handle;
/// As many as the plugins may have together.
const BUDGET: Goal = Goal::AtMost(10.0);

const PATTERNS: [Pattern; 4] = [
    Pattern {
        name: "one task",
        handle: "SELECT, one task",
        stock: "SELECT, one task, stock pool",
        ratio: ("SELECT, one task, time by stock's", TIME, Goal::AtMost(0.6)),
        many: None,
    },
    Pattern {
        name: "16 tasks",
        handle: "SELECT, 16 tasks",
        stock: "SELECT, 16 tasks, stock pool",
        ratio: ("SELECT, 16 tasks, time by stock's", TIME, Goal::AtMost(1.0)),
        many: None,
    },
    Pattern {
        name: "round robin",
        handle: "50 plugins in turn",
        stock: "50 plugins in turn, 50 stock pools",
        ratio: ("50 plugins in turn, rate by stock's", RATE, Goal::AtLeast(1.0)),
        many: Some(["50 plugins in turn, connections", "50 plugins in turn, failed"]),
    },
    Pattern {
        name: "zipf",
        handle: "50 plugins by zipf",
        stock: "50 plugins by zipf, 50 stock pools",
        ratio: ("50 plugins by zipf, rate by stock's", RATE, Goal::AtLeast(1.0)),
        many: Some(["50 plugins by zipf, connections", "50 plugins by zipf, failed"]),
    },
];

pub(super) fn run() -> Result<Vec<Figure>> {
    let program = build::bench("backend-defaults", "pools")?;
    eprintln!("handles beside stock pools");
    let report = sh::output(&mut sh::command(program))?;
    figures(&report).with_context(|| format!("no figures in:\n{report}"))
}

fn figures(report: &str) -> Result<Vec<Figure>> {
    let report: Value = serde_json::from_str(report)?;
    let mut figures = Vec::new();
    for pattern in PATTERNS {
        let measured = &report[pattern.name];
        let rounds: Vec<[f64; 2]> = measured["micros"]
            .as_array()
            .and_then(|rounds| rounds.iter().map(|it| Some([it[0].as_f64()?, it[1].as_f64()?])).collect())
            .with_context(|| format!("no times of `{}`", pattern.name))?;
        let middle = |of: fn(&[f64; 2]) -> f64| median(rounds.iter().map(of).collect()).context("no rounds");
        let mut add = |name, unit, value, goal| figures.push(Figure { name, unit, value, goal });
        add(pattern.handle, "us", middle(|it| it[0])?, None);
        add(pattern.stock, "us", middle(|it| it[1])?, None);
        // Of each round, as its two turns had the same neighbours on the machine.
        let (name, ratio, goal) = pattern.ratio;
        add(name, "x", middle(ratio)?, Some(goal));
        if let Some([connections, failed]) = pattern.many {
            let number = |key: &str| measured[key].as_f64().with_context(|| format!("no `{key}`"));
            add(connections, "", number("connections")?, Some(BUDGET));
            add(failed, "", number("failed")?, Some(Goal::AtMost(0.0)));
        }
    }
    Ok(figures)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_that_of_each_round() {
        let one = r#"{"micros": [[1, 2], [30, 40], [5, 20]], "connections": 11, "failed": 0}"#;
        let report = PATTERNS.map(|it| format!("\"{}\": {one}", it.name)).join(",");
        let figures = figures(&format!("{{{report}}}")).unwrap();
        let rows: Vec<_> = figures.iter().map(|it| (it.name, it.value)).collect();
        assert_eq!(rows[0], ("SELECT, one task", 5.0));
        assert_eq!(rows[1], ("SELECT, one task, stock pool", 20.0));
        assert_eq!(rows[2], ("SELECT, one task, time by stock's", 0.5));
        assert_eq!(rows[9], ("50 plugins in turn, connections", 11.0));
        assert_eq!(figures[9].json()["holds"], false);
        assert!(super::figures("{}").is_err());
    }
}
