//! PostgreSQL: what an administrator has to make.
//!
//! **Who is who**: the *login* connects for the plugin; the *migrator* (`migrationConnection`, else the login) makes
//! tables; the *owner* is whose database or schema it is: the `role` that both take, else the migrator; the *worker* reads
//! and writes: the role, else the login. A worker who is not the owner gets rows, and no tables of its own.

use std::collections::BTreeSet;

use backend_defaults::database::postgres::{grants, literal, quoted, stamp};
use backend_defaults::database::{DatabasePlan, PostgresPlan};

use super::{Part, Piece, Section, Unless, Wanted};

/// Who is who for one plugin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct People<'a> {
    pub(crate) login: &'a str,
    pub(crate) migrator: &'a str,
    pub(crate) owner: &'a str,
    pub(crate) worker: &'a str,
}

impl<'a> People<'a> {
    pub(crate) fn of(plan: &'a PostgresPlan) -> Self {
        let login = plan.server.login.user.as_str();
        let migrator = plan.direct.as_ref().map_or(login, |it| it.server.login.user.as_str());
        let (owner, worker) = (plan.role.as_deref().unwrap_or(migrator), plan.role.as_deref().unwrap_or(login));
        Self { login, migrator, owner, worker }
    }

    /// Who connects. Nobody, where a private server has its one user.
    pub(crate) fn logins(self) -> BTreeSet<&'a str> {
        [self.login, self.migrator].into_iter().filter(|it| !it.is_empty()).collect()
    }
}

/// The server that is to run it: past the pooler, where there is a way.
pub(super) fn server(plan: &PostgresPlan) -> String {
    match (&plan.embedded, &plan.direct) {
        (Some(directory), _) => directory.display().to_string(),
        (None, Some(direct)) => direct.server.to_string(),
        (None, None) => plan.server.to_string(),
    }
}

pub(super) fn part(server: &str, plugins: &[(&Wanted, &PostgresPlan)]) -> Part {
    if plugins.iter().any(|(_, plan)| plan.embedded.is_some()) {
        let head = format!("PostgreSQL in {server}: the backend runs it itself, and makes all there.");
        return Part { head: vec![head], sections: Vec::new(), of: None };
    }
    let mut maker = Maker::default();
    let mut sections = vec![maker.logins(plugins), maker.shared_databases(plugins)];
    sections.extend(plugins.iter().map(|(wanted, plan)| maker.plugin(wanted, plan)));
    sections.retain(|it| !it.pieces.is_empty());
    Part { head: head(server, plugins), sections, of: plugins.first().map(|(wanted, _)| wanted.plan.clone()) }
}

fn head(server: &str, plugins: &[(&Wanted, &PostgresPlan)]) -> Vec<String> {
    let any = |is: fn(&PostgresPlan) -> bool| plugins.iter().any(|(_, plan)| is(plan));
    let mode = match any(|it| it.schema.is_some()) {
        true => "a schema for each plugin, in one database",
        false => "a database for each plugin",
    };
    let isolated = if any(|it| it.isolated) { ", each with a role of its own" } else { "" };
    let mut head = vec![
        format!("PostgreSQL server {server}: {mode}{isolated}."),
        "To be run by a superuser: psql -v ON_ERROR_STOP=1 -f <this file>".to_owned(),
    ];
    head.push(super::script_config_note(any(|it| it.ensure.database || it.ensure.schema)));
    if let Some((_, plan)) = plugins.iter().find(|(_, plan)| plan.pooler.is_some()) {
        let users: BTreeSet<_> = plugins.iter().map(|(_, it)| quoted(&it.server.login.user)).collect();
        let users = users.into_iter().collect::<Vec<_>>().join(", ");
        head.push(match &plan.direct {
            Some(_) => format!("The pooler {} has to let in {users}, to each of these databases.", plan.server),
            None => {
                format!("{} is a pooler, which has to let in {users}: run this on the server behind it.", plan.server)
            }
        });
    }
    head
}

/// What was said already.
#[derive(Default)]
struct Maker {
    roles: BTreeSet<String>,
    extensions: BTreeSet<(String, String)>,
}

impl Maker {
    fn logins(&mut self, plugins: &[(&Wanted, &PostgresPlan)]) -> Section {
        let users: BTreeSet<_> = plugins.iter().flat_map(|(_, plan)| People::of(plan).logins()).collect();
        let mut head = vec![match users.len() {
            1 => "Who connects. To set its password:".to_owned(),
            _ => "Who connects. To set their passwords:".to_owned(),
        }];
        head.extend(users.iter().map(|it| format!("  \\password {}", quoted(it))));
        let mut pieces: Vec<_> = users.iter().map(|it| role(it, "LOGIN", None)).collect();
        self.roles.extend(users.iter().map(|it| (*it).to_owned()));
        for (_, plan) in plugins.iter().filter(|(_, plan)| !plan.isolated) {
            pieces.extend(self.role(plan, None));
        }
        Section { head, pieces }
    }

