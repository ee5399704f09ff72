//! The container, seen as a backend author sees it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod check;
mod fixtures;
mod modules;
mod services;
mod shutdown;
mod start;
