use std::borrow::Cow;
use std::fmt;

use aho_corasick::{AhoCorasick, MatchKind};

/// The shortest secret that is looked for: hiding every `us` that happens to be one would hide half the log, and tell
/// the secret by that.
const SHORTEST: usize = 8;

/// Hides secrets in texts that should not have had them: the last line of defence behind [`Secret`](crate::Secret).
#[derive(Clone, Default)]
pub struct Redactor(Option<AhoCorasick>);

impl Redactor {
    /// Hides these, but for those of fewer than 8 characters.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let secrets: Vec<_> = secrets.into_iter().filter(|it| it.len() >= SHORTEST).collect();
        let build = || AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&secrets).ok();
        Self(if secrets.is_empty() { None } else { build() })
    }

    /// The text without them.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.0 {
            Some(secrets) if secrets.is_match(text) => {
                let masks = vec!["***"; secrets.patterns_len()];
                Cow::Owned(secrets.replace_all(text, &masks))
            }
            _ => Cow::Borrowed(text),
        }
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}
