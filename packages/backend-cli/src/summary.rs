use backend_app_api::{ConfigWarning, PluginState, Running, WarningKind};
use backend_defaults::http::HttpServer;
use backend_defaults::logger::Format;
use backend_plugin_api::services::Database;
use comfy_table::Table;
use comfy_table::presets::NOTHING;

use crate::connections::Connections;

/// What has started, as the operator is told.
pub(crate) struct Summary {
    url: String,
    address: String,
    rows: Vec<Row>,
    connections: Connections,
}

struct Row {
    plugin: &'static str,
    /// Why it does not run, if it does not.
    failure: Option<String>,
    client: String,
    location: String,
    ephemeral: bool,
    routes: String,
}

impl Summary {
    /// A line for each thing in the config that may be a mistake, and one for all that has no effect here.
    pub(crate) fn warn_of(warnings: &[ConfigWarning]) {
        let (unused, others): (Vec<_>, Vec<_>) = warnings.iter().partition(|it| it.kind == WarningKind::Unused);
        others.iter().for_each(|it| tracing::warn!("{it}"));
        let reason = |it: &ConfigWarning| it.what.message().trim_start_matches("has no effect: ").to_owned();
        let unused: Vec<_> = unused.iter().map(|it| format!("`{}` ({})", it.what.key(), reason(it))).collect();
        if !unused.is_empty() {
            tracing::warn!("the config has keys that do nothing here: {}", unused.join(", "));
        }
    }

    pub(crate) async fn of(running: &Running) -> Self {
        let server = running.get_root::<HttpServer>().await.ok();
        let url = server.as_ref().map(|it| it.url().to_owned()).unwrap_or_default();
        let address = server.and_then(|it| it.local_addrs().first().map(ToString::to_string)).unwrap_or_default();
        let (snapshot, databases) = (running.status().snapshot(), running.status().databases());
        let rows = running.plugins().iter().map(|plugin| {
            let info = databases.get(plugin).map(|it| it.info().clone());
            Row {
                plugin: plugin.as_str(),
                failure: match snapshot.plugins.get(plugin) {
                    Some(PluginState::Failed(reason)) => Some(reason.clone()),
                    _ => None,
                },
                client: info.as_ref().map_or_else(|| "no database".to_owned(), |it| it.client.clone()),
                location: info.as_ref().map(|it| it.location.clone()).unwrap_or_default(),
                ephemeral: info.is_some_and(|it| it.ephemeral),
                routes: format!("/api/{plugin}"),
            }
        });
        let connections = Connections::of(databases.values().map(Database::pool_status));
        Self { url, address, rows: rows.collect(), connections }
    }

    /// A table for people, a line a plugin for machines; then what they should know.
    pub(crate) fn log(&self, format: Format) {
        match format {
            Format::Pretty { .. } => tracing::info!("started\n{}\n\n  {}\n", self.table(), self.url),
            Format::Json => self.log_rows(),
        }
        self.connections.log();
        let ephemeral: Vec<_> = self.rows.iter().filter(|it| it.ephemeral).map(|it| it.plugin).collect();
        if !ephemeral.is_empty() {
            tracing::warn!(
                "the data of {} is in memory and will be lost at stop; to keep it, set \
                 `backend.database.connection.directory` or another `backend.database.client`",
                ephemeral.join(", ")
            );
        }
    }

    fn log_rows(&self) {
        for row in &self.rows {
            let state = row.failure.as_ref().map_or("started", |_| "failed");
            let (database, location, routes) = (&row.client, &row.location, &row.routes);
            tracing::info!(plugin = row.plugin, database, location, routes, "{state}");
        }
        tracing::info!(url = self.url, address = self.address, plugins = self.rows.len(), "started");
    }

    fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(NOTHING).set_header(["plugin", "database", "", "routes"]);
        for row in &self.rows {
            let routes = match &row.failure {
                Some(reason) => format!("not started: {reason}"),
                None => row.routes.clone(),
            };
            table.add_row([row.plugin, &row.client, &row.location, &routes]);
        }
        table.lines().map(|line| format!("  {}", line.trim_end())).collect::<Vec<_>>().join("\n")
    }
}
