//! What `db status` shows. Another figure is another line of [`plugin_columns`], and of [`Report::json`] if it is not of the
//! backend's readiness.

use std::collections::BTreeMap;

use backend_defaults::database::DatabasePlan;
use backend_plugin_api::PluginId;
use database_tools::inspect::Facts;
use serde_json::{Map, Value, json};

use super::facts::{self, migrations, rows, size, stamp};
use super::table::{Column, table};

/// The databases of plugins, what is in them, and what the backend that runs says of them.
pub(super) struct Report {
    /// Of all plugins.
    pub(super) plans: Vec<DatabasePlan>,
    /// Of the plugins that are shown; or why there are none.
    pub(super) facts: BTreeMap<PluginId, Result<Facts, String>>,
    pub(super) live: Live,
}

/// A backend that runs with this config.
pub(super) enum Live {
    /// It would listen on a port that it chooses itself.
    Unknown,
    /// None answers.
    Silent {
        address: String,
        cause: String,
    },
    Answers {
        address: String,
        readiness: Value,
    },
}

/// One plugin's line.
struct Plugin<'a> {
    plan: &'a DatabasePlan,
    /// What readiness says of it.
    health: &'a Value,
    /// What was found; none where it is in memory.
    facts: Option<&'a Result<Facts, String>>,
}

impl<'a> Plugin<'a> {
    /// Of a database that is there.
    fn found(&self) -> Option<&'a Facts> {
        self.facts.and_then(|it| it.as_ref().ok()).filter(|it| it.exists)
    }

    fn pool(&self) -> &'a Value {
        &self.health["database"]["pool"]
    }
}

/// One server's line.
struct Server<'a> {
    name: String,
    /// Its entry in readiness.
    health: &'a Value,
    /// What the plugins' `max` add up to.
    max: usize,
    /// `backend.database.maxConnections`.
    configured: Option<usize>,
}

fn database_columns<'a>() -> [Column<Plugin<'a>>; 10] {
    [
        ("plugin", false, |it| Some(it.plan.plugin.to_string())),
        ("client", false, |it| Some(it.plan.client.clone())),
        ("location", false, |it| Some(it.plan.info().location)),
        ("exists", false, |it| {
            Some(match it.facts? {
                Ok(facts) => if facts.exists { "yes" } else { "no" }.to_owned(),
                Err(_) => "cannot be read".to_owned(),
            })
        }),
        ("size", true, |it| it.found().map(size)),
        ("tables", true, |it| it.found().map(|it| it.tables.len().to_string())),
        ("rows", true, |it| it.found().map(rows)),
        ("connections", true, |it| it.found().map(|it| it.sessions.len().to_string())),
        ("migrations", false, |it| it.facts?.as_ref().ok().map(|it| migrations(&it.migrations))),
        ("stamp", false, |it| it.found().map(|it| stamp(&it.stamp))),
    ]
}

fn pool_columns<'a>() -> [Column<Plugin<'a>>; 11] {
    [
        ("plugin", false, |it| Some(it.plan.plugin.to_string())),
        ("status", false, |it| it.health["status"].as_str().map(str::to_owned)),
        ("used", true, |it| number(&it.pool()["used"])),
        ("idle", true, |it| number(&it.pool()["idle"])),
        ("waiting", true, |it| number(&it.pool()["waiting"])),
        ("max", true, |it| number(&it.pool()["max"]).or_else(|| Some(it.plan.pool.max.to_string()))),
        ("acquired", true, |it| number(&it.pool()["acquired"])),
        ("mean ms", true, |it| number(&it.pool()["acquireTimeMillis"])),
        ("created", true, |it| number(&it.pool()["created"])),
        ("closed", true, |it| number(&it.pool()["closed"])),
        ("errors", true, |it| number(&it.pool()["errors"])),
    ]
}

fn server_columns<'a>() -> [Column<Server<'a>>; 6] {
    [
        ("server", false, |it| Some(it.name.clone())),
        ("open", true, |it| number(&it.health["open"])),
        ("waiting", true, |it| number(&it.health["waiting"])),
        ("budget", true, |it| number(&it.health["budget"]).or_else(|| it.configured.map(|it| it.to_string()))),
        ("server's limit", true, |it| number(&it.health["limit"])),
        ("plugins' max", true, |it| Some(it.max.to_string())),
    ]
}

