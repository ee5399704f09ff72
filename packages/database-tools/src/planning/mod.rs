//! What a start would make and run, and the SQL by which an administrator makes it instead.
//!
//! ```text
//! Site::outlook ──> Outlook: what is missing, which migrations are pending      asks the servers
//! plans ──> Script: a part for each server, with the least privileges           asks nobody
//!             └── Site's servers say what is there ──> the rest of it           `Script::missing`
//! ```

mod create;
mod minimal;
mod mysql;
mod outlook;
mod postgres;
mod script;
mod text;

pub(crate) use mysql::PRIVILEGES as MYSQL_PRIVILEGES;
pub use outlook::{Gap, Missing, Outlook};
pub(crate) use postgres::{People, has_rows, may_take};
pub use script::{Part, Piece, Script, Section, Unless, Wanted};

/// What the config has to say with all of it made.
fn script_config_note(makes: bool) -> String {
    match makes {
        true => "Then set `backend.database.ensureExists: false` in the config: the backend makes nothing itself.",
        false => "The config says `ensureExists: false`: the backend makes nothing itself.",
    }
    .to_owned()
}
