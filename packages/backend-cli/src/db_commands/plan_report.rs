//! What `db plan` shows.

use std::collections::BTreeSet;

use backend_app_api::MigrationId;
use backend_defaults::database::{DatabasePlan, EnginePlan, SqlitePlace};
use backend_plugin_api::services::database::MigrationMode;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use database_tools::planning::Outlook;
use serde_json::{Map, Value, json};

use super::migrate::migration_json;

/// What a start would do for each plugin.
pub(super) struct Report<'a>(pub(super) Vec<Line<'a>>);

/// One plugin's, or why it is not known.
pub(super) struct Line<'a> {
    pub(super) plan: &'a DatabasePlan,
    pub(super) outlook: Result<Outlook, String>,
}

/// Where it is, as far as its engine has such.
#[derive(Default)]
struct Place {
    server: Option<String>,
    database: String,
    schema: Option<String>,
    role: Option<String>,
    user: Option<String>,
}

impl Report<'_> {
    pub(super) fn text(&self) -> String {
        let mut table = Table::new();
        table.load_preset(NOTHING);
        table.set_header(["plugin", "client", "server", "database", "schema", "role", "max", "missing", "pending"]);
        for line in &self.0 {
            let Place { server, database, schema, role, .. } = line.place();
            let or_none = |it: Option<String>| it.unwrap_or_else(|| "-".to_owned());
            let (missing, pending) = line.counts();
            table.add_row([
                line.plan.plugin.to_string(),
                line.plan.client.clone(),
                or_none(server),
                database,
                or_none(schema),
                or_none(role),
                line.plan.pool.max.to_string(),
                missing,
                pending,
            ]);
        }
        for index in [6, 8] {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let table: Vec<_> = table.lines().map(|it| it.trim().to_owned()).collect();
        let mut blocks = vec![table.join("\n")];
        blocks.extend(self.0.iter().filter_map(Line::details));
        if self.0.iter().all(|it| it.outlook.as_ref().is_ok_and(|outlook| !outlook.is_to_do(it.plan.migrations))) {
            blocks.push("a start makes nothing, and runs no migration on what is kept".to_owned());
        }
        blocks.join("\n\n")
    }

    pub(super) fn json(&self) -> Value {
        let plugins = self.0.iter().map(|it| (it.plan.plugin.to_string(), it.json()));
        json!({ "plugins": Map::<String, Value>::from_iter(plugins) })
    }
}

impl Line<'_> {
    fn place(&self) -> Place {
        match &self.plan.engine {
            EnginePlan::Sqlite(it) => {
                let database = match &it.place {
                    SqlitePlace::Memory => "in memory".to_owned(),
                    SqlitePlace::File(_) => self.plan.info().location,
                };
                Place { database, ..Place::default() }
            }
            EnginePlan::Postgres(it) => Place {
                server: self.plan.server(),
                database: it.database.clone(),
                schema: it.schema.clone(),
                role: it.role.clone(),
                user: Some(it.server.login.user.clone()).filter(|it| !it.is_empty()),
            },
            EnginePlan::MySql(it) => Place {
                server: self.plan.server(),
                database: it.database.clone(),
                user: Some(it.server.login.user.clone()),
                ..Place::default()
            },
        }
    }

    fn counts(&self) -> (String, String) {
        let Ok(outlook) = &self.outlook else { return ("?".to_owned(), "?".to_owned()) };
        let kinds: BTreeSet<_> = outlook.gaps.iter().map(|it| it.what.kind()).collect();
        let missing = match kinds.is_empty() {
            true => "nothing".to_owned(),
            false => kinds.into_iter().collect::<Vec<_>>().join(", "),
        };
        (missing, outlook.pending.as_ref().map_or("?".to_owned(), |it| it.len().to_string()))
    }

    /// What is to be made and run, if anything is.
    fn details(&self) -> Option<String> {
        let mut lines = Vec::new();
        match &self.outlook {
            Err(cause) => lines.push(format!("cannot be looked at: {cause}")),
            Ok(outlook) => {
                for gap in &outlook.gaps {
                    lines.push(match gap.made {
                        true => format!("makes {}", gap.what),
                        false => format!("wants {}, and may not make it (`ensureExists`)", gap.what),
                    });
                }
                match &outlook.pending {
                    None => lines.push("migrations can be seen when the role is there".to_owned()),
                    Some(pending) => lines.extend(pending.iter().map(|id| self.migration(id))),
                }
            }
        }
        (!lines.is_empty()).then(|| format!("{}\n  {}", self.plan.plugin, lines.join("\n  ")))
    }

    fn migration(&self, id: &MigrationId) -> String {
        match self.plan.migrations {
            MigrationMode::Run => format!("applies {id}"),
            MigrationMode::Verify => format!("wants {id}, and does not start without it (`migrations: verify`)"),
            MigrationMode::Wait => format!("waits until another has applied {id} (`migrations: wait`)"),
            MigrationMode::Skip => format!("leaves out {id} (`skipMigrations`)"),
        }
    }

    fn json(&self) -> Value {
        let Place { server, database, schema, role, user } = self.place();
        let mut plugin = json!({
            "client": self.plan.client, "server": server, "database": database, "schema": schema, "role": role,
            "user": user, "pool": { "max": self.plan.pool.max }, "migrations": mode(self.plan.migrations),
            "missing": null, "pending": null, "ephemeral": null, "error": null,
        });
        match &self.outlook {
            Err(cause) => plugin["error"] = cause.as_str().into(),
            Ok(outlook) => {
                let gaps = outlook.gaps.iter();
                let missing =
                    gaps.map(|it| json!({ "kind": it.what.kind(), "name": it.what.name(), "made": it.made })).collect();
                plugin["missing"] = Value::Array(missing);
                plugin["ephemeral"] = outlook.ephemeral.into();
                let pending = outlook.pending.as_ref();
                plugin["pending"] = pending.map_or(Value::Null, |it| it.iter().map(migration_json).collect());
            }
        }
        plugin
    }
}

fn mode(mode: MigrationMode) -> &'static str {
    match mode {
        MigrationMode::Run => "run",
        MigrationMode::Verify => "verify",
        MigrationMode::Wait => "wait",
        MigrationMode::Skip => "skip",
    }
}
