//! Which kinds may come from where. Backstage: `CatalogRules.ts`.

use backend_plugin_api::Located;
use std::path::Path;

use catalog_model::LocationRef;

use crate::config::{CatalogConfig, LocationMatcherConfig};
use crate::locations::files;

const DEFAULT_KINDS: [&str; 3] = ["Component", "API", "Location"];

/// What `catalog.rules` and the rules of `catalog.locations` allow.
pub(crate) struct Rules(Vec<Rule>);

struct Rule {
    kinds: Vec<String>,
    from: From,
}

enum From {
    Anywhere,
    Location(LocationRef),
    Matching(Vec<LocationMatcherConfig>),
}

impl Rules {
    pub(crate) fn new(config: &CatalogConfig, working_directory: &Path) -> Self {
        let lower = |kinds: &[String]| kinds.iter().map(|it| it.to_lowercase()).collect();
        let mut rules: Vec<Rule> = match &config.rules {
            None => vec![Rule { kinds: lower(&DEFAULT_KINDS.map(str::to_owned)), from: From::Anywhere }],
            Some(rules) => rules
                .iter()
                .map(|rule| Rule {
                    kinds: lower(&rule.allow),
                    from: rule.locations.clone().map_or(From::Anywhere, |it| {
                        From::Matching(it.into_iter().map(|it| resolved(it, working_directory)).collect())
                    }),
                })
                .collect(),
        };
        for location in &config.locations {
            let from = configured(&location.r#type, &location.target, working_directory);
            rules.extend(
                location.rules.iter().map(|it| Rule { kinds: lower(&it.allow), from: From::Location(from.clone()) }),
            );
        }
        Self(rules)
    }

    /// Whether an entity of this kind may come from this configured location, directly or through others.
    pub(crate) fn allow(&self, kind: &str, origin: &LocationRef) -> bool {
        let kind = kind.to_lowercase();
        self.0.iter().any(|rule| rule.kinds.contains(&kind) && rule.from.matches(origin))
    }
}

impl From {
    fn matches(&self, origin: &LocationRef) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Location(location) => location == origin,
            Self::Matching(matchers) => matchers.iter().any(|it| {
                it.r#type == origin.kind
                    && it.exact.as_ref().is_none_or(|exact| *exact.get() == origin.target)
                    && it.pattern.as_ref().is_none_or(|pattern| pattern.matches(&origin.target))
            }),
        }
    }
}

fn resolved(mut matcher: LocationMatcherConfig, working_directory: &Path) -> LocationMatcherConfig {
    let exact = matcher.exact.map(|it| configured(&matcher.r#type, &it, working_directory).target);
    matcher.exact = exact.map(|it| Located::new(it, ""));
    matcher
}

/// A location of the config: files are absolute.
pub(crate) fn configured(kind: &str, target: &Located<String>, working_directory: &Path) -> LocationRef {
    let folder = working_directory.join(target.directory());
    match kind {
        "file" => LocationRef::new(kind, files::resolve(&folder, target.get()).to_string_lossy()),
        _ => LocationRef::new(kind, target.get()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn allowed(config: serde_json::Value, target: &str) -> String {
        let rules = Rules::new(&serde_json::from_value(config).unwrap(), Path::new("/here"));
        let origin = LocationRef::new("file", target);
        let kinds = ["Component", "API", "Location", "User", "Group"];
        kinds.into_iter().filter(|it| rules.allow(it, &origin)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn without_rules_people_are_not_allowed() {
        assert_eq!(allowed(json!({}), "/here/a.yaml"), "Component API Location");
    }

    #[test]
    fn rules_replace_the_default_and_a_locations_rules_add() {
        let config = json!({
            "rules": [{ "allow": ["component"] }],
            "locations": [{ "type": "file", "target": "./org.yaml", "rules": [{ "allow": ["User", "GROUP"] }] }],
        });
        assert_eq!(allowed(config.clone(), "/here/a.yaml"), "Component");
        assert_eq!(allowed(config, "/here/org.yaml"), "Component User Group");
        assert_eq!(allowed(json!({ "rules": [] }), "/here/a.yaml"), "");
    }

    #[test]
    fn a_rule_can_be_for_some_locations() {
        let config = json!({ "rules": [
            { "allow": ["User"], "locations": [{ "type": "file", "exact": "./org.yaml" }] },
            { "allow": ["Group"], "locations": [{ "type": "file", "pattern": "/HERE/*.yaml" }] },
            { "allow": ["API"], "locations": [{ "type": "url" }] },
        ]});
        assert_eq!(allowed(config.clone(), "/here/org.yaml"), "User Group");
        assert_eq!(allowed(config.clone(), "/here/a.yaml"), "Group");
        assert_eq!(allowed(config, "/here/b/a.yaml"), "");
    }
}
