use std::borrow::Cow;

use backend_plugin_api::{Located, unused_keys};
use globset::{GlobBuilder, GlobMatcher};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

/// The software catalog. Backstage: `catalog-backend/config.d.ts`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(transform = unused)]
#[serde(default, rename_all = "camelCase")]
pub struct CatalogConfig {
    /// Which kinds may come from where. Without it: `Component`, `API` and `Location` from everywhere.
    pub rules: Option<Vec<RuleConfig>>,
    /// Where entities are read.
    pub locations: Vec<LocationConfig>,
}

/// Backstage's keys that this catalog does not read.
fn unused(schema: &mut Schema) {
    const LATER: &str = "this version does not have it";
    const ONCE: &str = "this version reads the locations once, at start";
    unused_keys(
        schema,
        &[
            ("defaultLocationConflictStrategy", LATER),
            ("disableDefaultProcessors", LATER),
            ("orphanProviderStrategy", ONCE),
            ("orphanStrategy", ONCE),
            ("processingInterval", ONCE),
            ("processorOptions", LATER),
            ("processors", LATER),
            ("providerOptions", LATER),
            ("providers", LATER),
            ("readonly", LATER),
            ("scmEvents", LATER),
            ("stitchingStrategy", ONCE),
        ],
    );
}

/// One of `catalog.locations`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct LocationConfig {
    /// `file`; others are reported and left out.
    pub r#type: String,
    /// For `file`: a path or a glob, relative to the config file that it stands in.
    pub target: Located<String>,
    /// Kinds that this location may have besides those of `catalog.rules`.
    #[serde(default)]
    pub rules: Vec<AllowConfig>,
}

/// One of a location's `rules`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct AllowConfig {
    /// Kinds, in any case.
    pub allow: Vec<String>,
}

/// One of `catalog.rules`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct RuleConfig {
    /// Kinds, in any case.
    pub allow: Vec<String>,
    /// From which configured locations; without it, from all.
    pub locations: Option<Vec<LocationMatcherConfig>>,
}

/// One of the `locations` of a rule.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct LocationMatcherConfig {
    /// E.g. `file`.
    pub r#type: String,
    /// Exactly this target.
    pub exact: Option<Located<String>>,
    /// A target that this glob matches.
    pub pattern: Option<TargetPattern>,
}

/// A glob over targets; case makes no difference.
#[derive(Clone, Debug)]
pub struct TargetPattern(GlobMatcher);

impl TargetPattern {
    /// Whether the whole target matches.
    pub fn matches(&self, target: &str) -> bool {
        self.0.is_match(target)
    }
}

impl JsonSchema for TargetPattern {
    fn schema_name() -> Cow<'static, str> {
        "TargetPattern".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

impl<'de> Deserialize<'de> for TargetPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pattern = String::deserialize(deserializer)?;
        let glob = GlobBuilder::new(&pattern).literal_separator(true).case_insensitive(true).build();
        Ok(Self(glob.map_err(serde::de::Error::custom)?.compile_matcher()))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bad_pattern_is_a_mistake_of_the_config() {
        let rule = json!({ "allow": [], "locations": [{ "type": "url", "pattern": "[" }] });
        let error = serde_json::from_value::<RuleConfig>(rule).unwrap_err().to_string();
        assert!(error.contains("error parsing glob '['"), "{error}");
    }
}
