use std::fmt;
use std::sync::Arc;

use anyhow::Context as _;
use backend_app_api::MigrationReport;
use backend_defaults::database::EnginePlan;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, spawn_blocking};

use super::processes::OpenFiles;
use super::{Stamp, mysql, postgres, sqlite};
use crate::Site;

/// How many databases are looked at at the same time.
const AT_ONCE: usize = 16;
/// Up to so many rows of a table are counted; what has more is estimated.
pub(super) const COUNTED: u64 = 100_000;

/// What there is of a plugin's database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Whether there is the database, and in schema mode the schema. What is in memory is not.
    pub exists: bool,
    /// On the disk, with indexes.
    pub bytes: u64,
    /// The plugin's, by name.
    pub tables: Vec<TableFacts>,
    /// The host's, `greenroom_*`.
    pub host_tables: Vec<TableFacts>,
    /// Who uses it, but for these tools. SQLite: processes that have the file open, as far as can be seen. PostgreSQL's
    /// sessions belong to a database: to a schema, those that have the plugin's application name or a lock there.
    pub sessions: Vec<OtherSession>,
    /// How it and this backend compare.
    pub migrations: MigrationReport,
    /// Whether it is Greenroom's.
    pub stamp: Stamp,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFacts {
    /// Where it is, if not where the plugin's tables are.
    pub schema: Option<String>,
    /// Its name.
    pub name: String,
    /// How many it has.
    pub rows: u64,
    /// Whether they were counted, not estimated.
    pub exact: bool,
}

/// A session of somebody else, or a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherSession {
    /// Of the process; MySQL: of the connection.
    pub id: i64,
    /// What it calls itself; of a process, its name.
    pub application: Option<String>,
    /// As whom.
    pub user: Option<String>,
    /// From where.
    pub address: Option<String>,
}

/// How rows are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counting {
    /// Exactly up to 100,000 a table; what has more is estimated, by the server.
    #[default]
    Bounded,
    /// Exactly.
    Exact,
}

impl Counting {
    /// The most rows that are counted.
    pub(super) fn limit(self) -> Option<u64> {
        match self {
            Self::Bounded => Some(COUNTED + 1),
            Self::Exact => None,
        }
    }

    /// The rows of a table, by what was counted of them.
    pub(super) fn rows(self, counted: u64, estimate: u64) -> (u64, bool) {
        match self {
            Self::Bounded if counted > COUNTED => (estimate.max(counted), false),
            _ => (counted, true),
        }
    }
}

impl Facts {
    /// Of the plugin's tables, and whether they were counted.
    pub fn rows(&self) -> (u64, bool) {
        (self.tables.iter().map(|it| it.rows).sum(), self.tables.iter().all(|it| it.exact))
    }

    /// Of what is not there: all migrations are pending.
    pub(super) async fn missing(site: &Site) -> Self {
        Self { migrations: site.migrator().compare(Vec::new()).await, ..Self::default() }
    }

    pub(super) fn sort_in(&mut self, table: TableFacts) {
        match table.schema.is_none() && table.name.starts_with("greenroom_") {
            true => self.host_tables.push(table),
            false => self.tables.push(table),
        }
    }
}

impl fmt::Display for TableFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl fmt::Display for OtherSession {
    /// E.g. ``pid 71, application `psql`, user `me`, from 10.0.0.7``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {}", self.id)?;
        for (what, value) in [("application", &self.application), ("user", &self.user)] {
            if let Some(value) = value.as_ref().filter(|it| !it.is_empty()) {
                write!(f, ", {what} `{value}`")?;
            }
        }
        self.address.as_ref().map_or(Ok(()), |address| write!(f, ", from {address}"))
    }
}

impl Site {
    /// What there is. One connection, and two or three round trips.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn facts(&self, counting: Counting) -> anyhow::Result<Facts> {
        let open = match self.file() {
            Some(_) => spawn_blocking(OpenFiles::look).await?,
            None => OpenFiles::default(),
        };
        self.facts_with(counting, &open).await
    }

    async fn facts_with(&self, counting: Counting, open: &OpenFiles) -> anyhow::Result<Facts> {
        let facts = match &self.plan.engine {
            EnginePlan::Sqlite(_) => sqlite::facts(self, counting, open).await,
            EnginePlan::Postgres(plan) => postgres::facts(self, plan, counting).await,
            EnginePlan::MySql(plan) => mysql::facts(self, plan, counting).await,
        };
        facts.with_context(|| format!("cannot read the database of `{}`", self.plugin()))
    }
}

/// What there is of several, in their order; all are asked at the same time.
pub async fn facts_of_all(sites: &[Site], counting: Counting) -> Vec<anyhow::Result<Facts>> {
    let has_files = sites.iter().any(|it| it.file().is_some());
    let open = match has_files {
        true => spawn_blocking(OpenFiles::look).await.unwrap_or_default(),
        false => OpenFiles::default(),
    };
    let (open, turns) = (Arc::new(open), Arc::new(Semaphore::new(AT_ONCE)));
    let mut tasks = JoinSet::new();
    for (index, site) in sites.iter().cloned().enumerate() {
        let (open, turns) = (Arc::clone(&open), Arc::clone(&turns));
        tasks.spawn(async move {
            // Never closed.
            let _turn = turns.acquire().await;
            (index, site.facts_with(counting, &open).await)
        });
    }
    let mut facts: Vec<_> =
        sites.iter().map(|it| Err(anyhow::anyhow!("looking at `{}` panicked", it.plugin()))).collect();
    while let Some(done) = tasks.join_next().await {
        if let Ok((index, found)) = done {
            facts[index] = found;
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_told_by_what_is_known_of_it() {
        let text = |it: &str| Some(it.to_owned());
        let session = OtherSession { id: 71, application: text("psql"), user: text("me"), address: text("10.0.0.7") };
        assert_eq!(session.to_string(), "pid 71, application `psql`, user `me`, from 10.0.0.7");
        let session = OtherSession { id: 71, application: text(""), user: None, address: None };
        assert_eq!(session.to_string(), "pid 71");
    }

    #[test]
    fn many_rows_are_estimated() {
        assert_eq!(Counting::Bounded.rows(100_000, 7), (100_000, true));
        assert_eq!(Counting::Bounded.rows(100_001, 2_000_000), (2_000_000, false));
        assert_eq!(Counting::Bounded.rows(100_001, 0), (100_001, false));
        assert_eq!(Counting::Exact.rows(2_000_001, 5), (2_000_001, true));
    }
}
