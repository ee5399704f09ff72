use std::fmt;

use sea_orm::DbBackend;
use sea_orm_migration::MigrationTrait;

/// Whose migrations: those of the host come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MigrationList {
    /// The host's, of its own tables.
    Host,
    /// The plugin's.
    Plugin,
}

impl MigrationList {
    /// As it stands in the history.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Plugin => "plugin",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Host, Self::Plugin].into_iter().find(|it| it.as_str() == text)
    }
}

/// Which migration. Shown as `` `m20260101_000001_what` ``.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MigrationId {
    /// Whose.
    pub list: MigrationList,
    /// Its name.
    pub version: String,
}

impl fmt::Display for MigrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.list {
            MigrationList::Host => write!(f, "`{}` (of the host)", self.version),
            MigrationList::Plugin => write!(f, "`{}`", self.version),
        }
    }
}

/// `` `a`, `b` and `c` ``.
pub(super) fn enumerate<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|it| it.to_string()).collect();
    match items.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A migration of this backend.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) list: MigrationList,
    pub(super) migration: &'a dyn MigrationTrait,
}

impl Step<'_> {
    pub(super) fn id(&self) -> MigrationId {
        MigrationId { list: self.list, version: self.migration.name().to_owned() }
    }

    /// Whether it runs in a transaction, together with its row in the history. MySQL ends a
    /// transaction at each `CREATE` and `ALTER`, so that there it is for the step to say.
    pub(super) fn in_transaction(&self, backend: DbBackend) -> bool {
        self.migration.use_transaction().unwrap_or(backend != DbBackend::MySql)
    }
}
