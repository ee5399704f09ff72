//! Whether there is a pooler on the way that gives each transaction another session.
//!
//! Two connections that are open at the same time have two sessions, and so two processes of the server. If one process
//! answers both, a pooler shares it out. There is no doubt about it then; that it is not seen proves nothing, as with a
//! pooler whose sessions all have others at that moment. `pool_mode = session` is not seen, and needs no setting.

use sqlx::{PgConnection, Row as _};

use super::finding::{About, Finding};

const CHECK: &str = "pooler";
/// How often two connections are compared.
const TRIES: usize = 5;

/// Whether the same process of the server answers both.
pub(super) async fn shares(first: &mut PgConnection, second: &mut PgConnection) -> sqlx::Result<bool> {
    for _ in 0..TRIES {
        if process(first).await? == process(second).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn process(connection: &mut PgConnection) -> sqlx::Result<i32> {
    sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(connection).await?.try_get(0)
}

/// For the way that plugins go.
pub(super) fn of_work(about: &About, shares: bool, declared: bool) -> Finding {
    match (shares, declared) {
        (true, true) => about.ok(CHECK, "in transaction mode, as the config says"),
        (false, true) => about.ok(CHECK, "none seen, and the config says that there is one"),
        (false, false) => about.ok(CHECK, "none seen"),
        (true, false) => {
            undeclared(about, "connections go through one in transaction mode, and the config does not say so")
        }
    }
}

/// For the way that migrations go, if it is another.
pub(super) fn of_migrations(about: &About, shares: bool) -> Option<Finding> {
    let what = "migrations go through one in transaction mode";
    let why = "the lock that keeps two backends from migrating at the same time belongs to a session, which a pooler shares out";
    let mend = "let `backend.database.migrationConnection` name the server itself";
    shares.then(|| about.error(CHECK, what, why, mend))
}

pub(super) fn undeclared(about: &About, what: impl Into<String>) -> Finding {
    about.error(
        CHECK,
        what,
        "settings, locks and prepared statements of one plugin come up in the sessions of others",
        "set `backend.database.pooler: transaction`, and let `migrationConnection` name the server itself",
    )
}
