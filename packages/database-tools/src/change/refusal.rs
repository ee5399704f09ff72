use std::fmt;

use backend_defaults::database::EnginePlan;
use backend_defaults::database::mysql;
use backend_defaults::database::postgres::quoted;
use backend_plugin_api::PluginId;

use super::{mysql as of_mysql, postgres};
use crate::Site;
use crate::inspect::{Facts, OtherSession, Stamp};

/// What is to be destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// All of it.
    Drop,
    /// All rows.
    Truncate,
}

/// Why a plugin's database is left alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Others made it.
    #[error(
        "`{plugin}`: {location} is {}, so that it is left alone; if you vouch that it may be destroyed, stamp it first: \
         `backend db adopt --plugin {plugin}`",
        if *.backstage { "Backstage's (`knex_migrations`), not stamped as Greenroom's" } else { "not stamped as Greenroom's" }
    )]
    Unstamped {
        /// Whose it would be.
        plugin: PluginId,
        /// Where it is.
        location: String,
        /// Whether Backstage's history of migrations is there.
        backstage: bool,
    },
    /// It is another plugin's.
    #[error("`{plugin}`: {location} is stamped as that of plugin `{owner}`")]
    OtherPlugins {
        /// Whose it would be.
        plugin: PluginId,
        /// Where it is.
        location: String,
        /// Whose it is.
        owner: String,
    },
    /// What is stamped is not all that is there.
    #[error(
        "`{plugin}`: {location} has tables in schemas that nobody says are the plugin's: {}; move them, or stamp the whole \
         database: `backend db adopt --plugin {plugin}`",
        listed(.tables)
    )]
    OtherSchemas {
        /// Whose it is.
        plugin: PluginId,
        /// Where it is.
        location: String,
        /// With their schemas.
        tables: Vec<String>,
    },
    /// It is an administrator's to make and to drop.
    #[error(
        "`{plugin}`: `backend.database.ensureExists` is off, so that {location} is not Greenroom's to drop; delete its rows \
         by `backend db truncate --plugin {plugin}`, or let an administrator run `{sql}`"
    )]
    NotMadeHere {
        /// Whose it is.
        plugin: PluginId,
        /// Where it is.
        location: String,
        /// What drops it.
        sql: String,
    },
    /// Others use it.
    #[error(
        "`{plugin}`: {location} is in use: {}; {}",
        .sessions.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        if *.processes {
            "stop them first: a file cannot be taken from a process"
        } else {
            "stop them, or end their sessions by `--force`"
        }
    )]
    InUse {
        /// Whose it is.
        plugin: PluginId,
        /// Where it is.
        location: String,
        /// By whom.
        sessions: Vec<OtherSession>,
        /// Whether they are processes, which are not ended.
        processes: bool,
    },
    /// What is elsewhere would go, or break, with it.
    #[error("`{plugin}`: what is outside of {location} depends on it: {}; drop that first, if it may go", listed(.things))]
    Dependents {
        /// Whose it is.
        plugin: PluginId,
        /// Where it is.
        location: String,
        /// As the server describes them.
        things: Vec<String>,
    },
}

fn listed(things: &[impl fmt::Display]) -> String {
    things.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}

impl Site {
    /// All that is against `action`, given what there is. Nothing is against it where there is nothing.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn refusals(&self, facts: &Facts, action: Action, force: bool) -> anyhow::Result<Vec<Refusal>> {
        if !facts.exists {
            return Ok(Vec::new());
        }
        let (plugin, location) = (self.plugin(), self.plan.info().location);
        let mut refusals = Vec::new();
        match &facts.stamp {
            Stamp::None => {
                let backstage = facts.tables.iter().any(|it| it.schema.is_none() && it.name == "knex_migrations");
                refusals.push(Refusal::Unstamped { plugin, location: location.clone(), backstage });
            }
            Stamp::Other(owner) => {
                let (location, owner) = (location.clone(), owner.clone());
                refusals.push(Refusal::OtherPlugins { plugin, location, owner });
            }
            Stamp::Row => {
                // It speaks for the schema that it is in.
                let others = facts.tables.iter().filter(|it| it.schema.is_some());
                let tables: Vec<_> = others.map(ToString::to_string).collect();
                if !tables.is_empty() {
                    refusals.push(Refusal::OtherSchemas { plugin, location: location.clone(), tables });
                }
            }
            Stamp::Comment => {}
        }
        if let Some(sql) = self.sql_of_others().filter(|_| action == Action::Drop) {
            refusals.push(Refusal::NotMadeHere { plugin, location: location.clone(), sql });
        }
        let processes = self.file().is_some();
        if !facts.sessions.is_empty() && (processes || !force) {
            let (location, sessions) = (location.clone(), facts.sessions.clone());
            refusals.push(Refusal::InUse { plugin, location, sessions, processes });
        }
        let things = match &self.plan.engine {
            EnginePlan::Sqlite(_) => Vec::new(),
            EnginePlan::Postgres(plan) => postgres::dependents(self, plan, facts, action).await?,
            EnginePlan::MySql(plan) => of_mysql::dependents(self, plan).await?,
        };
        if !things.is_empty() {
            refusals.push(Refusal::Dependents { plugin, location, things });
        }
        Ok(refusals)
    }

    /// What drops it, where that is an administrator's to do.
    fn sql_of_others(&self) -> Option<String> {
        match &self.plan.engine {
            EnginePlan::Sqlite(_) => None,
            EnginePlan::Postgres(plan) => match &plan.schema {
                Some(schema) => (!plan.ensure.schema).then(|| format!("DROP SCHEMA {} CASCADE", quoted(schema))),
                None => {
                    (!plan.ensure.database).then(|| format!("DROP DATABASE {}", quoted(plan.migrations_database())))
                }
            },
            EnginePlan::MySql(plan) => {
                (!plan.ensure_exists).then(|| format!("DROP DATABASE {}", mysql::quoted(&plan.database)))
            }
        }
    }
}
