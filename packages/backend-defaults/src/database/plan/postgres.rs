//! PostgreSQL: from a connection's settings and libpq's environment to how to connect.

use std::path::PathBuf;
use std::time::Duration;

use super::direct::Direct;
use super::login::login;
use super::postgres_hosts::hosts;
use super::resolve::{Family, Resolve, base_key};
use super::settings::{Said, Settings};
use super::{ANY_PLUGIN, DirectPlan, PostgresPlan};
use crate::database::config::{Isolation, PluginDivisionMode};
use crate::database::credentials::{PassFile, PasswordSource};
use crate::database::environment::LibpqEnvironment;
use crate::database::postgres::{
    Host, Keepalive, Login, PostgresServer, SessionSettings, SslMode, TargetSessionAttrs, TlsPlan,
};

/// PostgreSQL: `NAMEDATALEN`; what is longer is cut off, so that two names could become one.
const MAX_NAME: usize = 63;
const DEFAULT_MAINTENANCE_DATABASE: &str = "postgres";
const DEFAULT_DIRECTORY: &str = ".data/postgres";
const TARGETS: [(&str, TargetSessionAttrs); 6] = [
    ("any", TargetSessionAttrs::Any),
    ("read-write", TargetSessionAttrs::ReadWrite),
    ("read-only", TargetSessionAttrs::ReadOnly),
    ("primary", TargetSessionAttrs::Primary),
    ("standby", TargetSessionAttrs::Standby),
    ("prefer-standby", TargetSessionAttrs::PreferStandby),
];

struct Names {
    database: String,
    schema: Option<String>,
    role: Option<String>,
}

