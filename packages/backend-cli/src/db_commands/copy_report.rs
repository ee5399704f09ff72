//! What `db copy` shows.

use std::time::Duration;

use backend_plugin_api::PluginId;
use database_tools::transfer::{LoadedTable, Preview, TargetState};
use serde_json::{Map, Value, json};

use super::table::{Column, table};

/// A plugin that is there now.
pub(super) struct Copied {
    pub(super) plugin: PluginId,
    pub(super) tables: Vec<LoadedTable>,
    pub(super) was_there: bool,
    pub(super) took: Duration,
}

/// A plugin that would be copied.
pub(super) struct Previewed {
    pub(super) plugin: PluginId,
    /// Of the target.
    pub(super) location: String,
    pub(super) preview: Preview,
}

/// A line of the table: of a plugin, or of all.
struct Line {
    name: String,
    tables: usize,
    rows: u64,
    /// Not those that were there already.
    written: u64,
    /// Nothing was written without it.
    took: Option<Duration>,
}

fn rows(tables: &[LoadedTable]) -> u64 {
    tables.iter().map(|it| it.rows).sum()
}

/// With a line for all, if there are several: they took less together than one after another.
pub(super) fn copied_text(copied: &[Copied], took: Duration) -> String {
    let line = |it: &Copied| Line {
        name: it.plugin.to_string(),
        tables: it.tables.len(),
        rows: rows(&it.tables),
        written: if it.was_there { 0 } else { rows(&it.tables) },
        took: (!it.was_there).then_some(it.took),
    };
    let mut lines: Vec<_> = copied.iter().map(line).collect();
    if lines.len() > 1 {
        let sum = |count: fn(&Line) -> u64| lines.iter().map(count).sum();
        let (tables, rows, written) = (lines.iter().map(|it| it.tables).sum(), sum(|it| it.rows), sum(|it| it.written));
        lines.push(Line { name: "all".to_owned(), tables, rows, written, took: Some(took) });
    }
    let columns: [Column<Line>; 5] = [
        ("plugin", false, |it| Some(it.name.clone())),
        ("tables", true, |it| Some(it.tables.to_string())),
        ("rows", true, |it| Some(it.rows.to_string())),
        ("time", true, |it| Some(format!("{:.1} s", it.took?.as_secs_f64()))),
        ("rows/s", true, |it| Some(per_second(it.written, it.took?).to_string())),
    ];
    table(&columns, &lines)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "it is shown")]
fn per_second(rows: u64, took: Duration) -> u64 {
    (rows as f64 / took.as_secs_f64().max(0.001)) as u64
}

pub(super) fn copied_json(copied: &[Copied]) -> Value {
    let one = |it: &Copied| {
        let millis = u64::try_from(it.took.as_millis()).unwrap_or(u64::MAX);
        let rows_per_second = (!it.was_there).then(|| per_second(rows(&it.tables), it.took));
        json!({
            "rows": rows(&it.tables), "wasThere": it.was_there, "millis": millis, "rowsPerSecond": rows_per_second,
            "tables": by_name(&it.tables),
        })
    };
    by_plugin(copied.iter().map(|it| (it.plugin, one(it))))
}

pub(super) fn previewed_text(previewed: &[Previewed]) -> String {
    let columns: [Column<Previewed>; 5] = [
        ("plugin", false, |it| Some(it.plugin.to_string())),
        ("tables", true, |it| Some(it.preview.tables.len().to_string())),
        ("rows", true, |it| Some(rows(&it.preview.tables).to_string())),
        ("to", false, |it| Some(it.location.clone())),
        ("target", false, |it| {
            Some(match it.preview.target {
                TargetState::Missing => "not there yet".to_owned(),
                TargetState::Empty => "empty".to_owned(),
                TargetState::Filled { rows: 1 } => "has 1 row".to_owned(),
                TargetState::Filled { rows } => format!("has {rows} rows"),
            })
        }),
    ];
    table(&columns, previewed)
}

