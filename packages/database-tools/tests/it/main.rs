//! Against real servers and files.
#![expect(clippy::unwrap_used, reason = "tests")]

mod destroy;
mod facts;
mod fixture;
mod orphans;
mod planning;
mod sample;
mod scratch;
