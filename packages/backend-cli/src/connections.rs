//! What the operator is told of connections when the backend has started.

use std::collections::BTreeMap;

use backend_plugin_api::services::database::{PoolStatus, ServerStatus};

/// A line a database server: how many connections the backend may have, the server has, and the plugins ask for.
pub(crate) struct Connections(BTreeMap<String, Server>);

struct Server {
    status: ServerStatus,
    plugins: usize,
    /// What the plugins' own bounds add up to.
    asked: usize,
}

impl Connections {
    /// Of the databases of all plugins.
    pub(crate) fn of(pools: impl IntoIterator<Item = PoolStatus>) -> Self {
        let mut servers: BTreeMap<String, Server> = BTreeMap::new();
        for PoolStatus { max, server, .. } in pools {
            let Some(status) = server else { continue };
            let server = servers.entry(status.name.clone()).or_insert(Server { status, plugins: 0, asked: 0 });
            server.plugins += 1;
            server.asked += max;
        }
        Self(servers)
    }

    pub(crate) fn log(&self) {
        for server in self.0.values() {
            tracing::info!("{}", server.line());
            if let Some(warning) = server.warning() {
                tracing::warn!("{warning}");
            }
        }
    }
}

impl Server {
    fn line(&self) -> String {
        let Self { status: ServerStatus { name, budget, limit, .. }, plugins, asked } = self;
        let budget = budget.map_or_else(|| "no".to_owned(), |it| it.to_string());
        let limit = limit.map(|it| format!(" of its {it}")).unwrap_or_default();
        let plugins = if *plugins == 1 { "1 plugin".to_owned() } else { format!("{plugins} plugins") };
        format!(
            "database server `{name}`: up to {budget}{limit} connections for {plugins} (`backend.database.maxConnections`), \
             which may ask for {asked} (`knexConfig.pool.max`)"
        )
    }

    fn warning(&self) -> Option<String> {
        let ServerStatus { name, budget: Some(budget), limit: Some(limit), .. } = &self.status else { return None };
        (budget > limit).then(|| {
            format!(
                "`backend.database.maxConnections` is {budget}, and the server `{name}` has {limit} for all its clients: \
                 lower the one or raise the other (`max_connections`)"
            )
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn pool(max: usize, name: &str, budget: Option<usize>, limit: Option<usize>) -> PoolStatus {
        let server = ServerStatus { name: name.to_owned(), budget, limit, ..ServerStatus::default() };
        PoolStatus { max, server: Some(server), ..PoolStatus::default() }
    }

    fn lines(pools: Vec<PoolStatus>) -> String {
        Connections::of(pools).0.values().map(Server::line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_line_a_server_adds_up_what_the_plugins_may_ask_for() {
        let of_sqlite = PoolStatus { max: 5, ..PoolStatus::default() };
        let first = || pool(10, "db:5432", Some(77), Some(100));
        let pools = vec![first(), of_sqlite, pool(3, "other:5432", Some(5), None), first()];
        assert_snapshot!(lines(pools), @"
        database server `db:5432`: up to 77 of its 100 connections for 2 plugins (`backend.database.maxConnections`), which may ask for 20 (`knexConfig.pool.max`)
        database server `other:5432`: up to 5 connections for 1 plugin (`backend.database.maxConnections`), which may ask for 3 (`knexConfig.pool.max`)
        ");
    }

    #[test]
    fn more_than_the_server_has_is_warned_of() {
        let warning = |budget| {
            let connections = Connections::of([pool(10, "db:5432", Some(budget), Some(100))]);
            connections.0.values().next().unwrap().warning()
        };
        assert_eq!(warning(100), None);
        assert_snapshot!(warning(101).unwrap(), @"`backend.database.maxConnections` is 101, and the server `db:5432` has 100 for all its clients: lower the one or raise the other (`max_connections`)");
    }
}
