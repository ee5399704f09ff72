//! `cargo xtask bench config`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::build;
use super::figure::{Figure, Goal, median};
use crate::requirements::{self, CC, NODE};
use crate::sh;

/// How often each is measured, in a process of its own: one loads its config once.
const ROUNDS: usize = 5;

/// The config to load, and the names of what is measured of it: the first time, again, and each of Backstage and
/// beside it.
struct Setup {
    folder: &'static str,
    ours: [&'static str; 2],
    oracle: [&'static str; 2],
    times: [&'static str; 2],
}

const SETUPS: [Setup; 3] = [
    Setup {
        folder: "demo",
        ours: ["demo config", "demo config, again"],
        oracle: ["demo config, Backstage", "demo config, Backstage, again"],
        times: ["demo config, times faster", "demo config, again, times faster"],
    },
    Setup {
        folder: "large",
        ours: ["5,000 lines, 500 variables", "5,000 lines, again"],
        oracle: ["5,000 lines, Backstage", "5,000 lines, Backstage, again"],
        times: ["5,000 lines, times faster", "5,000 lines, again, times faster"],
    },
    Setup {
        folder: "layers",
        ours: ["50 layers", "50 layers, again"],
        oracle: ["50 layers, Backstage", "50 layers, Backstage, again"],
        times: ["50 layers, times faster", "50 layers, again, times faster"],
    },
];

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A folder whose `node_modules` have `@backstage/config-loader` and `@backstage/config`, to compare with.
    #[arg(long, value_name = "DIR")]
    oracle: Option<PathBuf>,
    /// One JSON object a figure.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(options: &Options) -> Result<Vec<Figure>> {
    requirements::ensure(&[CC])?;
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("demo"))?;
    fs::copy(sh::root().join("app-config.yaml"), folder.path().join("demo/app-config.yaml"))?;
    write(&folder.path().join("large"), [large()])?;
    write(&folder.path().join("layers"), (0..50).map(layer))?;

    let ours = build::bench("config", "load")?;
    let script = sh::root().join("packages/config/benches/load.mjs");
    if options.oracle.is_some() {
        requirements::ensure(&[NODE])?;
    }
    let mut figures = Vec::new();
    for setup in SETUPS {
        let folder = folder.path().join(setup.folder);
        let mut times = (Vec::new(), Vec::new());
        // In turns, so that whatever else the machine does slows both.
        for _ in 0..ROUNDS {
            times.0.push(measure(sh::command(&ours).arg(&folder))?);
            if let Some(packages) = &options.oracle {
                times.1.push(measure(sh::command("node").arg(&script).arg(packages).arg(&folder))?);
            }
        }
        add(&mut figures, &setup, &times.0, &times.1);
    }
    Ok(figures)
}

fn add(figures: &mut Vec<Figure>, setup: &Setup, ours: &[[f64; 2]], oracle: &[[f64; 2]]) {
    for kind in 0..2 {
        let middle = |times: &[[f64; 2]]| median(times.iter().map(|it| it[kind]).collect());
        let (Some(ours), oracle) = (middle(ours), middle(oracle)) else { continue };
        figures.push(Figure { name: setup.ours[kind], unit: "ms", value: ours, goal: None });
        if let Some(oracle) = oracle {
            figures.push(Figure { name: setup.oracle[kind], unit: "ms", value: oracle, goal: None });
            let (value, goal) = (oracle / ours, Some(Goal::AtLeast(20.0)));
            figures.push(Figure { name: setup.times[kind], unit: "x", value, goal });
        }
    }
}

/// The first time and that again, in milliseconds.
fn measure(command: &mut Command) -> Result<[f64; 2]> {
    let variables = (0..500).map(|number| (format!("BENCH_{number}"), format!("value {number}")));
    let output = sh::output(command.envs(variables))?;
    parse(&output).with_context(|| format!("no times in:\n{output}"))
}

fn parse(output: &str) -> Result<[f64; 2]> {
    let times: Value = serde_json::from_str(output)?;
    Ok([times["first"].as_f64().context("no first time")?, times["again"].as_f64().context("no time again")?])
}

fn write(folder: &Path, texts: impl IntoIterator<Item = String>) -> Result<()> {
    fs::create_dir(folder)?;
    for (number, text) in texts.into_iter().enumerate() {
        fs::write(folder.join(format!("{number:02}.yaml")), text)?;
    }
    Ok(())
}

/// A catalog with 500 locations of ten lines, each with a variable.
fn large() -> String {
    let mut text = "catalog:\n  locations:\n".to_owned();
    for number in 0..500 {
        let _ = writeln!(
            text,
            "    - type: url  # number {number}\n      target: https://example.com/${{BENCH_{number}}}/catalog-info.yaml\n      \
             rules:\n        - allow: [Component, System, 'API']\n          weight: {number}\n      owner: \"team-{number}\"\n      \
             enabled: true\n      schedule:\n        frequency: {{ minutes: 30 }}\n        timeout: PT3M"
        );
    }
    text
}

/// An object that overrides some of the one before.
fn layer(number: usize) -> String {
    let mut text = format!("app:\n  title: Layer {number}\nbackend:\n  listen: ':{}'\n  layers:\n", 7000 + number);
    for key in 0..20 {
        let _ = writeln!(text, "    key{}: {{ from: {number}, value: ${{BENCH_{key}}} }}", number + key);
    }
    text.replace("${", "'${").replace("} }", "}' }")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_large_config_is_as_large_as_it_says() {
        let text = large();
        assert_eq!((text.lines().count(), text.matches("${").count()), (5002, 500));
        assert!(layer(3).contains("\n    key3: { from: 3, value: '${BENCH_0}' }\n"));
    }

    #[test]
    fn ours_is_put_beside_the_oracle() {
        assert_eq!(parse("{\"first\": 2.5, \"again\": 1}\n").unwrap(), [2.5, 1.0]);
        assert!(parse("{\"first\": 2.5}").is_err());
        let mut figures = Vec::new();
        add(&mut figures, &SETUPS[0], &[[2.0, 1.0], [9.0, 1.0], [1.0, 1.0]], &[[50.0, 5.0]]);
        let rows: Vec<_> = figures.iter().map(|it| (it.name, it.value)).collect();
        assert_eq!(
            rows[..3],
            [("demo config", 2.0), ("demo config, Backstage", 50.0), ("demo config, times faster", 25.0)]
        );
        assert_eq!(rows[5], ("demo config, again, times faster", 5.0));
    }
}
