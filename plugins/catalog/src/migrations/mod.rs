//! The tables, named as Backstage's. They are the same on every engine.

mod m20260101_create_catalog;

use backend_plugin_api::Migrations;

pub(crate) fn all() -> Migrations {
    vec![Box::new(m20260101_create_catalog::Migration)]
}
