#![doc = include_str!("../README.md")]

mod entity;
mod entity_ref;
mod format;
mod kinds;
mod location;
mod mistake;
mod relations;
mod validate;

pub use entity::Entity;
pub use entity_ref::{DEFAULT_NAMESPACE, EntityRef, MAX_REF_LENGTH, RefDefaults, RefError};
pub use kinds::{Field, KINDS, Kind, RelationField, Shape};
pub use location::{LocationRef, LocationRefError};
pub use mistake::{Mistake, Path};
pub use relations::{Emitted, Relation, RelationPair};

/// Names of annotations that the catalog itself reads or writes.
pub mod annotations {
    /// Where the entity was read: `file:/path/to/catalog-info.yaml`.
    pub const LOCATION: &str = "backstage.io/managed-by-location";
    /// The configured location that led to the entity.
    pub const ORIGIN_LOCATION: &str = "backstage.io/managed-by-origin-location";
    /// Where a person can look at the source of the entity.
    pub const VIEW_URL: &str = "backstage.io/view-url";
}
