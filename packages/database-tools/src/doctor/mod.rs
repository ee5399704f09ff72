//! What is wrong, or will be, with servers, rights and files. Nothing is changed.
//!
//! ```text
//! sites ──by server──> one connection for what is the server's, one for each plugin's database ──┐
//!       ──by file────> what SQLite and the file system say ──────────────────────────────────────┼──> Diagnosis
//!       ──all────────> what this process may open ───────────────────────────────────────────────┘
//! ```
//!
//! Servers are asked by text alone, without prepared statements: there may be a pooler that nobody knows of.

mod clock;
mod disk;
mod encoding;
mod encryption;
mod examine;
mod files;
mod finding;
mod handles;
mod limits;
mod mysql;
mod pooler;
mod postgres;
mod privileges;
mod reach;
mod version;

pub use examine::examine;
pub use finding::{Diagnosis, Finding, Severity};
