//! What a role may not do, and the SQL that lets it.

use super::names::quoted;

/// Why a missing object was not made.
#[derive(Debug, thiserror::Error)]
pub(super) enum CannotMake {
    #[error(
        "the database {database} does not exist, and `backend.database.ensureExists` is off: create it by \
         `CREATE DATABASE {database} OWNER {owner}`"
    )]
    NoDatabase { database: String, owner: String },
    #[error(
        "role {user} may not create the database {database}: let a superuser run `ALTER ROLE {user} CREATEDB`, or \
         `CREATE DATABASE {database} OWNER {owner}`; or name who may in `backend.database.admin`"
    )]
    MayNotCreateDatabase { user: String, database: String, owner: String },
    #[error(
        "the schema {schema} does not exist in the database {database}, and `backend.database.ensureExists` is off: \
         create it by `CREATE SCHEMA {schema} AUTHORIZATION {owner}`"
    )]
    NoSchema { schema: String, database: String, owner: String },
    #[error(
        "role {user} may not create the schema {schema}: let the owner of the database run `GRANT CREATE ON DATABASE \
         {database} TO {user}`, or `CREATE SCHEMA {schema} AUTHORIZATION {owner}`"
    )]
    MayNotCreateSchema { user: String, schema: String, database: String, owner: String },
    #[error("role {user} may not give what it creates to {owner}: let a superuser run `GRANT {owner} TO {user}`")]
    MayNotGive { user: String, owner: String },
    #[error(
        "plugin `{plugin}` has no role {role} that it may take (`backend.database.isolation`), and \
         `backend.database.ensureExists` is off: let a superuser run `{sql}`"
    )]
    NoRole { plugin: &'static str, role: String, sql: String },
    #[error(
        "role {user} may not make the role {role} (`backend.database.isolation`): let a superuser run `{sql}`, or \
         `ALTER ROLE {user} CREATEROLE`; or name who may in `backend.database.admin`"
    )]
    MayNotMakeRole { user: String, role: String, sql: String },
    #[error(
        "connections of plugin `{plugin}` run as {who} and not as {role}, which `backend.database.isolation` makes \
         them take when they start: a pooler between here and the server may leave that out"
    )]
    RoleNotTaken { plugin: &'static str, role: String, who: String },
    #[error(
        "role {role} of plugin `{plugin}` is a superuser, to whom the server refuses nothing \
         (`backend.database.isolation`): run `ALTER ROLE {role} NOSUPERUSER`, or name another as its `role`"
    )]
    MightyRole { plugin: &'static str, role: String },
    #[error(
        "with `backend.database.isolation` all that is plugin `{plugin}`'s has to belong to the role {role}: let a \
         superuser run in the database {database} `{sql}`"
    )]
    NotOwned { plugin: &'static str, role: String, database: String, sql: String },
    #[error(
        "the database {database} lacks the extension {}, which plugin `{plugin}` needs: let a superuser run there {}",
        list(.missing), sql_list(.missing)
    )]
    NoExtension { plugin: &'static str, database: String, missing: Vec<String> },
    #[error(
        "role {user} may not make tables in the schema {schema} of the database {database}: let its owner run `GRANT \
         CREATE ON SCHEMA {schema} TO {user}`"
    )]
    MayNotCreateTables { user: String, schema: String, database: String },
    #[error(
        "role {user} may not use the schema {schema} of the database {database}: let its owner run `GRANT USAGE, CREATE \
         ON SCHEMA {schema} TO {user}`"
    )]
    MayNotUseSchema { user: String, schema: String, database: String },
}

fn list(names: &[String]) -> String {
    names.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}

fn sql_list(names: &[String]) -> String {
    names.iter().map(|it| format!("`CREATE EXTENSION {}`", quoted(it))).collect::<Vec<_>>().join(", ")
}
