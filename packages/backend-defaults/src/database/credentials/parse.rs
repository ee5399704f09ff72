//! From the `connection` of the config to where its password comes from. Opens nothing.

use std::path::Path;
use std::time::Duration;

use backend_plugin_api::Secret;
use config::HumanDuration;
use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::rds::region_of;
use super::{AzureLogin, CloudSqlInstance, IpAddressType, PasswordCommand, PasswordSource, RdsLogin};
use crate::database::Mistake;

/// Backstage: `tokenRenewableOffsetTime`.
const RENEW_BEFORE: Duration = Duration::from_secs(5 * 60);
/// Backstage's, for `pg`.
const TYPES: [&str; 4] = ["azure", "cloudsql", "default", "rds"];

/// What is known of the server and the user, wherever it is from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Target<'a> {
    /// The name or address of the host; `None` if nothing names one.
    pub host: Option<&'a str>,
    /// Where it listens.
    pub port: u16,
    /// Who connects.
    pub user: Option<&'a str>,
    /// The file that `password` is the text of, for `{$file: ...}`.
    pub password_file: Option<&'a Path>,
}

impl PasswordSource {
    /// The keys of `connection` that say where the password comes from.
    pub const KEYS: [&str; 7] =
        ["instance", "ipAddressType", "password", "passwordCommand", "region", "tokenCredential", "type"];

    /// Where the password comes from, by the config's `connection`.
    ///
    /// `password` is the password, or the file in `target`. `passwordCommand` prints it: a string is a line for
    /// `sh -c`, a list a program with its arguments. `type` is Backstage's: `azure`, `cloudsql`, `rds`, `default`.
    /// A key that is `null` is not there, an empty `password` neither. The region for `rds` is `region`, or in the
    /// host's name, or `AWS_REGION`, or `AWS_DEFAULT_REGION`; Backstage does not look at the name, whose region is
    /// always the right one.
    ///
    /// # Errors
    /// Every mistake, with its key within `connection`. No value is in the messages.
    pub fn of_connection(
        connection: &Map<String, Value>,
        target: Target<'_>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Vec<Mistake>> {
        let mut reader = Reader { connection, target, variable, mistakes: Vec::new() };
        let source = reader.source();
        match source {
            Some(source) if reader.mistakes.is_empty() => Ok(source),
            _ => Err(reader.mistakes),
        }
    }
}

struct Reader<'a> {
    connection: &'a Map<String, Value>,
    target: Target<'a>,
    variable: &'a dyn Fn(&str) -> Option<String>,
    mistakes: Vec<Mistake>,
}

impl<'a> Reader<'a> {
    fn source(&mut self) -> Option<PasswordSource> {
        let plain = self.plain();
        let provider = self.text("type").filter(|it| !it.is_empty());
        if provider.is_none() && self.value("type").is_none() {
            self.without_type();
        }
        let provider = provider.unwrap_or("default");
        if provider != "default" && TYPES.contains(&provider) {
            for key in ["password", "passwordCommand"] {
                if self.value(key).is_some_and(|it| it != "") {
                    let message = format!("`type: {provider}` gets a password of its own: remove one of the two");
                    self.mistake(key, message);
                }
            }
        }
        match provider {
            "default" => plain,
            "rds" => self.rds().map(PasswordSource::Rds),
            "azure" => self.azure().map(PasswordSource::Azure),
            "cloudsql" => self.cloud_sql(),
            _ => {
                let known = TYPES.map(|it| format!("`{it}`")).join(", ");
                self.mistake("type", format!("there is no such type: it is one of {known}"));
                None
            }
        }
    }

    /// What Backstage passes over in silence.
    fn without_type(&mut self) {
        let keys =
            [("region", "rds"), ("tokenCredential", "azure"), ("instance", "cloudsql"), ("ipAddressType", "cloudsql")];
        for (key, provider) in keys {
            if self.value(key).is_some() {
                self.mistake(key, format!("has no effect without `type: {provider}`: set that, or remove this"));
            }
        }
    }

    fn plain(&mut self) -> Option<PasswordSource> {
        let password = self.text("password").filter(|it| !it.is_empty());
        if self.value("passwordCommand").is_none() {
            return Some(match (password, self.target.password_file) {
                (Some(_), Some(path)) => PasswordSource::File(path.to_owned()),
                (Some(password), None) => PasswordSource::Literal(Secret::new(password.to_owned())),
                (None, _) => PasswordSource::None,
            });
        }
        if password.is_some() {
            self.mistake("passwordCommand", "there is a `password`, too: remove one of the two");
        }
        self.command().map(PasswordSource::Command)
    }

    fn command(&mut self) -> Option<PasswordCommand> {
        let command = match self.value("passwordCommand")? {
            Value::String(line) if !line.trim().is_empty() => Some(PasswordCommand::shell(line)),
            Value::Array(parts) => {
                let texts: Option<Vec<_>> = parts.iter().map(|it| it.as_str().map(str::to_owned)).collect();
                texts.filter(|it| it.first().is_some_and(|it| !it.is_empty())).map(|mut texts| {
                    let program = texts.remove(0);
                    PasswordCommand { program, arguments: Secret::new(texts) }
                })
            }
            _ => None,
        };
        if command.is_none() {
            self.mistake("passwordCommand", "expected a line for the shell, or a list: a program and its arguments");
        }
        command
    }

