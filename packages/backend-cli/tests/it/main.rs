//! The command line around plugins that do what they should not.
#![expect(clippy::unwrap_used, reason = "tests")]

mod secrets;