impl Report {
    pub(super) fn text(&self) -> String {
        let head = match &self.live {
            Live::Unknown => {
                "`backend.listen` leaves the port open, so that a backend that runs is not found; pools are \
                              as the config says"
                    .to_owned()
            }
            Live::Silent { address, cause } => {
                format!("no backend answers at {address} ({cause}); pools are as the config says")
            }
            Live::Answers { address, readiness } => {
                let status = readiness["status"].as_str().unwrap_or("unknown");
                let message = readiness["message"].as_str().map(|it| format!(": {it}")).unwrap_or_default();
                format!("backend at {address}: {status}{message}")
            }
        };
        let shown = self.shown();
        let databases = table(&database_columns(), &shown);
        let parts = [databases, head, table(&pool_columns(), &shown), table(&server_columns(), &self.servers())];
        let parts: Vec<_> = parts.into_iter().filter(|it| !it.is_empty()).collect();
        parts.join("\n\n")
    }

    pub(super) fn json(&self) -> Value {
        let backend = match &self.live {
            Live::Unknown => Value::Null,
            Live::Silent { address, cause } => json!({ "address": address, "status": null, "message": cause }),
            Live::Answers { address, readiness } => {
                json!({ "address": address, "status": readiness["status"], "message": readiness["message"] })
            }
        };
        let plugins = self.shown().into_iter().map(|plugin| {
            let Plugin { plan, health, facts } = plugin;
            let info = plan.info();
            let mut plugin = json!({
                "client": info.client, "location": info.location, "ephemeral": info.ephemeral, "server": plan.server(),
                "max": plan.pool.max, "status": health["status"], "pool": without_server(plugin.pool()),
            });
            match facts {
                Some(Ok(facts)) => merge(&mut plugin, facts::json(facts)),
                Some(Err(error)) => plugin["error"] = error.as_str().into(),
                None => {}
            }
            (plan.plugin.to_string(), plugin)
        });
        let servers = self.servers().into_iter().map(|it| {
            let health = |key: &str| it.health[key].clone();
            let server = json!({
                "maxConnections": it.configured, "pluginsMax": it.max, "budget": health("budget"),
                "limit": health("limit"), "open": health("open"), "waiting": health("waiting"),
            });
            (it.name, server)
        });
        json!({ "backend": backend, "plugins": Map::from_iter(plugins), "servers": Map::from_iter(servers) })
    }

    fn plugins(&self) -> Vec<Plugin<'_>> {
        let health = |plan: &DatabasePlan| match &self.live {
            Live::Answers { readiness, .. } => &readiness["plugins"][plan.plugin.as_str()],
            _ => &Value::Null,
        };
        let facts = |plan: &DatabasePlan| self.facts.get(&plan.plugin).filter(|_| !plan.info().ephemeral);
        self.plans.iter().map(|plan| Plugin { plan, health: health(plan), facts: facts(plan) }).collect()
    }

    fn shown(&self) -> Vec<Plugin<'_>> {
        let mut plugins = self.plugins();
        plugins.retain(|it| self.facts.contains_key(&it.plan.plugin));
        plugins
    }

    /// Those of the plugins that are shown, with what all plugins have there.
    ///
    /// Readiness names no server: each is the one that its plugins' pools refer to.
    fn servers(&self) -> Vec<Server<'_>> {
        let mut servers: BTreeMap<String, Server<'_>> = BTreeMap::new();
        for plugin in self.plugins() {
            let plan = plugin.plan;
            let Some(name) = plan.server() else { continue };
            let server = servers.entry(name.clone()).or_insert_with(|| Server {
                name,
                health: &Value::Null,
                max: 0,
                configured: plan.budget.max_connections,
            });
            server.max += plan.pool.max;
            if let (Some(index), Live::Answers { readiness, .. }) = (plugin.pool()["server"].as_u64(), &self.live) {
                server.health = usize::try_from(index).map_or(&Value::Null, |it| &readiness["databaseServers"][it]);
            }
        }
        let shown: Vec<_> = self.shown().into_iter().filter_map(|it| it.plan.server()).collect();
        servers.into_values().filter(|it| shown.contains(&it.name)).collect()
    }
}

/// Its number there is of the readiness that it is from.
fn without_server(pool: &Value) -> Value {
    let mut pool = pool.clone();
    if let Some(pool) = pool.as_object_mut() {
        pool.remove("server");
    }
    pool
}

fn number(value: &Value) -> Option<String> {
    value.is_number().then(|| value.to_string())
}