    fn rds(&mut self) -> Option<RdsLogin> {
        let why = "tokens for RDS are for one host, port and user";
        let host = self.target.host.filter(|it| !it.is_empty() && !it.starts_with('/'));
        if host.is_none() {
            self.mistake("host", format!("expected the endpoint of the server: {why}"));
        }
        let user = self.target.user.filter(|it| !it.is_empty());
        if user.is_none() {
            self.mistake("user", format!("expected the user that has the role `rds_iam`: {why}"));
        }
        let region = self.region(host)?;
        Some(RdsLogin { host: host?.to_owned(), port: self.target.port, user: user?.to_owned(), region })
    }

    fn region(&mut self, host: Option<&str>) -> Option<String> {
        let written = self.text("region").filter(|it| !it.is_empty());
        let variable = |name| (self.variable)(name).filter(|it| !it.is_empty());
        let region = written.or_else(|| host.and_then(region_of)).map(str::to_owned);
        let region = region.or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"));
        let message = match region {
            Some(region) if region.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-') => return Some(region),
            Some(_) => "expected the name of a region, such as `eu-central-1`",
            None => "expected the region of the server, which its name does not tell: set this, or `AWS_REGION`",
        };
        self.mistake("region", message);
        None
    }

    fn azure(&mut self) -> Option<AzureLogin> {
        let mut login =
            AzureLogin { tenant_id: None, client_id: None, client_secret: None, renew_before: RENEW_BEFORE };
        let credential = match self.value("tokenCredential") {
            None => return Some(login),
            Some(Value::Object(credential)) => credential,
            Some(_) => {
                self.mistake("tokenCredential", "expected an object");
                return None;
            }
        };
        for (name, value) in credential {
            let key = format!("tokenCredential.{name}");
            let text = value.as_str().filter(|it| !it.is_empty()).map(str::to_owned);
            let is_text = value.is_null() || value.is_string();
            match name.as_str() {
                "tenantId" if is_text => login.tenant_id = text,
                "clientId" if is_text => login.client_id = text,
                "clientSecret" if is_text => login.client_secret = text.map(Secret::new),
                "tenantId" | "clientId" | "clientSecret" => self.mistake(&key, "expected text: put it in quotes"),
                "tokenRenewableOffsetTime" => match duration(value) {
                    Ok(duration) => login.renew_before = duration.unwrap_or(RENEW_BEFORE),
                    Err(message) => self.mistake(&key, message),
                },
                _ => {
                    let known = "`tenantId`, `clientId`, `clientSecret` and `tokenRenewableOffsetTime`";
                    self.mistake(&key, format!("there is no such setting: it has {known}"));
                }
            }
        }
        if login.client_secret.is_some() {
            for (name, value) in [("tenantId", &login.tenant_id), ("clientId", &login.client_id)] {
                if value.is_none() {
                    let key = format!("tokenCredential.{name}");
                    self.mistake(&key, "expected whose `clientSecret` it is: set this, or remove that");
                }
            }
        }
        Some(login)
    }

    fn cloud_sql(&mut self) -> Option<PasswordSource> {
        let names = || IpAddressType::NAMES.map(|(name, _)| format!("`{name}`")).join(", ");
        let address = match self.text("ipAddressType").filter(|it| !it.is_empty()) {
            None => IpAddressType::default(),
            Some(text) => match IpAddressType::NAMES.iter().find(|(name, _)| *name == text) {
                Some((_, address)) => *address,
                None => {
                    self.mistake("ipAddressType", format!("there is no such type: it is one of {}", names()));
                    return None;
                }
            },
        };
        let instance = match self.text("instance").filter(|it| !it.is_empty()).map(str::parse::<CloudSqlInstance>) {
            Some(Ok(instance)) => Some(CloudSqlInstance { address, ..instance }),
            Some(Err(message)) => {
                self.mistake("instance", message);
                return None;
            }
            None => None,
        };
        if instance.is_none() && self.target.host.is_none() && self.value("instance").is_none_or(|it| it == "") {
            self.mistake("instance", "expected `project:region:instance`, or a `host`");
        }
        Some(PasswordSource::CloudSql(instance))
    }

    /// What stands there, if it is not `null`.
    fn value(&self, key: &str) -> Option<&'a Value> {
        self.connection.get(key).filter(|it| !it.is_null())
    }

    fn text(&mut self, key: &str) -> Option<&'a str> {
        match self.value(key)? {
            Value::String(text) => Some(text),
            _ => {
                self.mistake(key, "expected text: put it in quotes");
                None
            }
        }
    }

    fn mistake(&mut self, key: &str, message: impl Into<String>) {
        self.mistakes.push(Mistake { key: key.to_owned(), message: message.into() });
    }
}

fn duration(value: &Value) -> Result<Option<Duration>, &'static str> {
    let duration = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.parse().ok(),
        other => HumanDuration::deserialize(other).ok(),
    };
    let expected = "expected a duration such as `5m`, `30 seconds`, `PT5M` or `{ minutes: 5 }`";
    duration.map(|it: HumanDuration| Some(it.get())).ok_or(expected)
}
