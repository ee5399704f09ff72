//! Who connects to a server, and where their password comes from.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::Mistake;
use super::resolve::base_key;
use super::settings::{Said, Settings};
use crate::database::credentials::{PasswordSource, Target};
use crate::database::environment::LibpqEnvironment;
use crate::database::postgres::{Host, Login};

/// libpq: a password file is looked at when there is no other password.
pub(super) fn login(settings: &mut Settings, environment: &LibpqEnvironment, hosts: &[Host]) -> Option<Login> {
    let user = settings.plain_text("user");
    let user = user.or_else(|| environment.variable("PGUSER").or(environment.user()).map(str::to_owned));
    let password = password(settings, environment, hosts, user.as_deref());
    if user.is_none() && !settings.unread {
        settings.mistakes.push(Mistake {
            key: base_key("connection.user"),
            message: "it is needed, as `USER` does not say either who connects".to_owned(),
        });
    }
    Some(Login { user: user?, password: password? })
}

fn password(
    settings: &mut Settings,
    environment: &LibpqEnvironment,
    hosts: &[Host],
    user: Option<&str>,
) -> Option<PasswordSource> {
    let mut said = Map::new();
    let mut keys = HashMap::new();
    let mut password_file = None;
    for name in PasswordSource::KEYS {
        let Some(Said { value, key, text_of }) = settings.value(name) else { continue };
        password_file = password_file.or(text_of.filter(|_| name == "password"));
        said.insert(name.to_owned(), value);
        keys.insert(name, key);
    }
    let has_own = ["password", "passwordCommand"].iter().any(|it| keys.contains_key(it));
    let provider = said.get("type").and_then(Value::as_str).filter(|it| *it != "default").map(str::to_owned);
    let is_rds = provider.as_deref() == Some("rds");
    let of_environment = environment.variable("PGPASSWORD").filter(|_| !has_own && provider.is_none());
    if let Some(password) = of_environment.map(str::to_owned) {
        said.insert("password".to_owned(), password.into());
    }
    let (name, port) = match hosts {
        // A token is for the server's own name, and this is the default.
        [Host::Tcp { name, .. }] if is_rds && name == "localhost" => (None, 0),
        [Host::Tcp { name, port, .. }, ..] => (Some(name.as_str()), *port),
        _ => (None, 0),
    };
    if is_rds && hosts.len() > 1 {
        let key = base_key("connection.host");
        settings.mistake(&key, "a token of RDS is for one server: name one");
    }
    let target = Target { host: name, port, user, password_file: password_file.as_deref() };
    let variable = |name: &str| environment.variable(name).map(str::to_owned);
    match PasswordSource::of_connection(&said, target, &variable) {
        Ok(source) => Some(source),
        Err(mistakes) => {
            for Mistake { key, message } in mistakes {
                let (name, rest) =
                    key.split_once('.').map_or((key.as_str(), ""), |(name, _)| (name, &key[name.len()..]));
                let base = keys.get(name).cloned().unwrap_or_else(|| base_key(&format!("connection.{name}")));
                settings.mistake(&format!("{base}{rest}"), message);
            }
            None
        }
    }
}