fn merge(into: &mut Value, from: Value) {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use backend_app_api::{MigrationId, MigrationList, MigrationReport};
    use backend_defaults::database::{DatabaseConfig, LibpqEnvironment};
    use config::Config;
    use database_tools::inspect::{OtherSession, Stamp, TableFacts};
    use insta::assert_snapshot;

    use super::*;

    fn report(live: Live) -> Report {
        let config = json!({
            "client": "pg", "connection": { "host": "db", "user": "portal" }, "maxConnections": 40,
            "plugin": { "todo": { "client": "better-sqlite3", "connection": ":memory:" } },
        });
        let config = Config::from_json(json!({ "backend": { "database": config } }));
        let config: DatabaseConfig = config.read("backend.database").unwrap();
        let plan = |id| config.plan(PluginId::new(id), &LibpqEnvironment::default()).unwrap();
        let table = |name: &str, rows, exact| TableFacts { schema: None, name: name.to_owned(), rows, exact };
        let id = |version: &str| MigrationId { list: MigrationList::Plugin, version: version.to_owned() };
        let session = |id| OtherSession { id, application: Some("portal".to_owned()), user: None, address: None };
        let catalog = Facts {
            exists: true,
            bytes: 8_000_000,
            tables: vec![table("entity", 2_000_000, false), table("location", 3, true)],
            host_tables: vec![table("greenroom_stamp", 1, true)],
            sessions: vec![session(7), session(8)],
            migrations: MigrationReport { done: vec![id("m1"); 2], pending: vec![id("m2")], ..Default::default() },
            stamp: Stamp::Comment,
        };
        let facts = [
            ("auth", Err("cannot read the database of `auth`: nobody listens".to_owned())),
            ("catalog", Ok(catalog)),
            ("todo", Ok(Facts::default())),
        ];
        let facts = facts.map(|(id, facts)| (PluginId::new(id), facts)).into();
        Report { plans: ["auth", "catalog", "todo"].map(plan).into(), facts, live }
    }

    fn answers() -> Live {
        let pool = |used: u64, server: Option<u64>| {
            let mut pool = json!({
                "used": used, "idle": 2, "waiting": 0, "max": 10, "acquired": 12_345, "acquireTimeMillis": 0.021,
                "longestAcquireMillis": 30.5, "created": 4, "closed": 1, "errors": 0,
            });
            pool["server"] = server.into();
            json!({ "status": "ok", "database": { "status": "ok", "ephemeral": false, "pool": pool } })
        };
        let readiness = json!({
            "status": "error", "message": "The database does not answer of plugin `auth`",
            "plugins": { "auth": { "status": "failed" }, "catalog": pool(1, Some(0)), "todo": pool(0, None) },
            "databaseServers": [{ "budget": 40, "limit": 100, "open": 3, "waiting": 0 }],
        });
        Live::Answers { address: "http://127.0.0.1:7007".to_owned(), readiness }
    }

    fn silent() -> Live {
        Live::Silent { address: "http://127.0.0.1:7007".to_owned(), cause: "Connection refused".to_owned() }
    }

    #[test]
    fn a_backend_that_runs() {
        assert_snapshot!(report(answers()).text(), @"
        plugin   client          location                          exists              size  tables      rows  connections  migrations     stamp
        auth     pg              db:5432/backstage_plugin_auth     cannot be read         -       -         -            -  -              -
        catalog  pg              db:5432/backstage_plugin_catalog  yes             7.63 MiB       2  ~2000003            2  2 + 1 pending  yes
        todo     better-sqlite3  in memory                         -                      -       -         -            -  -              -

        backend at http://127.0.0.1:7007: error: The database does not answer of plugin `auth`

        plugin   status  used  idle  waiting  max  acquired  mean ms  created  closed  errors
        auth     failed     -     -        -   10         -        -        -       -       -
        catalog  ok         1     2        0   10     12345    0.021        4       1       0
        todo     ok         0     2        0   10     12345    0.021        4       1       0

        server   open  waiting  budget  server's limit  plugins' max
        db:5432     3        0      40             100            20
        ");
        assert_snapshot!(format!("{:#}", report(answers()).json()), @r#"
        {
          "backend": {
            "address": "http://127.0.0.1:7007",
            "status": "error",
            "message": "The database does not answer of plugin `auth`"
          },
          "plugins": {
            "auth": {
              "client": "pg",
              "location": "db:5432/backstage_plugin_auth",
              "ephemeral": false,
              "server": "db:5432",
              "max": 10,
              "status": "failed",
              "pool": null,
              "error": "cannot read the database of `auth`: nobody listens"
            },
            "catalog": {
              "client": "pg",
              "location": "db:5432/backstage_plugin_catalog",
              "ephemeral": false,
              "server": "db:5432",
              "max": 10,
              "status": "ok",
              "pool": {
                "used": 1,
                "idle": 2,
                "waiting": 0,
                "max": 10,
                "acquired": 12345,
                "acquireTimeMillis": 0.021,
                "longestAcquireMillis": 30.5,
                "created": 4,
                "closed": 1,
                "errors": 0
              },
              "exists": true,
              "bytes": 8000000,
              "tables": [
                {
                  "schema": null,
                  "name": "entity",
                  "rows": 2000000,
                  "exact": false
                },
                {
                  "schema": null,
                  "name": "location",
                  "rows": 3,
                  "exact": true
                }
              ],
              "hostTables": [
                {
                  "schema": null,
                  "name": "greenroom_stamp",
                  "rows": 1,
                  "exact": true
                }
              ],
              "rows": 2000003,
              "rowsExact": false,
              "connections": [
                {
                  "id": 7,
                  "application": "portal",
                  "user": null,
                  "address": null
                },
                {
                  "id": 8,
                  "application": "portal",
                  "user": null,
                  "address": null
                }
              ],
              "migrations": {
                "applied": [
                  "m1",
                  "m1"
                ],
                "pending": [
                  "m2"
                ],
                "unknown": [],
                "edited": []
              },
              "stamp": {
                "by": "comment"
              }
            },
            "todo": {
              "client": "better-sqlite3",
              "location": "in memory",
              "ephemeral": true,
              "server": null,
              "max": 5,
              "status": "ok",
              "pool": {
                "used": 0,
                "idle": 2,
                "waiting": 0,
                "max": 10,
                "acquired": 12345,
                "acquireTimeMillis": 0.021,
                "longestAcquireMillis": 30.5,
                "created": 4,
                "closed": 1,
                "errors": 0
              }
            }
          },
          "servers": {
            "db:5432": {
              "maxConnections": 40,
              "pluginsMax": 20,
              "budget": 40,
              "limit": 100,
              "open": 3,
              "waiting": 0
            }
          }
        }
        "#);
    }

    /// On a server that it shares.
    #[test]
    fn one_plugin() {
        let mut report = report(answers());
        report.facts.retain(|plugin, _| plugin.as_str() == "catalog");
        assert_snapshot!(report.text(), @"
        plugin   client  location                          exists      size  tables      rows  connections  migrations     stamp
        catalog  pg      db:5432/backstage_plugin_catalog  yes     7.63 MiB       2  ~2000003            2  2 + 1 pending  yes

        backend at http://127.0.0.1:7007: error: The database does not answer of plugin `auth`

        plugin   status  used  idle  waiting  max  acquired  mean ms  created  closed  errors
        catalog  ok         1     2        0   10     12345    0.021        4       1       0

        server   open  waiting  budget  server's limit  plugins' max
        db:5432     3        0      40             100            20
        ");
        assert_eq!(report.json()["plugins"].as_object().unwrap().len(), 1);
    }

    #[test]
    fn none_runs() {
        assert_snapshot!(report(silent()).text(), @"
        plugin   client          location                          exists              size  tables      rows  connections  migrations     stamp
        auth     pg              db:5432/backstage_plugin_auth     cannot be read         -       -         -            -  -              -
        catalog  pg              db:5432/backstage_plugin_catalog  yes             7.63 MiB       2  ~2000003            2  2 + 1 pending  yes
        todo     better-sqlite3  in memory                         -                      -       -         -            -  -              -

        no backend answers at http://127.0.0.1:7007 (Connection refused); pools are as the config says

        plugin   max
        auth      10
        catalog   10
        todo       5

        server   budget  plugins' max
        db:5432      40            20
        ");
        assert_snapshot!(report(silent()).json()["backend"], @r#"{"address":"http://127.0.0.1:7007","status":null,"message":"Connection refused"}"#);
        assert_snapshot!(report(Live::Unknown).text(), @"
        plugin   client          location                          exists              size  tables      rows  connections  migrations     stamp
        auth     pg              db:5432/backstage_plugin_auth     cannot be read         -       -         -            -  -              -
        catalog  pg              db:5432/backstage_plugin_catalog  yes             7.63 MiB       2  ~2000003            2  2 + 1 pending  yes
        todo     better-sqlite3  in memory                         -                      -       -         -            -  -              -

        `backend.listen` leaves the port open, so that a backend that runs is not found; pools are as the config says

        plugin   max
        auth      10
        catalog   10
        todo       5

        server   budget  plugins' max
        db:5432      40            20
        ");
    }
}
