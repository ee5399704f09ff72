//! MySQL: from a connection's settings to how to connect.

use std::time::Duration;

use serde_json::{Map, Value};

use super::connection_string;
use super::login::login;
use super::node_ssl::NodeSsl;
use super::resolve::{Family, Resolve, base_key};
use super::settings::{Said, Settings};
use super::{ANY_PLUGIN, MySqlPlan};
use crate::database::credentials::PasswordSource;
use crate::database::mysql::{MySqlAddress, MySqlServer, MySqlTls, MySqlTlsMode};
use crate::database::postgres::{Host, Login};

/// MySQL's identifiers, in characters.
const MAX_NAME: usize = 64;
const LOCALHOST: &str = "localhost";
const DEFAULT_PORT: u16 = 3306;
/// As mysql2.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Of mysql2's `ssl`.
const SSL_KEYS: [&str; 5] = ["ca", "cert", "key", "rejectUnauthorized", "verifyIdentity"];
/// mysql2's own: what JavaScript gets to see of values, and of the driver.
const OF_JAVASCRIPT: [&str; 17] = [
    "bigNumberStrings",
    "compress",
    "connectAttributes",
    "dateStrings",
    "debug",
    "decimalNumbers",
    "enableKeepAlive",
    "jsonStrings",
    "keepAliveInitialDelay",
    "maxPreparedStatements",
    "multipleStatements",
    "namedPlaceholders",
    "rowsAsArray",
    "stringifyObjects",
    "supportBigNumbers",
    "trace",
    "typeCast",
];

impl Resolve<'_> {
    pub(super) fn mysql(&mut self) -> Option<MySqlPlan> {
        let mut settings = self.settings(Family::MySql);
        let database = settings.plain_text("database");
        let address = address(&mut settings);
        let hosts = hosts(&address);
        let login = login(&mut settings, &self.environment.without_libpq(), &hosts);
        if let Some(Login { password: PasswordSource::CloudSql(Some(_)), .. }) = login
            && matches!(&address, MySqlAddress::Tcp { host, .. } if host == LOCALHOST)
        {
            let message = "expected the address of the instance, which is only looked up for PostgreSQL";
            settings.mistake(&base_key("connection.host"), message);
        }
        let tls = tls(&mut settings);
        let connect_timeout = settings.number("connectTimeout").map(|it| Duration::from_millis(it.value));
        charset(&mut settings);
        timezone(&mut settings);
        for name in OF_JAVASCRIPT {
            settings.forget(name);
        }
        let cleartext = settings.flag("enableCleartextPlugin");
        if cleartext == Some(true) && !tls.is_always_on() {
            let message = "passwords are not sent as they are through connections that may not be encrypted: set `ssl`";
            settings.mistake(&base_key("connection.enableCleartextPlugin"), message);
        }
        let admin = self.admin(Family::MySql, &hosts);
        self.take_mistakes(settings, "MySQL");
        let database = database.unwrap_or_else(|| self.name_of_database());
        let login = login?;
        let server = MySqlServer {
            cleartext: tls.is_always_on() && cleartext.unwrap_or_else(|| is_token(&login.password)),
            address,
            login,
            tls,
            connect_timeout: connect_timeout.filter(|it| !it.is_zero()).unwrap_or(DEFAULT_CONNECT_TIMEOUT),
        };
        let (ensure_exists, startup_timeout) = (self.ensure().database, self.startup_timeout());
        Some(MySqlPlan { server, database, ensure_exists, admin, startup_timeout })
    }

    fn name_of_database(&mut self) -> String {
        let prefix = self.prefix();
        let name = format!("{prefix}{}", self.plugin);
        let length = name.chars().count();
        if length > MAX_NAME && self.plugin != ANY_PLUGIN {
            let message = format!(
                "the database `{name}` of plugin `{}` would have {length} characters, and MySQL's names have at most \
                 {MAX_NAME}: shorten the prefix `{prefix}`",
                self.plugin
            );
            self.mistake(base_key("prefix"), message);
        }
        name
    }
}

