//! What was moved of each plugin, as a table and as JSON.

use std::time::Duration;

use backend_plugin_api::PluginId;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use indicatif::HumanBytes;
use serde_json::{Map, Value, json};

/// What was moved of one plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) plugin: PluginId,
    pub(super) tables: usize,
    pub(super) rows: u64,
    /// In files.
    pub(super) bytes: u64,
    pub(super) took: Duration,
}

/// Empty if there is none.
pub(super) fn text(moved: &[Moved]) -> String {
    if moved.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(["plugin", "tables", "rows", "size", "time"]);
    for Moved { plugin, tables, rows, bytes, took } in moved {
        let time = format!("{:.1} s", took.as_secs_f64());
        table.add_row([plugin.to_string(), tables.to_string(), rows.to_string(), HumanBytes(*bytes).to_string(), time]);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// By plugin, with those that failed.
pub(super) fn json(moved: &[Moved], failures: &[(PluginId, String)]) -> Value {
    let moved = moved.iter().map(|Moved { plugin, tables, rows, bytes, took }| {
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        (plugin.to_string(), json!({ "tables": tables, "rows": rows, "bytes": bytes, "millis": millis }))
    });
    let failed = failures.iter().map(|(plugin, error)| (plugin.to_string(), json!({ "error": error })));
    Value::Object(Map::from_iter(moved.chain(failed)))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn texts() {
        let moved = |id, tables, rows, bytes, millis| {
            let took = Duration::from_millis(millis);
            Moved { plugin: PluginId::new(id), tables, rows, bytes, took }
        };
        let all = [moved("catalog", 5, 1_234_567, 98_765_432, 12_345), moved("todo", 1, 0, 22, 1)];
        assert_snapshot!(text(&all), @r"
        plugin   tables     rows       size    time
        catalog       5  1234567  94.19 MiB  12.3 s
        todo          1        0       22 B   0.0 s
        ");
        assert_snapshot!(text(&[]), @"");
        let failures = [(PluginId::new("auth"), "cannot read: it is away".to_owned())];
        assert_snapshot!(format!("{:#}", json(&all, &failures)), @r#"
        {
          "catalog": {
            "tables": 5,
            "rows": 1234567,
            "bytes": 98765432,
            "millis": 12345
          },
          "todo": {
            "tables": 1,
            "rows": 0,
            "bytes": 22,
            "millis": 1
          },
          "auth": {
            "error": "cannot read: it is away"
          }
        }
        "#);
    }
}
