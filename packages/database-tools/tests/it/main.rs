//! Against real servers and files.
#![expect(clippy::unwrap_used, reason = "tests")]

mod backup;
mod copy;
mod destroy;
mod drift;
mod facts;
mod fixture;
mod mysql;
mod orphans;
mod planning;
mod rows;
mod sample;
mod scratch;
mod shell;