    /// The role of a plan, and who may take it.
    fn role(&mut self, plan: &PostgresPlan, plugin: Option<&DatabasePlan>) -> Vec<Piece> {
        let Some(name) = &plan.role else { return Vec::new() };
        let mut pieces = Vec::new();
        if self.roles.insert(name.clone()) {
            pieces.push(role(name, "NOLOGIN", plugin.map(|it| it.plugin.as_str())));
        }
        for login in People::of(plan).logins().into_iter().filter(|it| it != name) {
            // A name has no line break in it that could be mistaken for this.
            if self.roles.insert(format!("{name}\n{login}")) {
                pieces.push(membership(name, login));
            }
        }
        pieces
    }

    /// Those that several plugins have schemas in.
    fn shared_databases(&self, plugins: &[(&Wanted, &PostgresPlan)]) -> Section {
        let shared = || plugins.iter().filter(|(_, plan)| plan.schema.is_some());
        let databases: BTreeSet<_> = shared().map(|(_, plan)| plan.migrations_database()).collect();
        let mut pieces = Vec::new();
        for name in databases {
            let users: BTreeSet<_> = shared()
                .filter(|(_, plan)| plan.migrations_database() == name)
                .flat_map(|(_, plan)| People::of(plan).logins())
                .collect();
            pieces.push(database(name, None, None));
            pieces.extend(users.iter().map(|it| connect(name, it)));
            pieces.push(Piece {
                database: Some(name.to_owned()),
                sql: vec!["REVOKE ALL ON SCHEMA public FROM PUBLIC".to_owned()],
                unless: Unless::Database(name.to_owned()),
            });
        }
        Section { head: vec!["The database that all have their schemas in.".to_owned()], pieces }
    }

    fn plugin(&mut self, wanted: &Wanted, plan: &PostgresPlan) -> Section {
        let plugin = &wanted.plan;
        let name = plan.migrations_database();
        let People { owner, worker, .. } = People::of(plan);
        let mut pieces = if plan.isolated { self.role(plan, Some(plugin)) } else { Vec::new() };
        let schema = match &plan.schema {
            Some(schema) => {
                let comment = literal(&stamp(Some(plugin.plugin.as_str())));
                let sql = vec![
                    grants::create_schema(&quoted(schema), &quoted(owner)),
                    format!("COMMENT ON SCHEMA {} IS {comment}", quoted(schema)),
                ];
                let holds = format!("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = {})", literal(schema));
                pieces.push(Piece { database: Some(name.to_owned()), sql, unless: Unless::Holds(holds) });
                schema
            }
            None => {
                pieces.push(database(name, Some(owner), Some(plugin.plugin.as_str())));
                pieces.extend(
                    People::of(plan).logins().into_iter().filter(|it| *it != owner).map(|it| connect(name, it)),
                );
                "public"
            }
        };
        pieces.push(tables(name, schema, owner));
        for extension in &wanted.extensions {
            if self.extensions.insert((name.to_owned(), extension.clone())) {
                pieces.push(create_extension(name, extension, plan.schema.as_deref()));
            }
        }
        if worker != owner {
            pieces.extend(rows(name, schema, owner, worker));
        }
        Section { head: vec![format!("Plugin `{}`.", plugin.plugin)], pieces }
    }
}

fn role(name: &str, login: &str, plugin: Option<&str>) -> Piece {
    let mut sql = vec![format!("CREATE ROLE {} {login}", quoted(name))];
    sql.extend(plugin.map(|it| format!("COMMENT ON ROLE {} IS {}", quoted(name), literal(&stamp(Some(it))))));
    let holds = format!("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = {})", literal(name));
    Piece { database: None, sql, unless: Unless::Holds(holds) }
}

fn membership(role: &str, login: &str) -> Piece {
    let holds = format!("SELECT {}", may_take(login, role));
    let sql = vec![grants::role(&quoted(role), &quoted(login))];
    Piece { database: None, sql, unless: Unless::Holds(holds) }
}

/// SQL for whether `login` may take `role`. Since PostgreSQL 16 it is `SET` that counts, which `GRANT` gives.
pub(crate) fn may_take(login: &str, role: &str) -> String {
    let kind = "CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END";
    format!("pg_has_role({}, {}, {kind})", literal(login), literal(role))
}

/// By default everybody may connect, and make temporary tables.
fn database(name: &str, owner: Option<&str>, plugin: Option<&str>) -> Piece {
    let sql = vec![
        match owner {
            Some(owner) => grants::create_database(&quoted(name), &quoted(owner)),
            None => format!("CREATE DATABASE {}", quoted(name)),
        },
        format!("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC", quoted(name)),
        format!("COMMENT ON DATABASE {} IS {}", quoted(name), literal(&stamp(plugin))),
    ];
    Piece { database: None, sql, unless: Unless::Database(name.to_owned()) }
}

