mod m20260101_000001_create_todos;

use backend_plugin_api::Migrations;

/// Oldest first. One that was released is never changed: another is added.
pub(crate) fn all() -> Migrations {
    vec![Box::new(m20260101_000001_create_todos::Migration)]
}