impl Resolve<'_> {
    pub(super) fn postgres(&mut self) -> Option<PostgresPlan> {
        let mut settings = self.settings(Family::Postgres);
        let application_name = self.application_name();
        let database = settings.text("database");
        let server = server(&mut settings, self.environment, application_name);
        let direct = self.direct();
        let made_at = direct.as_ref().map(|it| &it.server).or(server.as_ref());
        let admin = self.admin(Family::Postgres, made_at.map(|it| it.hosts.as_slice()).unwrap_or_default());
        self.take_mistakes(settings, "PostgreSQL");
        let is_same = direct.as_ref().is_some_and(|it| {
            Some(&it.server) == server.as_ref() && it.database.as_ref() == database.as_ref().map(|it| &it.value)
        });
        self.check_pooler(server.as_ref(), is_same);
        let names = self.names(database, server.as_ref().map(|it| it.login.user.as_str()));
        Some(self.plan_of(server?, None, names?, direct, admin))
    }

    /// A private server has a folder in the place of hosts and a login.
    pub(super) fn embedded_postgres(&mut self) -> Option<PostgresPlan> {
        let mut settings = self.settings(Family::EmbeddedPostgres);
        let directory = settings.plain_text("directory").unwrap_or_else(|| DEFAULT_DIRECTORY.to_owned());
        let database = settings.text("database");
        let server = PostgresServer {
            hosts: Vec::new(),
            target: TargetSessionAttrs::Any,
            login: Login { user: String::new(), password: PasswordSource::None },
            tls: TlsPlan { mode: SslMode::Disable, ..TlsPlan::default() },
            session: session(&mut settings, &LibpqEnvironment::default(), self.application_name()),
            connect_timeout: None,
            query_timeout: millis(&mut settings, "query_timeout"),
            keepalive: None,
        };
        if self.config.admin.is_some() {
            self.mistake(base_key("admin"), "an embedded PostgreSQL has one login, that of the backend: remove this");
        }
        self.take_mistakes(settings, "an embedded PostgreSQL");
        let names = self.names(database, Some("postgres"));
        Some(self.plan_of(server, Some(directory.into()), names?, None, None))
    }

    fn plan_of(
        &self,
        mut server: PostgresServer,
        embedded: Option<PathBuf>,
        names: Names,
        direct: Option<Direct>,
        mut admin: Option<Login>,
    ) -> PostgresPlan {
        let Names { database, schema, role } = names;
        let mut direct = direct
            .map(|it| DirectPlan { server: it.server, database: it.database.unwrap_or_else(|| database.clone()) });
        let maintenance = self.config.maintenance_database.as_deref().unwrap_or(DEFAULT_MAINTENANCE_DATABASE);
        if embedded.is_none() {
            self.look_into_pass_file(&mut server.login, &server.hosts, &database);
            if let Some(DirectPlan { server, database }) = &mut direct {
                self.look_into_pass_file(&mut server.login, &server.hosts, database);
            }
            let made_at = direct.as_ref().map_or(&server, |it| &it.server);
            admin.iter_mut().for_each(|it| self.look_into_pass_file(it, &made_at.hosts, maintenance));
        }
        PostgresPlan {
            pooler: self.config.pooler.filter(|_| embedded.is_none()),
            direct,
            embedded,
            database,
            schema,
            role,
            isolated: self.config.isolation == Isolation::Role,
            ensure: self.ensure(),
            maintenance_database: maintenance.to_owned(),
            admin,
            startup_timeout: self.startup_timeout(),
            server,
        }
    }

    /// Where the tables go, and whose they are.
    fn names(&mut self, database: Option<Said<String>>, user: Option<&str>) -> Option<Names> {
        let before = self.mistakes.len();
        let schema_mode = self.config.plugin_division_mode == PluginDivisionMode::Schema;
        let schema = schema_mode.then(|| self.schema());
        let database = match (database, schema_mode) {
            (Some(database), _) => database.value,
            // As libpq.
            (None, true) => self.environment.variable("PGDATABASE").or(user).unwrap_or_default().to_owned(),
            (None, false) => {
                let prefix = self.prefix();
                self.name_of("prefix", "database", &prefix)
            }
        };
        let role = self.role();
        (self.mistakes.len() == before).then_some(Names { database, schema, role })
    }

    fn role(&mut self) -> Option<String> {
        let named = |it: &String| !it.is_empty();
        let own = self.own.and_then(|it| it.role.clone());
        let base = self.config.role.clone().filter(named);
        match self.config.isolation {
            Isolation::None => own.or(base).filter(named),
            Isolation::Role if base.is_some() => {
                let message = "with `isolation: role` each plugin has a role of its own: remove one of the two";
                self.mistake(base_key("role"), message);
                None
            }
            Isolation::Role => Some(own.filter(named).unwrap_or_else(|| {
                let prefix = self.prefix();
                self.name_of("prefix", "role", &prefix)
            })),
        }
    }

    /// libpq: for who has no other password.
    fn look_into_pass_file(&self, login: &mut Login, hosts: &[Host], database: &str) {
        let named = self.environment.variable("PGPASSFILE").map(PathBuf::from);
        let Some(file) = named.or_else(|| self.environment.home_file(".pgpass")) else { return };
        if login.password != PasswordSource::None {
            return;
        }
        let hosts = hosts.iter().map(|host| match host {
            Host::Tcp { name, port, .. } => (name.clone(), *port),
            Host::Unix { port, .. } => ("localhost".to_owned(), *port),
        });
        let (hosts, database, user) = (hosts.collect(), database.to_owned(), login.user.clone());
        login.password = PasswordSource::PassFile(PassFile { file, hosts, database, user });
    }

    /// Backstage: `schemaPrefix` has the form of a plain identifier.
    fn schema(&mut self) -> String {
        let prefix = self.config.schema_prefix.as_deref().unwrap_or_default();
        let mut chars = prefix.chars();
        let begins_well = chars.next().is_none_or(|it| it.is_ascii_alphabetic() || it == '_');
        if !begins_well || !chars.all(|it| it.is_ascii_alphanumeric() || it == '_') {
            let message = "expected letters, digits and `_`, without a digit at the beginning";
            self.mistake(base_key("schemaPrefix"), message);
        }
        self.name_of("schemaPrefix", "schema", prefix)
    }

    /// The plugin's name with a prefix, if it is not too long.
    fn name_of(&mut self, key: &str, what: &str, prefix: &str) -> String {
        let name = format!("{prefix}{}", self.plugin);
        if name.len() > MAX_NAME && self.plugin != ANY_PLUGIN {
            let message = format!(
                "the {what} `{name}` of plugin `{}` would have {} bytes, and PostgreSQL's names have at most {MAX_NAME}: \
                 shorten the prefix `{prefix}`",
                self.plugin,
                name.len()
            );
            self.mistake(base_key(key), message);
        }
        name
    }

    pub(super) fn application_name(&self) -> String {
        format!("backstage_plugin_{}", self.plugin)
    }
}

