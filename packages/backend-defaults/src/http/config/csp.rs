use std::borrow::Cow;
use std::fmt;

use backend_plugin_api::{CheckContext, ConfigError, Section};
use http::HeaderValue;
use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// Directives of the `Content-Security-Policy` header, over the default ones; by
/// name, as `img-src` or `imgSrc`. Backstage: `readHelmetOptions`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CspConfig(pub Option<IndexMap<String, Directive>>);

/// One directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Directive {
    /// Its sources; a directive such as `upgrade-insecure-requests` has none.
    Sources(Vec<String>),
    /// `false`: it is left out.
    Off,
}

/// The `Referrer-Policy` header.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ReferrerConfig {
    /// The last one that a browser knows holds.
    pub policy: Vec<String>,
}

impl Default for ReferrerConfig {
    fn default() -> Self {
        Self { policy: vec!["no-referrer".to_owned()] }
    }
}

impl Section for CspConfig {
    const KEY: &'static str = "backend.csp";

    fn check(&self, cx: &CheckContext<'_>) -> Vec<ConfigError> {
        let directives = self.0.iter().flatten();
        let wrong = directives.filter_map(|(name, directive)| Some((name, directive.mistake(name)?)));
        wrong.map(|(name, message)| cx.config.error(&format!("{}.{name}", Self::KEY), message)).collect()
    }
}

impl Section for ReferrerConfig {
    const KEY: &'static str = "backend.referrer";

    fn check(&self, cx: &CheckContext<'_>) -> Vec<ConfigError> {
        const POLICIES: [&str; 8] = [
            "no-referrer",
            "no-referrer-when-downgrade",
            "same-origin",
            "origin",
            "strict-origin",
            "origin-when-cross-origin",
            "strict-origin-when-cross-origin",
            "unsafe-url",
        ];
        let key = format!("{}.policy", Self::KEY);
        let wrong = self.policy.iter().filter(|it| !POLICIES.contains(&it.as_str()));
        let wrong = wrong.map(|it| format!("{it:?} is not a policy; there are {}", POLICIES.join(", ")));
        let none = self.policy.is_empty().then(|| "needs a policy".to_owned());
        wrong.chain(none).map(|message| cx.config.error(&key, message)).collect()
    }
}

impl Directive {
    fn mistake(&self, name: &str) -> Option<String> {
        if !name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-') {
            return Some("is not the name of a directive".to_owned());
        }
        let Self::Sources(sources) = self else { return None };
        let wrong = |it: &str| it.contains([';', ',']) || HeaderValue::from_str(it).is_err();
        sources.iter().find(|it| wrong(it)).map(|it| format!("{it:?} cannot be a source"))
    }
}

impl<'de> Deserialize<'de> for Directive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DirectiveVisitor)
    }
}

impl JsonSchema for Directive {
    fn schema_name() -> Cow<'static, str> {
        "Directive".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = json_schema!({ "type": "string" });
        json_schema!({
            "description": "The sources of a directive; `false` leaves it out",
            "anyOf": [{ "type": "array", "items": text }, text, { "const": false }],
        })
    }
}

struct DirectiveVisitor;

impl<'de> Visitor<'de> for DirectiveVisitor {
    type Value = Directive;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of sources or `false`")
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<Directive, E> {
        if on { Err(E::invalid_value(Unexpected::Bool(on), &self)) } else { Ok(Directive::Off) }
    }

    fn visit_str<E: Error>(self, source: &str) -> Result<Directive, E> {
        Ok(if source == "false" { Directive::Off } else { Directive::Sources(vec![source.to_owned()]) })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Directive, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(seq)).map(Directive::Sources)
    }
}
