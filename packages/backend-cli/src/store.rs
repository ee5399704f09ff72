use clap::ValueEnum;
use config::Sources;
use serde_json::{Value, json};

/// The folder of SQLite files, relative to the working directory.
const DATA: &str = ".data";

/// Where the data of all plugins is, for who does not want to write a config for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Store {
    /// In memory: lost when the backend stops. For `client: better-sqlite3, connection: ':memory:'`.
    Memory,
    /// In SQLite files. For `client: better-sqlite3, connection: { directory: <data-dir> }`.
    Fs,
    /// In the PostgreSQL that `PGHOST`, `PGUSER`, ... name. For `client: pg, connection: {}`.
    Pg,
}

/// What says where a plugin's data is, apart from the connection for all: it would be elsewhere by these.
const ELSEWHERE: [&str; 6] = [
    "migrationConnection",
    "pooler",
    "admin",
    "plugin.*.client",
    "plugin.*.connection",
    "plugin.*.migrationConnection",
];
/// What SQLite refuses.
const OF_SERVERS: [&str; 2] = ["pluginDivisionMode", "isolation"];

impl Store {
    /// Lays it over the sources: all plugins' data is there, though the config may have some of them elsewhere.
    pub(crate) fn over(self, sources: Sources, data_dir: Option<&str>) -> Sources {
        let (option, client, connection) = match self {
            Self::Memory => ("--store memory", "better-sqlite3", json!(":memory:")),
            Self::Fs => ("--store fs", "better-sqlite3", json!({ "directory": data_dir.unwrap_or(DATA) })),
            Self::Pg => ("--store pg", "pg", json!({})),
        };
        let refused = if self == Self::Pg { &[][..] } else { &OF_SERVERS };
        let hidden = ELSEWHERE.iter().chain(refused).map(|key| (*key, Value::Null));
        let set = [("client", client.into()), ("connection", connection)];
        let all = set.into_iter().chain(hidden);
        all.fold(sources, |it, (key, value)| it.with_override(option, format!("backend.database.{key}"), value))
    }
}
