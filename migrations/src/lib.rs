#![doc = include_str!("../README.md")]

mod m20260101_000001_stamp;

use sea_orm_migration::MigrationTrait;

pub use m20260101_000001_stamp::{stamp_row, stamp_table};

/// The host's migrations of the database of `plugin`, oldest first.
pub fn migrations(plugin: &'static str) -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(m20260101_000001_stamp::Migration { plugin })]
}
