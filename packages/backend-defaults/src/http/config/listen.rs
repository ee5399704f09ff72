use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use backend_plugin_api::Section;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// `backend.listen`: where the server listens, as `:7007`, `7007`, `host:port`, `[::1]:7007` or
/// `{host, port}`. Default: port 7007 of the loopback addresses.
///
/// Without a host only this machine is served; `0.0.0.0:7007` or `[::]:7007` serve the network.
/// Backstage listens on all addresses then, which publishes a backend that somebody is trying out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenConfig {
    /// A name or an address; `None`: the loopback addresses, `127.0.0.1` and, where there is one, `::1`.
    pub host: Option<String>,
    /// 0: one that is free.
    pub port: u16,
}

const DEFAULT_PORT: u16 = 7007;

impl Section for ListenConfig {
    const KEY: &'static str = "backend.listen";
}

impl Default for ListenConfig {
    fn default() -> Self {
        Self { host: None, port: DEFAULT_PORT }
    }
}

impl ListenConfig {
    fn new(host: &str, port: u16) -> Self {
        let host = host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host);
        Self { host: (!host.is_empty()).then(|| host.to_owned()), port }
    }

    /// As it is written in config, for another port.
    pub(crate) fn with_port(&self, port: u16) -> String {
        match self.host.as_deref() {
            Some(host) if host.contains(':') => format!("[{host}]:{port}"),
            host => format!("{}:{port}", host.unwrap_or_default()),
        }
    }
}

impl FromStr for ListenConfig {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, port) = text.trim().rsplit_once(':').unwrap_or(("", text.trim()));
        let bare_v6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
        match port.parse() {
            Ok(_) if bare_v6 => Err(format!("an IPv6 address is written in brackets: `[{host}]:{port}`")),
            Ok(port) => Ok(Self::new(host, port)),
            Err(_) => Err(format!("expected `port` or `host:port`, with a port from 0 to 65535, got {text:?}")),
        }
    }
}

impl<'de> Deserialize<'de> for ListenConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("ListenConfig", &["host", "port"], ListenVisitor)
    }
}

#[derive(Deserialize, JsonSchema)]
struct Parts {
    /// A name or an address. Without it: the loopback addresses.
    host: Option<String>,
    /// 0: one that is free.
    port: Option<u16>,
}

impl JsonSchema for ListenConfig {
    fn schema_name() -> Cow<'static, str> {
        "ListenConfig".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Where the server listens: `:7007`, `7007`, `host:port`, `[::1]:7007` or `{host, port}`. \
                Without a host only this machine is served; `0.0.0.0:7007` or `[::]:7007` serve the network",
            "default": ":7007",
            "anyOf": [{ "type": "string" }, { "type": "integer", "minimum": 0, "maximum": u16::MAX }, Parts::json_schema(generator)],
        })
    }
}

struct ListenVisitor;

impl<'de> Visitor<'de> for ListenVisitor {
    type Value = ListenConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a port, `host:port` or `{host, port}`")
    }

    fn visit_u64<E: Error>(self, port: u64) -> Result<ListenConfig, E> {
        self.visit_str(&port.to_string())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ListenConfig, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ListenConfig, A::Error> {
        let Parts { host, port } = Parts::deserialize(MapAccessDeserializer::new(map))?;
        Ok(ListenConfig::new(&host.unwrap_or_default(), port.unwrap_or(DEFAULT_PORT)))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use config::Config;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(listen: serde_json::Value) -> Result<(Option<String>, u16), String> {
        let config = Config::from_json(json!({ "backend": { "listen": listen } }));
        let read = config.read::<ListenConfig>(ListenConfig::KEY);
        read.map(|it| (it.host, it.port)).map_err(|it| it.to_string())
    }

    #[test]
    fn every_form_is_read() {
        let host = |host: &str| Some(host.to_owned());
        for (listen, expected) in [
            (json!(null), (None, 7007)),
            (json!({}), (None, 7007)),
            (json!(8000), (None, 8000)),
            (json!("8000"), (None, 8000)),
            (json!(":8000"), (None, 8000)),
            (json!("0.0.0.0:80"), (host("0.0.0.0"), 80)),
            (json!("example.com:80"), (host("example.com"), 80)),
            (json!("[::1]:80"), (host("::1"), 80)),
            (json!({ "host": "::1", "port": "80" }), (host("::1"), 80)),
            (json!({ "host": "", "port": 80 }), (None, 80)),
            (json!({ "host": "0.0.0.0" }), (host("0.0.0.0"), 7007)),
        ] {
            assert_eq!(read(listen.clone()), Ok(expected), "{listen}");
        }
    }

    #[test]
    fn mistakes_say_what_is_expected() {
        let mistakes = [
            json!("host"),
            json!(65536),
            json!(-1),
            json!("::1:80"),
            json!({ "port": "abc" }),
            json!({ "port": 70000 }),
            json!(true),
        ];
        let mistakes: Vec<_> = mistakes.into_iter().map(|listen| read(listen).unwrap_err()).collect();
        insta::assert_snapshot!(mistakes.join("\n"), @r#"
        `backend.listen`: expected `port` or `host:port`, with a port from 0 to 65535, got "host"
        `backend.listen`: expected `port` or `host:port`, with a port from 0 to 65535, got "65536"
        `backend.listen`: expected a port, `host:port` or `{host, port}`, got -1
        `backend.listen`: an IPv6 address is written in brackets: `[::1]:80`
        `backend.listen.port`: expected a number, got "abc"
        `backend.listen.port`: expected a whole number from 0 to 65535, got 70000
        `backend.listen`: expected a port, `host:port` or `{host, port}`, got true
        "#);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = text.parse::<ListenConfig>();
        }

        #[test]
        fn what_it_writes_it_reads(host in "[a-z0-9.-]*", port: u16) {
            let listen = ListenConfig::new(&host, 0).with_port(port);
            prop_assert_eq!(listen.parse(), Ok(ListenConfig::new(&host, port)));
        }
    }
}
