//! The rules that all engines share: which client, whose settings win, what is a mistake.

use backend_plugin_api::services::database::MigrationMode;
use backend_plugin_api::{Located, PluginId, Section};

use super::{DatabasePlan, EnginePlan, Mistake, connection_string, mysql};
use crate::database::config::{DatabaseConfig, Isolation, MigrationsConfig, PluginDatabaseConfig, PluginDivisionMode};
use crate::database::connection::Connection;
use crate::database::environment::LibpqEnvironment;

const SQLITE: [&str; 2] = ["better-sqlite3", "sqlite3"];
const POSTGRES: [&str; 1] = ["pg"];
const EMBEDDED_POSTGRES: [&str; 1] = ["embedded-postgres"];
const MYSQL: [&str; 2] = ["mysql2", "mysql"];
/// What people write in the place of a client.
const ALIASES: [(&str, &str); 6] = [
    ("mariadb", "mysql2"),
    ("postgres", "pg"),
    ("postgresql", "pg"),
    ("pgsql", "pg"),
    ("sqlite", "better-sqlite3"),
    ("better-sqlite", "better-sqlite3"),
];

/// What is behind a client.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Sqlite,
    Postgres,
    EmbeddedPostgres,
    MySql,
}

/// Resolves the settings of one plugin.
pub(super) struct Resolve<'a> {
    pub(super) config: &'a DatabaseConfig,
    pub(super) environment: &'a LibpqEnvironment,
    pub(super) plugin: PluginId,
    pub(super) own: Option<&'a PluginDatabaseConfig>,
    pub(super) mistakes: Vec<Mistake>,
}

impl<'a> Resolve<'a> {
    pub(super) fn new(
        config: &'a DatabaseConfig,
        environment: &'a LibpqEnvironment,
        plugin: PluginId,
        own: Option<&'a PluginDatabaseConfig>,
    ) -> Self {
        Self { config, environment, plugin, own, mistakes: Vec::new() }
    }

    pub(super) fn finish(mut self) -> Result<DatabasePlan, Vec<Mistake>> {
        match self.plan() {
            Some(plan) if self.mistakes.is_empty() => Ok(plan),
            _ => Err(self.mistakes),
        }
    }

    fn plan(&mut self) -> Option<DatabasePlan> {
        let client = self.client();
        let family = client.map(|(_, family)| family);
        let pool = self.pool(family);
        let budget = self.budget();
        let (client, family) = client?;
        if self.config.plugin_division_mode == PluginDivisionMode::Schema
            && let Some(name) = family.without_schemas()
        {
            let message = format!("{name} has no schemas: each plugin has a database of its own (`database`)");
            self.mistake(base_key("pluginDivisionMode"), message);
        }
        if self.config.isolation == Isolation::Role
            && let Some(name) = family.without_schemas()
        {
            let message = format!("{name} has no roles that own tables: only PostgreSQL has this");
            self.mistake(base_key("isolation"), message);
        }
        if family != Family::Postgres && self.inherits(family) {
            self.refuse_direct();
        }
        let engine = match family {
            Family::Sqlite => EnginePlan::Sqlite(self.sqlite()?),
            Family::Postgres => EnginePlan::Postgres(Box::new(self.postgres()?)),
            Family::EmbeddedPostgres => EnginePlan::Postgres(Box::new(self.embedded_postgres()?)),
            Family::MySql => EnginePlan::MySql(Box::new(self.mysql()?)),
        };
        let (migrations, place) = (self.migrations(), self.place(family));
        Some(DatabasePlan { plugin: self.plugin, client: client.to_owned(), engine, pool, budget, migrations, place })
    }

