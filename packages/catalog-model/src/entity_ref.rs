use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// The namespace of an entity that names none.
pub const DEFAULT_NAMESPACE: &str = "default";

/// The longest text of a reference, in characters: what an indexed column holds on every database.
pub const MAX_REF_LENGTH: usize = 255;

/// Names one entity: `kind:namespace/name`.
///
/// The parts keep the case they were written in. As text, and in comparisons, they are in lower case.
/// Backstage: `CompoundEntityRef`, `parseEntityRef`, `stringifyEntityRef`.
#[derive(Clone, Debug)]
pub struct EntityRef {
    kind: String,
    namespace: String,
    name: String,
    text: String,
}

/// What a reference means where it says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct RefDefaults<'a> {
    /// For `name` and `namespace/name`; without it these are errors.
    pub kind: Option<&'a str>,
    /// For `name` and `kind:name`; [`DEFAULT_NAMESPACE`] if there is none.
    pub namespace: Option<&'a str>,
}

/// A text that is not an entity reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefError {
    /// Nothing was given.
    #[error("Entity reference must not be empty")]
    Empty,
    /// A part is there but empty, as in `component:/name`.
    #[error("Entity reference \"{0}\" was not on the form [<kind>:][<namespace>/]<name>")]
    Form(String),
    /// No kind, and no default for it.
    #[error("Entity reference \"{0}\" had missing or empty kind (e.g. did not start with \"component:\" or similar)")]
    Kind(String),
    /// More than [`MAX_REF_LENGTH`] characters, or a NUL character: no database could keep it.
    #[error("Entity reference \"{0}...\" is longer than {MAX_REF_LENGTH} characters or has a NUL character")]
    Unstorable(String),
}

impl EntityRef {
    /// The reference to an entity whose parts are known.
    pub fn new(kind: impl Into<String>, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        let (kind, namespace, name) = (kind.into(), namespace.into(), name.into());
        let text = format!("{kind}:{namespace}/{name}").to_lowercase();
        Self { kind, namespace, name, text }
    }

    /// Reads `[<kind>:][<namespace>/]<name>`.
    pub fn parse(text: &str, defaults: RefDefaults<'_>) -> Result<Self, RefError> {
        if text.is_empty() {
            return Err(RefError::Empty);
        }
        let (kind, namespace, name) = split(text);
        if name.is_empty() || kind == Some("") || namespace == Some("") {
            return Err(RefError::Form(text.to_owned()));
        }
        let kind = kind.or(defaults.kind).filter(|it| !it.is_empty()).ok_or_else(|| RefError::Kind(text.to_owned()))?;
        let namespace = namespace.or(defaults.namespace.filter(|it| !it.is_empty())).unwrap_or(DEFAULT_NAMESPACE);
        let parsed = Self::new(kind, namespace, name);
        if parsed.text.chars().count() > MAX_REF_LENGTH || text.contains('\0') {
            return Err(RefError::Unstorable(text.chars().take(40).filter(|it| *it != '\0').collect()));
        }
        Ok(parsed)
    }

    /// In lower case, e.g. `component:default/shop`: one text for each entity.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As it was written, e.g. `Component`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// As it was written, e.g. `default`.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// As it was written.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A `:` after the first `/` is part of the name.
fn split(text: &str) -> (Option<&str>, Option<&str>, &str) {
    let slash = text.find('/');
    let colon = text.find(':').filter(|colon| slash.is_none_or(|slash| *colon < slash));
    let kind = colon.map(|at| &text[..at]);
    let rest = &text[colon.map_or(0, |at| at + 1)..];
    match rest.split_once('/') {
        Some((namespace, name)) => (kind, Some(namespace), name),
        None => (kind, None, rest),
    }
}

impl fmt::Display for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for EntityRef {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for EntityRef {}

impl Hash for EntityRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl PartialOrd for EntityRef {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for EntityRef {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DEFAULTS: RefDefaults<'static> = RefDefaults { kind: Some("Group"), namespace: Some("ns") };

    #[test]
    fn missing_parts_are_the_defaults() {
        let parse = |text| EntityRef::parse(text, DEFAULTS).unwrap().to_string();
        assert_eq!(parse("Name"), "group:ns/name");
        assert_eq!(parse("Other/Name"), "group:other/name");
        assert_eq!(parse("API:Name"), "api:ns/name");
        assert_eq!(parse("API:Other/Name"), "api:other/name");
        assert_eq!(EntityRef::parse("a:b", RefDefaults::default()).unwrap().to_string(), "a:default/b");
    }

    #[test]
    fn a_colon_after_the_slash_is_part_of_the_name() {
        let parsed = EntityRef::parse("a/b:c", DEFAULTS).unwrap();
        assert_eq!((parsed.kind(), parsed.namespace(), parsed.name()), ("Group", "a", "b:c"));
        assert_eq!(EntityRef::parse("k:n/a/b", DEFAULTS).unwrap().name(), "a/b");
    }

    #[test]
    fn what_is_no_reference_is_refused_with_backstages_words() {
        let error = |text: &str| EntityRef::parse(text, RefDefaults::default()).unwrap_err().to_string();
        assert_eq!(error(""), "Entity reference must not be empty");
        for text in [":b", "a:/c", "a:b/", "/c", "a:"] {
            assert_eq!(
                error(text),
                format!("Entity reference \"{text}\" was not on the form [<kind>:][<namespace>/]<name>")
            );
        }
        assert_eq!(
            error("shop"),
            "Entity reference \"shop\" had missing or empty kind (e.g. did not start with \"component:\" or similar)"
        );
        assert!(error(&format!("a:{}", "x".repeat(300))).contains("is longer than 255 characters"));
        assert!(error("a:b\0").contains("NUL"));
    }

    #[test]
    fn case_makes_no_difference() {
        let (one, other) = (EntityRef::new("API", "Default", "Ä"), EntityRef::new("api", "default", "ä"));
        assert_eq!(one, other);
        assert_eq!(one.kind(), "API");
    }

    proptest! {
        #[test]
        fn any_text_parses_or_fails_and_what_prints_parses_again(text in ".{0,40}") {
            if let Ok(parsed) = EntityRef::parse(&text, DEFAULTS) {
                let again = EntityRef::parse(&parsed.to_string(), RefDefaults::default()).unwrap();
                prop_assert_eq!(parsed, again);
            }
        }
    }
}