pub(super) fn previewed_json(previewed: &[Previewed]) -> Value {
    let one = |it: &Previewed| {
        let rows_there = match it.preview.target {
            TargetState::Missing => None,
            TargetState::Empty => Some(0),
            TargetState::Filled { rows } => Some(rows),
        };
        let there = json!({ "location": it.location, "exists": rows_there.is_some(), "rows": rows_there });
        json!({ "rows": rows(&it.preview.tables), "tables": by_name(&it.preview.tables), "target": there })
    };
    by_plugin(previewed.iter().map(|it| (it.plugin, one(it))))
}

fn by_name(tables: &[LoadedTable]) -> Value {
    Value::Object(tables.iter().map(|it| (it.name.clone(), it.rows.into())).collect())
}

fn by_plugin(plugins: impl Iterator<Item = (PluginId, Value)>) -> Value {
    json!({ "plugins": plugins.map(|(plugin, it)| (plugin.to_string(), it)).collect::<Map<_, _>>() })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn tables(rows: &[(&str, u64)]) -> Vec<LoadedTable> {
        rows.iter().map(|(name, rows)| LoadedTable { name: (*name).to_owned(), rows: *rows }).collect()
    }

    fn copied() -> [Copied; 2] {
        let (catalog, todo) = (tables(&[("entities", 10_000), ("relations", 25_000)]), tables(&[("items", 3)]));
        let took = Duration::from_millis(1_750);
        [
            Copied { plugin: PluginId::new("catalog"), tables: catalog, was_there: false, took },
            Copied { plugin: PluginId::new("todo"), tables: todo, was_there: true, took: Duration::from_millis(20) },
        ]
    }

    #[test]
    fn what_was_copied() {
        assert_snapshot!(copied_text(&copied(), Duration::from_secs(2)), @r"
        plugin   tables   rows   time  rows/s
        catalog       2  35000  1.8 s   20000
        todo          1      3      -       -
        all           3  35003  2.0 s   17500
        ");
        assert_snapshot!(copied_text(&copied()[..1], Duration::from_secs(2)), @r"
        plugin   tables   rows   time  rows/s
        catalog       2  35000  1.8 s   20000
        ");
        assert_snapshot!(copied_text(&[], Duration::ZERO), @"");
        assert_snapshot!(format!("{:#}", copied_json(&copied())), @r#"
        {
          "plugins": {
            "catalog": {
              "rows": 35000,
              "wasThere": false,
              "millis": 1750,
              "rowsPerSecond": 20000,
              "tables": {
                "entities": 10000,
                "relations": 25000
              }
            },
            "todo": {
              "rows": 3,
              "wasThere": true,
              "millis": 20,
              "rowsPerSecond": null,
              "tables": {
                "items": 3
              }
            }
          }
        }
        "#);
    }

    #[test]
    fn what_would_be_copied() {
        let previewed = |id, location: &str, rows, target| {
            let preview = Preview { tables: tables(&[("items", rows)]), target };
            Previewed { plugin: PluginId::new(id), location: location.to_owned(), preview }
        };
        let all = [
            previewed("catalog", "db:5432/backstage_plugin_catalog", 10_000, TargetState::Missing),
            previewed("search", "db:5432/backstage_plugin_search", 0, TargetState::Empty),
            previewed("todo", "db:5432/backstage_plugin_todo", 3, TargetState::Filled { rows: 7 }),
        ];
        assert_snapshot!(previewed_text(&all), @r"
        plugin   tables   rows  to                                target
        catalog       1  10000  db:5432/backstage_plugin_catalog  not there yet
        search        1      0  db:5432/backstage_plugin_search   empty
        todo          1      3  db:5432/backstage_plugin_todo     has 7 rows
        ");
        assert_snapshot!(format!("{:#}", previewed_json(&all[2..])), @r#"
        {
          "plugins": {
            "todo": {
              "rows": 3,
              "tables": {
                "items": 3
              },
              "target": {
                "location": "db:5432/backstage_plugin_todo",
                "exists": true,
                "rows": 7
              }
            }
          }
        }
        "#);
    }
}
