//! From documents to entities: what is valid, allowed and said only once, and which further locations it names.

mod collect;
pub(crate) mod rules;

pub(crate) use collect::{Found, Reference, Source, collect};
