//! What a role may not do, and the SQL that lets it.

use super::grants;

/// Why a missing object was not made.
#[derive(Debug, thiserror::Error)]
pub(super) enum CannotMake {
    #[error(
        "the database {database} does not exist, and `backend.database.ensureExists` is off: create it by \
         `{}`", grants::create_database(.database, .owner)
    )]
    NoDatabase { database: String, owner: String },
    #[error(
        "role {user} may not create the database {database}: let a superuser run `{}`, or `{}`; or name who may in \
         `backend.database.admin`",
        grants::createdb(.user), grants::create_database(.database, .owner)
    )]
    MayNotCreateDatabase { user: String, database: String, owner: String },
    #[error(
        "the schema {schema} does not exist in the database {database}, and `backend.database.ensureExists` is off: \
         create it by `{}`", grants::create_schema(.schema, .owner)
    )]
    NoSchema { schema: String, database: String, owner: String },
    #[error(
        "role {user} may not create the schema {schema}: let the owner of the database run `{}`, or `{}`",
        grants::make_schemas(.database, .user), grants::create_schema(.schema, .owner)
    )]
    MayNotCreateSchema { user: String, schema: String, database: String, owner: String },
    #[error(
        "role {user} may not give what it creates to {owner}: let a superuser run `{}`", grants::role(.owner, .user)
    )]
    MayNotGive { user: String, owner: String },
    #[error(
        "plugin `{plugin}` has no role {role} that it may take (`backend.database.isolation`), and \
         `backend.database.ensureExists` is off: let a superuser run `{sql}`"
    )]
    NoRole { plugin: &'static str, role: String, sql: String },
    #[error(
        "role {user} may not make the role {role} (`backend.database.isolation`): let a superuser run `{sql}`, or \
         `{}`; or name who may in `backend.database.admin`",
        grants::createrole(.user)
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
        "role {user} may not make tables in the schema {schema} of the database {database}: let its owner run `{}`",
        grants::make_tables(.schema, .user)
    )]
    MayNotCreateTables { user: String, schema: String, database: String },
    #[error(
        "role {user} may not use the schema {schema} of the database {database}: let its owner run `{}`",
        grants::use_and_make_tables(.schema, .user)
    )]
    MayNotUseSchema { user: String, schema: String, database: String },
}

fn list(names: &[String]) -> String {
    names.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}

fn sql_list(names: &[String]) -> String {
    names.iter().map(|it| format!("`{}`", grants::create_extension(it))).collect::<Vec<_>>().join(", ")
}
