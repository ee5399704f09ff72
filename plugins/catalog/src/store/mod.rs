//! The catalog's tables: what is read from them and written to them.

mod read;
mod write;

use backend_plugin_api::services::Database;

pub(crate) use read::{Order, OrderBy, Selection};
pub(crate) use write::Changes;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    database: Database,
}

impl Store {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }
}
