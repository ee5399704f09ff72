//! Against real servers and files.
#![expect(clippy::unwrap_used, reason = "tests")]

mod facts;
mod fixture;
mod planning;
mod sample;
mod scratch;
