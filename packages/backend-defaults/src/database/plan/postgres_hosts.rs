//! Where PostgreSQL's servers are. libpq: `host`, `hostaddr` and `port` are lists with commas.

use std::net::IpAddr;

use super::resolve::base_key;
use super::settings::{Said, Settings};
use crate::database::environment::LibpqEnvironment;
use crate::database::postgres::Host;

/// node-postgres's; libpq takes a Unix socket.
const DEFAULT_HOST: &str = "localhost";
const DEFAULT_PORT: u16 = 5432;

/// None if a cloud is to be asked for it. One port will do for all hosts.
pub(super) fn hosts(settings: &mut Settings, environment: &LibpqEnvironment) -> Vec<Host> {
    if settings.has("instance") && !settings.has("host") && !settings.has("hostaddr") {
        return Vec::new();
    }
    let names = List::take(settings, environment, "host", "PGHOST");
    let addresses = List::take(settings, environment, "hostaddr", "PGHOSTADDR");
    let ports = List::take(settings, environment, "port", "PGPORT");
    let count = names.items.len().max(addresses.items.len()).max(1);
    if ports.items.len() > 1 && ports.items.len() != count {
        settings.mistake(&ports.key, format!("{} ports for {count} hosts", ports.items.len()));
    }
    let host = |index: usize| {
        let port = ports.get(if ports.items.len() == 1 { 0 } else { index });
        let port =
            port.map_or(DEFAULT_PORT, |text| parsed(settings, &ports.key, text, port_of, "a port, from 1 to 65535"));
        let address = addresses.get(index).and_then(|text| {
            parsed(settings, &addresses.key, text, |it| it.parse::<IpAddr>().ok().map(Some), "an IP address")
        });
        match names.get(index) {
            Some(folder) if folder.starts_with('/') => Host::Unix { directory: folder.into(), port },
            Some(name) => Host::Tcp { name: name.to_owned(), address, port },
            None => {
                let name = address.map_or_else(|| DEFAULT_HOST.to_owned(), |it| it.to_string());
                Host::Tcp { name, address, port }
            }
        }
    };
    (0..count).map(host).collect()
}

/// What was said with commas, and where.
struct List {
    items: Vec<String>,
    key: String,
}

impl List {
    fn take(settings: &mut Settings, environment: &LibpqEnvironment, name: &'static str, variable: &str) -> Self {
        let (text, key) = match settings.text(name) {
            Some(Said { value, key, .. }) => (Some(value), key),
            None => (environment.variable(variable).map(str::to_owned), base_key(&format!("connection.{name}"))),
        };
        let items = text.iter().flat_map(|it| it.split(',')).map(|it| it.trim().to_owned());
        Self { items: items.collect(), key }
    }

    fn get(&self, index: usize) -> Option<&str> {
        self.items.get(index).map(String::as_str).filter(|it| !it.is_empty())
    }
}

/// Numbers of the config may have a fraction of zero.
fn port_of(text: &str) -> Option<u16> {
    text.strip_suffix(".0").unwrap_or(text).parse().ok().filter(|it| *it > 0)
}

fn parsed<T: Default>(
    settings: &mut Settings,
    key: &str,
    text: &str,
    parse: impl FnOnce(&str) -> Option<T>,
    expected: &str,
) -> T {
    parse(text).unwrap_or_else(|| {
        settings.mistake(key, format!("expected {expected}"));
        T::default()
    })
}
