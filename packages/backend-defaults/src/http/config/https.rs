use std::borrow::Cow;
use std::fmt;

use backend_plugin_api::{Secret, Section};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Whether and with what certificate the server speaks TLS. Without it: it does not.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct HttpsConfig(pub Option<Https>);

/// What `backend.https` may be.
#[derive(Clone, Debug)]
pub enum Https {
    /// `false`: plain HTTP.
    Off,
    /// `true`: a certificate made here and kept, which no browser trusts.
    SelfSigned,
    /// `{certificate: {cert, key}}`.
    Certificate(Certificate),
}

/// `backend.https.certificate`. Each is PEM text, or else the path of a PEM file, which Backstage
/// takes by `$file` alone; paths are relative to the working directory.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Certificate {
    /// The certificate, and after it those that lead to the root.
    pub cert: String,
    /// Its private key.
    pub key: Secret<String>,
}

impl Section for HttpsConfig {
    const KEY: &'static str = "backend.https";
}

#[derive(Deserialize, JsonSchema)]
struct Parts {
    /// Whose certificate is shown to clients.
    certificate: Certificate,
}

impl<'de> Deserialize<'de> for Https {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("Https", &["certificate"], HttpsVisitor)
    }
}

impl JsonSchema for Https {
    fn schema_name() -> Cow<'static, str> {
        "Https".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let made_here = "`true`: with a certificate made here and kept, which no browser trusts; `false`: plain HTTP";
        json_schema!({ "anyOf": [{ "type": "boolean", "description": made_here }, Parts::json_schema(generator)] })
    }
}

struct HttpsVisitor;

impl<'de> Visitor<'de> for HttpsVisitor {
    type Value = Https;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`true`, `false` or `{certificate: {cert, key}}`")
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<Https, E> {
        Ok(if on { Https::SelfSigned } else { Https::Off })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Https, E> {
        match text {
            "true" => Ok(Https::SelfSigned),
            "false" => Ok(Https::Off),
            _ => Err(E::invalid_type(serde::de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Https, A::Error> {
        Parts::deserialize(MapAccessDeserializer::new(map)).map(|it| Https::Certificate(it.certificate))
    }
}