fn connect(database: &str, login: &str) -> Piece {
    let holds = format!("SELECT has_database_privilege({}, {}, 'CONNECT')", literal(login), literal(database));
    let sql = vec![grants::connect(&quoted(database), &quoted(login))];
    Piece { database: None, sql, unless: Unless::Holds(holds) }
}

/// The owner of a database or schema needs none of this.
fn tables(database: &str, schema: &str, owner: &str) -> Piece {
    let has = |what| format!("has_schema_privilege({}, nspname, '{what}')", literal(owner));
    let holds = format!(
        "SELECT NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = {} AND NOT ({} AND {}))",
        literal(schema),
        has("USAGE"),
        has("CREATE")
    );
    let sql = vec![grants::use_and_make_tables(&quoted(schema), &quoted(owner))];
    Piece { database: Some(database.to_owned()), sql, unless: Unless::NewOrHolds(holds) }
}

/// Where a start would make it: in the first schema of the search path.
fn create_extension(database: &str, name: &str, schema: Option<&str>) -> Piece {
    let schema = schema.map(|it| format!(" SCHEMA {}", quoted(it))).unwrap_or_default();
    let holds = format!("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = {})", literal(name));
    let sql = vec![format!("{}{schema}", grants::create_extension(name))];
    Piece { database: Some(database.to_owned()), sql, unless: Unless::Holds(holds) }
}

/// What `worker` needs to read and write the rows of tables that `owner` makes, now and later.
fn rows(database: &str, schema: &str, owner: &str, worker: &str) -> [Piece; 3] {
    let (schema_raw, worker_raw) = (schema, worker);
    let (schema_name, worker_name) = (literal(schema), literal(worker));
    let (schema, owner, worker) = (quoted(schema), quoted(owner), quoted(worker));
    let piece =
        |sql: Vec<String>, holds| Piece { database: Some(database.to_owned()), sql, unless: Unless::Holds(holds) };
    let given_by_default = |kind: char, privileges: &[&str]| {
        format!(
            "(SELECT count(DISTINCT acl.privilege_type) = {} FROM pg_default_acl d \
             CROSS JOIN aclexplode(d.defaclacl) acl WHERE d.defaclrole = {}::regrole \
             AND d.defaclnamespace = {}::regnamespace AND d.defaclobjtype = '{kind}' \
             AND acl.grantee = {}::regrole AND acl.privilege_type IN ('{}'))",
            privileges.len(),
            literal(&owner),
            literal(&schema),
            literal(&worker),
            privileges.join("', '")
        )
    };
    let (has_tables, has_sequences) = has_rows(schema_raw, worker_raw);
    let (on_tables, on_sequences) = (["SELECT", "INSERT", "UPDATE", "DELETE"], ["USAGE"]);
    let default = format!("ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} GRANT");
    [
        piece(
            vec![grants::use_schema(&schema, &worker)],
            format!("SELECT has_schema_privilege({worker_name}, {schema_name}, 'USAGE')"),
        ),
        piece(
            vec![
                format!("{default} {} ON TABLES TO {worker}", on_tables.join(", ")),
                format!("{default} {} ON SEQUENCES TO {worker}", on_sequences.join(", ")),
            ],
            format!("SELECT {} AND {}", given_by_default('r', &on_tables), given_by_default('S', &on_sequences)),
        ),
        // For tables that are there already.
        piece(
            vec![grants::rows(&schema, &worker), grants::sequences(&schema, &worker)],
            format!("SELECT {has_tables} AND {has_sequences}"),
        ),
    ]
}

/// SQL for whether `worker` may read and write the rows of all tables of the schema, and take numbers of all sequences.
pub(crate) fn has_rows(schema: &str, worker: &str) -> (String, String) {
    let given_on_all = |kinds: &str, privileges: &[&str], function: &str| {
        let has: Vec<_> =
            privileges.iter().map(|it| format!("{function}({}, c.oid, '{it}')", literal(worker))).collect();
        format!(
            "NOT EXISTS (SELECT FROM pg_class c WHERE CASE WHEN c.relnamespace = {}::regnamespace \
             AND c.relkind IN ({kinds}) THEN NOT ({}) ELSE false END)",
            literal(&quoted(schema)),
            has.join(" AND ")
        )
    };
    let tables =
        given_on_all("'r', 'p', 'v', 'm', 'f'", &["SELECT", "INSERT", "UPDATE", "DELETE"], "has_table_privilege");
    (tables, given_on_all("'S'", &["USAGE"], "has_sequence_privilege"))
}
