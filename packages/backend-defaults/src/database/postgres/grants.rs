//! The SQL that lets a role do what it may not. All names but those of extensions are [`quoted`] already.

use super::names::quoted;

/// Makes a database.
pub fn create_database(database: &str, owner: &str) -> String {
    format!("CREATE DATABASE {database} OWNER {owner}")
}

/// Lets `user` make databases.
pub fn createdb(user: &str) -> String {
    format!("ALTER ROLE {user} CREATEDB")
}

/// Lets `user` make roles.
pub fn createrole(user: &str) -> String {
    format!("ALTER ROLE {user} CREATEROLE")
}

/// Lets `user` connect.
pub fn connect(database: &str, user: &str) -> String {
    format!("GRANT CONNECT ON DATABASE {database} TO {user}")
}

/// Makes a schema.
pub fn create_schema(schema: &str, owner: &str) -> String {
    format!("CREATE SCHEMA {schema} AUTHORIZATION {owner}")
}

/// Lets `user` make schemas.
pub fn make_schemas(database: &str, user: &str) -> String {
    format!("GRANT CREATE ON DATABASE {database} TO {user}")
}

/// Lets `user` be `role`, and give to it.
pub fn role(role: &str, user: &str) -> String {
    format!("GRANT {role} TO {user}")
}

/// Lets `user` name what is in the schema.
pub fn use_schema(schema: &str, user: &str) -> String {
    format!("GRANT USAGE ON SCHEMA {schema} TO {user}")
}

/// Lets `user` make tables.
pub fn make_tables(schema: &str, user: &str) -> String {
    format!("GRANT CREATE ON SCHEMA {schema} TO {user}")
}

/// Both.
pub fn use_and_make_tables(schema: &str, user: &str) -> String {
    format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {user}")
}

/// Lets `user` read and write the rows of the tables that are there.
pub fn rows(schema: &str, user: &str) -> String {
    format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {user}")
}

/// Lets `user` take numbers of the sequences that are there.
pub fn sequences(schema: &str, user: &str) -> String {
    format!("GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {user}")
}

/// Makes an extension.
pub fn create_extension(name: &str) -> String {
    format!("CREATE EXTENSION {}", quoted(name))
}