/// The settings in `mysql://user:password@host:3306/database?ssl=true`.
pub(super) fn parse(text: &str) -> connection_string::Parsed {
    let rest = ["mysql://", "mariadb://"].iter().find_map(|it| text.trim().strip_prefix(it));
    rest.map_or_else(
        || Err("expected an address such as `mysql://user@host:3306`, or an object with `host`, `user`, ...".to_owned()),
        connection_string::address,
    )
}

fn address(settings: &mut Settings) -> MySqlAddress {
    let host = settings.text("host");
    let port = settings.number("port");
    if let Some(path) = settings.plain_text("socketPath") {
        return MySqlAddress::Unix(path.into());
    }
    let port = match port {
        Some(Said { value: port @ 1..=0xffff, .. }) => port as u16,
        Some(Said { key, .. }) => {
            settings.mistake(&key, "expected a port, from 1 to 65535");
            DEFAULT_PORT
        }
        None => DEFAULT_PORT,
    };
    match host {
        Some(Said { value, .. }) if value.starts_with('/') => MySqlAddress::Unix(value.into()),
        Some(Said { value, key, .. }) => {
            if value.contains(',') {
                settings.mistake(&key, "expected one host: several are for PostgreSQL");
            }
            MySqlAddress::Tcp { host: value, port }
        }
        None => MySqlAddress::Tcp { host: LOCALHOST.to_owned(), port },
    }
}

/// Servers take tokens as they are.
fn is_token(password: &PasswordSource) -> bool {
    matches!(password, PasswordSource::Rds(_) | PasswordSource::Azure(_) | PasswordSource::CloudSql(_))
}

/// As what gets passwords has it.
fn hosts(address: &MySqlAddress) -> Vec<Host> {
    match address {
        MySqlAddress::Tcp { host, port } => vec![Host::Tcp { name: host.clone(), address: None, port: *port }],
        MySqlAddress::Unix(_) => Vec::new(),
    }
}

/// Connections always speak `utf8mb4`. mysql2 also takes the name of a collation.
fn charset(settings: &mut Settings) {
    if let Some(Said { value, key, .. }) = settings.text("charset")
        && !value.to_ascii_lowercase().starts_with("utf8mb4")
    {
        settings.mistake(&key, "connections always speak `utf8mb4`: remove this");
    }
}

/// Times are always kept in UTC. mysql2: how dates of JavaScript are written.
fn timezone(settings: &mut Settings) {
    if let Some(Said { value, key, .. }) = settings.text("timezone")
        && !["Z", "+00:00", "-00:00", "UTC", "local"].contains(&value.as_str())
    {
        settings.mistake(&key, "times are always kept in UTC: remove this");
    }
}

/// mysql2: no encryption without `ssl`, and the host's name is only checked with `verifyIdentity`.
fn tls(settings: &mut Settings) -> MySqlTls {
    let Some(Said { value, key, .. }) = settings.value("ssl") else { return MySqlTls::default() };
    let of_mode = |mode| MySqlTls { mode, ..MySqlTls::default() };
    let value = match value {
        // As a connection string has it.
        Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        value => value,
    };
    match value {
        Value::Bool(false) => of_mode(MySqlTlsMode::Disabled),
        Value::Bool(true) => of_mode(MySqlTlsMode::Verified),
        Value::Object(map) => of_object(settings, &key, &map),
        Value::String(name) if name == "Amazon RDS" => {
            let message = "the profile `Amazon RDS` is not in this version: set `ssl.ca` to the file of RDS's \
                           authorities, https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem";
            settings.mistake(&key, message);
            MySqlTls::default()
        }
        _ => {
            settings.mistake(&key, "expected `true`, `false` or an object");
            MySqlTls::default()
        }
    }
}

fn of_object(settings: &mut Settings, key: &str, map: &Map<String, Value>) -> MySqlTls {
    let mut ssl = NodeSsl::new(settings, key, map, &SSL_KEYS);
    let verifies = ssl.verifies();
    if ssl.flag("verifyIdentity") == Some(false) && verifies {
        let message = "the name is always checked: remove this, and let `host` be a name in the server's certificate";
        ssl.mistake("verifyIdentity", message);
    }
    let mode = if verifies { MySqlTlsMode::Verified } else { MySqlTlsMode::Unverified };
    MySqlTls { mode, ca: ssl.ca(), identity: ssl.identity() }
}
