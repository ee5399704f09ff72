//! The SQL by which an administrator makes what plugins need, as values: nothing is asked here.

use std::collections::BTreeMap;

use backend_defaults::database::{DatabasePlan, EnginePlan, MySqlPlan, PostgresPlan, SqlitePlace};

use super::{mysql, postgres};
use crate::Site;

/// What one plugin needs.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What the config says.
    pub plan: DatabasePlan,
    /// PostgreSQL's extensions.
    pub extensions: Vec<String>,
}

/// All that plugins need, a part for each server. Shown as what is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// One after another: SQLite first, then servers by name.
    pub parts: Vec<Part>,
}

/// What is to be run on one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Comments.
    pub head: Vec<String>,
    /// In this order.
    pub sections: Vec<Section>,
    /// Whose plan says how to get to the server; `None` where nothing is to be run.
    pub(super) of: Option<DatabasePlan>,
}

/// What belongs together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Comments.
    pub head: Vec<String>,
    /// In this order.
    pub pieces: Vec<Piece>,
}

/// Statements that are run together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// In which database, if not in any.
    pub database: Option<String>,
    /// Without semicolons.
    pub sql: Vec<String>,
    /// When it need not be run.
    pub unless: Unless,
}

/// When a piece need not be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unless {
    /// When this query says so, asked in the piece's database.
    Holds(String),
    /// When this database was there before: it may be others' too.
    Database(String),
    /// When this query says so, and when the database is new: what is made here has it already.
    NewOrHolds(String),
}

/// A server's plugins.
enum Plugins<'a> {
    Files(Vec<&'a Wanted>),
    Postgres(Vec<(&'a Wanted, &'a PostgresPlan)>),
    MySql(Vec<(&'a Wanted, &'a MySqlPlan)>),
}

impl Wanted {
    /// Of a plugin.
    pub fn of(site: &Site) -> Self {
        let extensions = site.migrations.extensions().iter().map(|it| (*it).to_owned()).collect();
        Self { plan: site.plan.clone(), extensions }
    }
}

impl Script {
    /// For servers that have none of it, with the least privileges for what the plans say, though they may let the backend
    /// make it itself.
    pub fn new(wanted: &[Wanted]) -> Self {
        let Self { parts } = Self::with_all(wanted);
        Self { parts: parts.into_iter().map(Part::on_an_empty_server).collect() }
    }

    pub(super) fn with_all(wanted: &[Wanted]) -> Self {
        let mut servers: BTreeMap<(u8, String), Plugins<'_>> = BTreeMap::new();
        for one in wanted {
            match &one.plan.engine {
                EnginePlan::Sqlite(_) => {
                    let files = servers.entry((0, String::new())).or_insert_with(|| Plugins::Files(Vec::new()));
                    if let Plugins::Files(all) = files {
                        all.push(one);
                    }
                }
                EnginePlan::Postgres(plan) => {
                    let name = postgres::server(plan);
                    let plugins = servers.entry((1, name)).or_insert_with(|| Plugins::Postgres(Vec::new()));
                    if let Plugins::Postgres(all) = plugins {
                        all.push((one, plan));
                    }
                }
                EnginePlan::MySql(plan) => {
                    let name = plan.server.address.to_string();
                    let plugins = servers.entry((2, name)).or_insert_with(|| Plugins::MySql(Vec::new()));
                    if let Plugins::MySql(all) = plugins {
                        all.push((one, plan));
                    }
                }
            }
        }
        let parts = servers.into_iter().map(|((_, name), plugins)| match plugins {
            Plugins::Files(plugins) => files(&plugins),
            Plugins::Postgres(plugins) => postgres::part(&name, &plugins),
            Plugins::MySql(plugins) => mysql::part(&name, &plugins),
        });
        Self { parts: parts.collect() }
    }
}

impl Part {
    /// Whether there is nothing to be run.
    pub fn is_empty(&self) -> bool {
        self.sections.iter().all(|it| it.pieces.is_empty())
    }

    /// Without what is for servers alone that have something already.
    fn on_an_empty_server(mut self) -> Self {
        for section in &mut self.sections {
            section.pieces.retain(|it| !matches!(it.unless, Unless::NewOrHolds(_)));
        }
        self
    }
}

/// There is nothing to be run for SQLite.
fn files(plugins: &[&Wanted]) -> Part {
    let mut head = vec!["SQLite: there is nothing to run.".to_owned()];
    let mut folders = Vec::new();
    for one in plugins {
        let EnginePlan::Sqlite(plan) = &one.plan.engine else { continue };
        let plugin = one.plan.plugin;
        head.push(match &plan.place {
            SqlitePlace::Memory => {
                format!("Plugin `{plugin}` keeps its data in memory, and loses it when the backend stops.")
            }
            SqlitePlace::File(file) => {
                let folder = file.parent().map(|it| it.display().to_string()).unwrap_or_default();
                if !folders.contains(&folder) {
                    folders.push(folder);
                }
                format!("Plugin `{plugin}` has the file {}.", file.display())
            }
        });
    }
    let who = "has to belong to who runs the backend, on a disk of this machine; it is made when it is not there.";
    head.extend(folders.iter().map(|it| format!("The folder {it} {who}")));
    Part { head, sections: Vec::new(), of: None }
}
