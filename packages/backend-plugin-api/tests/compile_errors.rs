//! What rustc says to a plugin author who got something wrong.
//!
//! The words are those of the compiler that is the workspace's `rust-version`; others may say it
//! otherwise. After a change of that version, or of a message of ours, run
//! `TRYBUILD=overwrite cargo test -p backend-plugin-api --test compile_errors` and read what changed.

use std::process::Command;

#[test]
fn a_mistake_is_named_where_it_was_made() {
    let words_of = concat!("rustc ", env!("CARGO_PKG_RUST_VERSION"), ".");
    let rustc = Command::new("rustc").arg("--version").output().expect("cargo found it, too").stdout;
    let rustc = String::from_utf8_lossy(&rustc);
    if rustc.starts_with(words_of) {
        trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
    }
}
