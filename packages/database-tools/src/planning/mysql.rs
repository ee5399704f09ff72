//! MySQL and MariaDB: what an administrator has to make.

use std::collections::BTreeSet;

use backend_defaults::database::MySqlPlan;
use backend_defaults::database::mysql::{pattern, quoted};

use super::{Part, Piece, Section, Unless, Wanted};

/// What migrations and work need. `REFERENCES` is for foreign keys.
pub(crate) const PRIVILEGES: [&str; 9] =
    ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "INDEX", "REFERENCES"];

pub(super) fn part(server: &str, plugins: &[(&Wanted, &MySqlPlan)]) -> Part {
    let makes = plugins.iter().any(|(_, plan)| plan.ensure_exists);
    let head = vec![
        format!("MySQL server {server}: a database for each plugin."),
        "To be run by an administrator: mysql < <this file>".to_owned(),
        super::script_config_note(makes),
    ];
    let users: BTreeSet<_> = plugins.iter().map(|(_, plan)| plan.server.login.user.as_str()).collect();
    let mut sections = vec![logins(&users)];
    sections.extend(plugins.iter().map(|(wanted, plan)| plugin(wanted, plan)));
    Part { head, sections, of: plugins.first().map(|(wanted, _)| wanted.plan.clone()) }
}

/// An account without a password lets everybody in, so that it is locked until it has one.
fn logins(users: &BTreeSet<&str>) -> Section {
    let mut head = vec!["Who connects, from any host. To set a password, and let it in:".to_owned()];
    head.extend(
        users.iter().map(|it| format!("  ALTER USER {} IDENTIFIED BY '<password>' ACCOUNT UNLOCK;", account(it))),
    );
    let pieces = users.iter().map(|user| Piece {
        database: None,
        sql: vec![format!("CREATE USER IF NOT EXISTS {} ACCOUNT LOCK", account(user))],
        unless: Unless::Holds(format!("SELECT EXISTS (SELECT 1 FROM mysql.user WHERE user = {})", literal(user))),
    });
    Section { head, pieces: pieces.collect() }
}

fn plugin(wanted: &Wanted, plan: &MySqlPlan) -> Section {
    let (database, pattern) = (&plan.database, pattern(&plan.database));
    let account = account(&plan.server.login.user);
    let create = Piece {
        database: None,
        sql: vec![format!("CREATE DATABASE {} CHARACTER SET utf8mb4", quoted(database))],
        unless: Unless::Holds(format!(
            "SELECT EXISTS (SELECT 1 FROM information_schema.schemata WHERE schema_name = {})",
            literal(database)
        )),
    };
    let listed = PRIVILEGES.map(|it| format!("'{it}'")).join(", ");
    let grant = Piece {
        database: None,
        sql: vec![format!("GRANT {} ON {}.* TO {account}", PRIVILEGES.join(", "), quoted(&pattern))],
        // Of any host's account of that name.
        unless: Unless::Holds(format!(
            "SELECT EXISTS (SELECT grantee FROM information_schema.schema_privileges WHERE {} LIKE table_schema \
             AND grantee LIKE {} AND privilege_type IN ({listed}) GROUP BY grantee, table_schema \
             HAVING COUNT(DISTINCT privilege_type) = {})",
            literal(database),
            literal(&format!("'{}'@%", like(&plan.server.login.user))),
            PRIVILEGES.len()
        )),
    };
    Section { head: vec![format!("Plugin `{}`.", wanted.plan.plugin)], pieces: vec![create, grant] }
}

fn account(user: &str) -> String {
    format!("{}@'%'", literal(user))
}

/// A text in single quotes, whatever `sql_mode` says of backslashes in names, which have none.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

fn like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%")
}
