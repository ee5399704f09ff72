//! Plugins' rows in a folder: compressed, with checksums, the same whatever engine they come from.
//!
//! ```text
//! <folder>/manifest.json            what is in it: written last, so that a folder without it is no backup
//! <folder>/<plugin>/<table>.jsonl.zst   a line a row: a JSON array of the values of the manifest's columns that are
//!                                       not `generated`, in their order; compressed by Zstandard
//! ```
//!
//! | kind | written as |
//! |---|---|
//! | any | `null` where there is none |
//! | `bool` | `true`, `false` |
//! | `int` | a number; a string beyond ±2^53, which not all readers of JSON keep exactly |
//! | `real` | a number; `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | `decimal`, `text`, `char`, `other` | a string |
//! | `bytes` | a string: base64 |
//! | `date`, `time` | `"2026-01-31"`, `"23:59:59.123456"` |
//! | `timestamp` | `"2026-01-31T23:59:59.123456"`, with `Z` if `zoned` |
//! | `json` | a string: the JSON as it was written |
//! | `uuid` | `"00112233-4455-6677-8899-aabbccddeeff"` |
//! | `any` (SQLite) | a number with or without a point, a string, `{"bytes": base64}`, `{"real": "Infinity"}` |

mod cell;
mod error;
mod folder;
mod manifest;
mod restore;
mod snapshot;
mod source;
mod table_file;
mod verify;
mod write;

pub use error::{BackupError, Failures};
pub use manifest::{Backup, Manifest, PluginBackup, TableBackup};
pub use restore::{RestoreProgress, Restored, restore};
pub use verify::verify;
pub use write::{BackUpProgress, BackedUp, back_up};
