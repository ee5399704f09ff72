//! What is stamped as that of a plugin that is not installed, and what scratch databases were left.

mod mysql;
mod postgres;
mod remove;
mod sqlite;

use std::collections::BTreeSet;
use std::fmt;

use backend_defaults::database::{DatabasePlan, EnginePlan};
use backend_plugin_api::PluginId;

use crate::Site;
use crate::inspect::{Counting, OtherSession};
use crate::scratch::PREFIX;

/// What this config would call what is a plugin's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// `backend.database.prefix`: of databases and roles.
    pub prefix: String,
    /// `backend.database.schemaPrefix`.
    pub schema_prefix: String,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// By server and name.
    pub orphans: Vec<Orphan>,
    /// What could not be looked at, and why.
    pub problems: Vec<String>,
}

/// Something that no plugin uses.
#[derive(Clone, Debug)]
pub struct Orphan {
    /// What it is.
    pub kind: Kind,
    /// What it is called, on its server; of a schema, its own name; of a file, its path.
    pub name: String,
    /// The plugin that it was made for, as it says.
    pub plugin: String,
    /// Why it is one.
    pub standing: Standing,
    /// On the disk. Not known of roles, and of another prefix.
    pub bytes: Option<u64>,
    /// How many, and whether they were counted. As `bytes`.
    pub rows: Option<(u64, bool)>,
    /// Who uses it.
    pub sessions: Vec<OtherSession>,
    /// It, as if it were a plugin's: with the server, and in what database a schema is.
    pub(crate) site: Site,
}

/// What may be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// On a server.
    Database,
    /// Of PostgreSQL.
    Schema,
    /// Of PostgreSQL, a plugin's own.
    Role,
    /// Of SQLite.
    File,
}

/// Why something is an orphan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its plugin is not installed, and its name is what this config would give to it.
    Orphan,
    /// Its plugin is not installed here. Its name is another than this config would give, so that it may be that of
    /// another installation: it is not dropped.
    OtherPrefix,
    /// It was made for a moment and left: nobody uses it.
    Scratch,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Database => "database",
            Self::Schema => "schema",
            Self::Role => "role",
            Self::File => "file",
        })
    }
}

impl fmt::Display for Orphan {
    /// E.g. ``the schema `old` of `portal` ``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} `{}`", self.kind, self.name)?;
        self.database().map_or(Ok(()), |database| write!(f, " of `{database}`"))
    }
}

impl Orphan {
    /// Where it is, unless it is a file.
    pub fn server(&self) -> Option<String> {
        self.site.plan.server()
    }

    /// In which database a schema is.
    pub fn database(&self) -> Option<&str> {
        match &self.site.plan.engine {
            EnginePlan::Postgres(plan) if self.kind == Kind::Schema => Some(&plan.database),
            _ => None,
        }
    }

    /// Whether it is this installation's to drop.
    pub fn may_be_dropped(&self) -> bool {
        self.standing != Standing::OtherPrefix
    }
}

/// Something that says whose it is, and is perhaps an orphan.
struct Candidate {
    kind: Kind,
    name: String,
    plugin: String,
    standing: Standing,
    site: Site,
}

/// All there are where the plugins of `sites` have their data: on their servers, in their databases, in their folders.
/// Nothing is changed.
pub async fn find(sites: &[Site], installed: &[PluginId], names: &Names) -> Found {
    let search = Search { installed, names };
    let (mut seen, mut found, mut candidates) = (BTreeSet::new(), Found::default(), Vec::new());
    for site in sites {
        let location = |what: &str| format!("{what} of {}", site.plan.server().unwrap_or_default());
        let looked = match &site.plan.engine {
            EnginePlan::Sqlite(_) => match site.file().and_then(|it| it.parent()) {
                Some(folder) if seen.insert(folder.display().to_string()) => {
                    sqlite::candidates(&search, site, folder).await
                }
                _ => continue,
            },
            EnginePlan::Postgres(plan) => {
                let of_server = seen.insert(location("databases"));
                let of_database = plan.schema.is_some() && seen.insert(location(&plan.database));
                postgres::candidates(&search, site, plan, of_server, of_database).await
            }
            EnginePlan::MySql(plan) if seen.insert(location("databases")) => {
                mysql::candidates(&search, site, plan).await
            }
            EnginePlan::MySql(_) => continue,
        };
        match looked {
            Ok(looked) => candidates.extend(looked),
            Err(error) => {
                let place = site.plan.server().unwrap_or_else(|| site.plan.info().location);
                found.problems.push(format!("cannot look for orphans at {place}: {error:#}"));
            }
        }
    }
    for candidate in candidates {
        match candidate.looked_at().await {
            Ok(Some(orphan)) => found.orphans.push(orphan),
            Ok(None) => {}
            Err(error) => found.problems.push(format!("{error:#}")),
        }
    }
    found.orphans.sort_by_key(|it| (it.server(), it.database().map(str::to_owned), it.kind, it.name.clone()));
    found
}