pub(super) fn server(
    settings: &mut Settings,
    environment: &LibpqEnvironment,
    application_name: String,
) -> Option<PostgresServer> {
    let hosts = hosts(settings, environment);
    let target = settings.choice("target_session_attrs", &TARGETS).or_else(|| {
        let name = environment.variable("PGTARGETSESSIONATTRS")?;
        TARGETS.iter().find(|(it, _)| *it == name).map(|(_, it)| *it)
    });
    let login = login(settings, environment, &hosts);
    let mut tls = super::postgres_tls::tls(settings, environment, &hosts);
    let is_token = login.as_ref().is_some_and(|it| it.password.is_token());
    if is_token && tls.mode == SslMode::Prefer {
        // The server gets it as it is.
        tls.mode = SslMode::Require;
    }
    let connect_timeout = millis(settings, "connectionTimeoutMillis")
        .or_else(|| settings.number("connect_timeout").map(|it| Duration::from_secs(it.value)))
        .or_else(|| environment.variable("PGCONNECT_TIMEOUT")?.parse().ok().map(Duration::from_secs))
        .filter(|it| !it.is_zero());
    settings.forget("client_encoding");
    Some(PostgresServer {
        target: target.unwrap_or_default(),
        tls,
        session: session(settings, environment, application_name),
        connect_timeout,
        query_timeout: millis(settings, "query_timeout"),
        keepalive: keepalive(settings),
        login: login?,
        hosts,
    })
}

fn session(settings: &mut Settings, environment: &LibpqEnvironment, application_name: String) -> SessionSettings {
    let own_name = settings.plain_text("application_name");
    let fallback = settings.plain_text("fallback_application_name");
    let of_environment = environment.variable("PGAPPNAME").map(str::to_owned);
    let application_name = own_name.or(of_environment).or(fallback).unwrap_or(application_name);
    let mut parameters = Vec::new();
    match settings.text("options") {
        Some(Said { value, key, .. }) => match options(&value) {
            Some(pairs) => parameters.extend(pairs),
            None => settings.mistake(&key, "expected `-c name=value`, any number of times"),
        },
        None => parameters.extend(environment.variable("PGOPTIONS").and_then(options).unwrap_or_default()),
    }
    for name in ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"] {
        if let Some(said) = settings.number(name) {
            parameters.push((name.to_owned(), said.value.to_string()));
        }
    }
    SessionSettings { application_name, parameters }
}

/// `-c name=value`, `--name=value`, with `\\` before what is to be taken as it is.
fn options(text: &str) -> Option<Vec<(String, String)>> {
    let mut words = vec![String::new()];
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => words.last_mut()?.extend(chars.next()),
            char if char.is_whitespace() => words.push(String::new()),
            char => words.last_mut()?.push(char),
        }
    }
    let mut words = words.into_iter().filter(|it| !it.is_empty());
    let mut pairs = Vec::new();
    while let Some(word) = words.next() {
        let pair = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c").filter(|it| !it.is_empty())) {
            Some(pair) => pair.to_owned(),
            None if word == "-c" => words.next()?,
            None => return None,
        };
        let (name, value) = pair.split_once('=')?;
        pairs.push((name.replace('-', "_"), value.to_owned()));
    }
    Some(pairs)
}

/// libpq: on unless `keepalives` is 0; node-postgres: `keepAlive`, with the delay before the first.
fn keepalive(settings: &mut Settings) -> Option<Keepalive> {
    let on = settings.flag("keepAlive").or_else(|| settings.flag("keepalives"));
    let idle = millis(settings, "keepAliveInitialDelayMillis")
        .or_else(|| settings.number("keepalives_idle").map(|it| Duration::from_secs(it.value)));
    let interval = settings.number("keepalives_interval").map(|it| Duration::from_secs(it.value));
    let count = settings.number("keepalives_count").and_then(|it| u32::try_from(it.value).ok());
    let keepalive = Keepalive { idle, interval, count };
    let said = on == Some(true) || keepalive != Keepalive::default();
    (on != Some(false) && said).then_some(keepalive)
}

fn millis(settings: &mut Settings, name: &'static str) -> Option<Duration> {
    settings.number(name).map(|it| Duration::from_millis(it.value)).filter(|it| !it.is_zero())
}