    fn client(&mut self) -> Option<(&'a str, Family)> {
        let base = self.config.client.as_deref();
        let (client, key) = match self.own.and_then(|it| it.client.as_deref()) {
            Some(client) => (client, self.own_key("client")),
            None => (base.unwrap_or(SQLITE[0]), base_key("client")),
        };
        if let Some(family) = Family::of(client) {
            return Some((client, family));
        }
        let alias = ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(client));
        let known = [&SQLITE[..], &POSTGRES, &EMBEDDED_POSTGRES, &MYSQL].concat();
        let hint = alias.map(|(_, it)| format!("; did you mean `{it}`?"));
        let hint = hint.unwrap_or_else(|| did_you_mean(client, &known));
        let hint = match hint.is_empty() {
            true => format!("; there are {}", list(&known)),
            false => hint,
        };
        self.mistake(key, format!("there is no client `{client}`{hint}"));
        None
    }

    /// Whether the base's `connection` is the plugin's too. Backstage: unless the plugin has another
    /// client; here, two names of the same client are no others.
    pub(super) fn inherits(&self, family: Family) -> bool {
        Family::of(self.config.client.as_deref().unwrap_or(SQLITE[0])) == Some(family)
    }

    /// The base's, if it is the plugin's too.
    pub(super) fn base_connection(&self, family: Family) -> Option<&'a Connection> {
        self.config.connection.as_ref().filter(|_| self.inherits(family)).map(Located::get)
    }

    pub(super) fn own_connection(&self) -> Option<&'a Connection> {
        self.own?.connection.as_ref().map(Located::get)
    }

    /// Where it is said how to connect.
    fn place(&self, family: Family) -> Option<String> {
        let base = self.config.connection.as_ref().filter(|_| self.inherits(family));
        let said = self.own.and_then(|it| it.connection.as_ref()).or(base)?;
        said.place().map(str::to_owned)
    }

    pub(super) fn migrations(&self) -> MigrationMode {
        let own = self.own.and_then(|it| it.skip_migrations);
        if own.or(self.config.skip_migrations).unwrap_or(false) {
            return MigrationMode::Skip;
        }
        match self.config.migrations {
            MigrationsConfig::Run => MigrationMode::Run,
            MigrationsConfig::Verify => MigrationMode::Verify,
            MigrationsConfig::Wait => MigrationMode::Wait,
        }
    }

    pub(super) fn mistake(&mut self, key: String, message: impl Into<String>) {
        self.mistakes.push(Mistake { key, message: message.into() });
    }

    pub(super) fn own_key(&self, key: &str) -> String {
        plugin_key(self.plugin.as_str(), key)
    }
}

impl Family {
    fn of(client: &str) -> Option<Self> {
        let families = [
            (Self::Sqlite, &SQLITE[..]),
            (Self::Postgres, &POSTGRES),
            (Self::EmbeddedPostgres, &EMBEDDED_POSTGRES),
            (Self::MySql, &MYSQL),
        ];
        families.into_iter().find(|(_, names)| names.contains(&client)).map(|(family, _)| family)
    }

    /// Reads a connection that is a text.
    pub(super) fn parser(self) -> fn(&str) -> connection_string::Parsed {
        match self {
            Self::MySql => mysql::parse,
            Self::EmbeddedPostgres => |_| Err("expected an object such as `{ directory: .data/postgres }`".to_owned()),
            _ => connection_string::parse,
        }
    }

    /// The setting that is such a text, which overrides the others: node-postgres's or mysql2's.
    pub(super) fn address_key(self) -> &'static str {
        if self == Self::MySql { "uri" } else { "connectionString" }
    }

    /// Its name, if it has none, nor roles that own anything.
    fn without_schemas(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => Some("SQLite"),
            Self::MySql => Some("MySQL"),
            Self::Postgres | Self::EmbeddedPostgres => None,
        }
    }
}

pub(super) fn base_key(key: &str) -> String {
    format!("{}.{key}", DatabaseConfig::KEY)
}

pub(super) fn plugin_key(plugin: &str, key: &str) -> String {
    let plugin = match plugin.contains(['.', '[', ']', '"']) {
        true => format!("[{plugin:?}]"),
        false => format!(".{plugin}"),
    };
    let dot = if key.is_empty() { "" } else { "." };
    format!("{}.plugin{plugin}{dot}{key}", DatabaseConfig::KEY)
}

pub(super) fn did_you_mean(name: &str, known: &[&str]) -> String {
    let near = known.iter().map(|it| (strsim::damerau_levenshtein(it, name), *it)).min();
    near.filter(|(distance, _)| *distance <= 2).map(|(_, it)| format!("; did you mean `{it}`?")).unwrap_or_default()
}

/// `` `a`, `b` and `c` ``.
pub(super) fn list(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|it| format!("`{it}`")).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}