impl Candidate {
    /// `None` for what is none: it is gone meanwhile, or somebody works with it at this moment.
    async fn looked_at(self) -> anyhow::Result<Option<Orphan>> {
        let Self { kind, name, plugin, standing, site } = self;
        let mut orphan = Orphan { kind, name, plugin, standing, bytes: None, rows: None, sessions: Vec::new(), site };
        // Into what may be another installation's nobody looks.
        if kind == Kind::Role || standing == Standing::OtherPrefix {
            return Ok(Some(orphan));
        }
        let facts = orphan.site.facts(Counting::Bounded).await;
        let facts = facts.map_err(|error| anyhow::anyhow!("cannot look at {orphan}: {}", error.root_cause()))?;
        if !facts.exists || (standing == Standing::Scratch && !facts.sessions.is_empty()) {
            return Ok(None);
        }
        (orphan.bytes, orphan.rows, orphan.sessions) = (Some(facts.bytes), Some(facts.rows()), facts.sessions);
        Ok(Some(orphan))
    }
}

/// What is looked for.
struct Search<'a> {
    installed: &'a [PluginId],
    names: &'a Names,
}

impl Search<'_> {
    /// Why something of this name that was made for `plugin` is an orphan, if it is.
    fn standing(&self, kind: Kind, name: &str, plugin: &str) -> Option<Standing> {
        if is_scratch(name) {
            return Some(Standing::Scratch);
        }
        if self.installed.iter().any(|it| it.as_str() == plugin) {
            return None;
        }
        let own = match kind {
            Kind::Database | Kind::Role => format!("{}{plugin}", self.names.prefix),
            Kind::Schema => format!("{}{plugin}", self.names.schema_prefix),
            Kind::File => format!("{plugin}.sqlite"),
        };
        Some(if own == name { Standing::Orphan } else { Standing::OtherPrefix })
    }
}

/// The prefix, and a UUID.
fn is_scratch(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|it| it.len() == 32 && it.bytes().all(|it| it.is_ascii_hexdigit()))
}

/// A database like that of `site`, changed.
fn like(site: &Site, change: impl FnOnce(&mut DatabasePlan)) -> Site {
    let mut plan = site.plan.clone();
    change(&mut plan);
    // By the same connections, which are closed with those of `site`.
    Site { access: site.access.clone(), ..Site::new(plan, site.migrations, &site.manager) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_installation_may_have_made_is_none_of_ours() {
        let names = Names { prefix: "backstage_plugin_".to_owned(), schema_prefix: "p_".to_owned() };
        let search = Search { installed: &[PluginId::new("catalog")], names: &names };
        assert_eq!(search.standing(Kind::Database, "anything", "catalog"), None);
        assert_eq!(search.standing(Kind::Database, "backstage_plugin_old", "old"), Some(Standing::Orphan));
        assert_eq!(search.standing(Kind::Role, "backstage_plugin_old", "old"), Some(Standing::Orphan));
        assert_eq!(search.standing(Kind::Database, "other_old", "old"), Some(Standing::OtherPrefix));
        assert_eq!(search.standing(Kind::Schema, "p_old", "old"), Some(Standing::Orphan));
        assert_eq!(search.standing(Kind::Schema, "old", "old"), Some(Standing::OtherPrefix));
        assert_eq!(search.standing(Kind::File, "old.sqlite", "old"), Some(Standing::Orphan));
        let scratch = format!("{PREFIX}0123456789abcdef0123456789abcdef");
        assert_eq!(search.standing(Kind::Schema, &scratch, "catalog"), Some(Standing::Scratch));
        assert_eq!(search.standing(Kind::Schema, &format!("{PREFIX}mine"), "catalog"), None);
    }
}
