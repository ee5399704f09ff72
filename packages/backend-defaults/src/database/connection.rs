use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use backend_plugin_api::{Located, Secret};
use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A connection as configured: what it may have depends on the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// `:memory:`, a file, or an address such as `postgresql://user@host/database`.
    Text(Secret<String>),
    /// Settings by their names.
    Object(IndexMap<String, Setting>),
}

/// The value of one of a connection's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// As configured.
    pub value: Secret<Value>,
    /// The file whose text it is (`$file`).
    pub text_of: Option<PathBuf>,
}

impl<'de> Deserialize<'de> for Connection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ConnectionVisitor)
    }
}

struct ConnectionVisitor;

impl<'de> Visitor<'de> for ConnectionVisitor {
    type Value = Connection;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an object")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Connection, E> {
        Ok(Connection::Text(Secret::new(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Connection, A::Error> {
        let mut settings = IndexMap::new();
        while let Some((name, value)) = map.next_entry::<String, Located<Value>>()? {
            let text_of = value.text_of().map(ToOwned::to_owned);
            settings.insert(name, Setting { value: Secret::new(value.get().clone()), text_of });
        }
        Ok(Connection::Object(settings))
    }
}

impl JsonSchema for Connection {
    fn schema_name() -> Cow<'static, str> {
        "Connection".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "string", "visibility": "secret" },
                {
                    "type": "object",
                    "properties": {
                        "host": { "type": "string", "description": "Servers: name, address, or the folder of a Unix socket; PostgreSQL: several, with commas" },
                        "port": { "type": ["number", "string"], "description": "Servers: default 5432 for PostgreSQL, 3306 for MySQL" },
                        "user": { "type": "string", "description": "Servers: who connects" },
                        "password": { "type": "string", "description": "Servers; with `$file`, read again at each new connection", "visibility": "secret" },
                        "database": { "type": "string", "description": "`schema` mode, or one plugin's: the database" },
                        "directory": { "type": "string", "description": "SQLite: the folder of the files, `<plugin id>.sqlite` for each; embedded PostgreSQL: its data" },
                        "filename": { "type": "string", "description": "SQLite, one plugin's: its file, in `directory` if there is one; or `:memory:`" },
                    },
                },
            ],
        })
    }
}

impl Connection {
    /// What one to PostgreSQL may have.
    pub(super) fn to_postgres(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "string", "visibility": "secret" },
                {
                    "type": "object",
                    "properties": {
                        "host": { "type": "string", "description": "As `connection.host`." },
                        "port": { "type": ["number", "string"], "description": "As `connection.port`; default 5432 where there is a `host` here" },
                        "user": { "type": "string", "description": "Who migrates, and owns what is made" },
                        "password": { "type": "string", "description": "As `connection.password`.", "visibility": "secret" },
                        "database": { "type": "string", "description": "As `connection.database`, where a pooler has another name for it" },
                    },
                },
            ],
        })
    }
}
