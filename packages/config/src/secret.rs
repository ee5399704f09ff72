use std::{borrow::Cow, fmt, ops::Range};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::key::{self, Part};

/// What stands in the place of a secret wherever it would be shown.
pub(crate) const MASK: &str = "********";

/// A value that is never shown: `Debug` and `Serialize` give `********`, and there is no `Display`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself; every call is a place to look at when secrets leak.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl<T> Serialize for Secret<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

/// Whether a value may be shown, from the names of the keys above it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Guard {
    named: bool,
    below_connection: bool,
    port: bool,
}

impl Guard {
    /// For the value of a key in this one.
    #[must_use]
    pub(crate) fn key(mut self, name: &str) -> Self {
        let plain = name.bytes().all(|byte| !matches!(byte, b'.' | b'[' | b']' | b'"'));
        if plain {
            self.part(name);
            return self;
        }
        for part in name.split(['.', '[', ']', '"']).filter(|part| !part.is_empty()) {
            self.part(part);
        }
        self
    }

    fn part(&mut self, part: &str) {
        self.named |= is_secret_name(part);
        self.below_connection |= part == "connection";
        if !part.bytes().all(|byte| byte.is_ascii_digit()) {
            self.port = part == "port";
        }
    }

    /// Whether what stands here is not for showing: some part of the key is named like a secret.
    ///
    /// `port` is let through below `connection`: it has to be a number, so a wrong one helps and gives nothing away.
    pub(crate) fn hides(self) -> bool {
        self.named || (self.below_connection && !self.port)
    }
}

/// Whether what stands at this key is not for showing.
pub(crate) fn is_secret_key(path: &str) -> bool {
    Guard::default().key(path).hides()
}

/// Whether some part of a key is named like a secret.
pub(crate) fn is_named_secret(path: &str) -> bool {
    Guard::default().key(path).named
}

/// Whether a single part of a key is named like a secret.
pub(crate) fn is_secret_name(name: &str) -> bool {
    const ANYWHERE: [&[u8]; 8] =
        [b"password", b"passphrase", b"passwd", b"secret", b"token", b"credential", b"authorization", b"cookie"];
    const AT_THE_END: [&[u8]; 3] = [b"key", b"keys", b"pem"];
    let name = name.as_bytes();
    let ends = |end: &[u8]| name.len() >= end.len() && name[name.len() - end.len()..].eq_ignore_ascii_case(end);
    AT_THE_END.into_iter().any(ends)
        || (0..name.len()).any(|at| {
            let starts =
                |word: &[u8]| name.len() - at >= word.len() && name[at..at + word.len()].eq_ignore_ascii_case(word);
            // The letters they begin with.
            matches!(name[at] | 0x20, b'p' | b's' | b't' | b'c' | b'a') && ANYWHERE.into_iter().any(starts)
        })
}

/// Whether a text carries the `user:password@` of a URL.
pub(crate) fn has_user_info(text: &str) -> bool {
    user_infos(text).next().is_some()
}

/// The text with a mask for the `user:password` of every URL in it.
pub(crate) fn without_user_info(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut from = 0;
    for info in user_infos(text) {
        out.push_str(&text[from..info.start]);
        out.push_str(MASK);
        from = info.end;
    }
    if from == 0 { Cow::Borrowed(text) } else { Cow::Owned(out + &text[from..]) }
}

/// The passwords of the URLs in a text.
pub(crate) fn url_passwords(text: &str) -> impl Iterator<Item = &str> {
    user_infos(text)
        .map(|info| text[info].split_once(':').map_or("", |(_, password)| password))
        .filter(|it| !it.is_empty())
}

fn user_infos(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices("://").filter_map(|(at, mark)| {
        let start = at + mark.len();
        let authority = text[start..].split(['/', '?', '#', ' ', '\n']).next().unwrap_or("");
        authority.rfind('@').map(|end| start..start + end)
    })
}

/// Patterns of keys that are secret, whatever their names.
#[derive(Clone, Default)]
pub(crate) struct SecretKeys(Vec<Vec<Part>>);

impl SecretKeys {
    /// Adds keys, in which `*` stands for any name and `[*]` for any index.
    pub(crate) fn extend<'a>(&mut self, patterns: impl IntoIterator<Item = &'a str>) {
        self.0.extend(patterns.into_iter().map(key::parse));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the key or one above it is marked.
    pub(crate) fn marks(&self, path: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let parts = key::parse(path);
        let same = |(pattern, part): (&Part, &Part)| match (pattern, part) {
            (Part::Name(pattern), Part::Index(_)) => pattern == "[*]",
            (Part::Name(pattern), Part::Name(name)) => pattern == "*" || pattern == name,
            (pattern, part) => pattern == part,
        };
        self.0.iter().any(|pattern| pattern.len() <= parts.len() && pattern.iter().zip(&parts).all(same))
    }

    /// Whether what stands at a key is not for showing.
    pub(crate) fn hide(&self, path: &str) -> bool {
        is_secret_key(path) || self.marks(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_named_like_secrets_are_known() {
        for key in [
            "backend.database.connection",
            "backend.database.connection.host",
            "backend.auth.keys[0].secret",
            "integrations.github[0].token",
            "a.clientSecret",
            "a.apiKey.x",
            "a[\"x.password\"]",
        ] {
            assert!(is_secret_key(key), "{key}");
        }
        for key in ["backend.database.connection.port", "backend.listen", "catalog.locations[2].target", "app.title"] {
            assert!(!is_secret_key(key), "{key}");
        }
    }

    #[test]
    fn user_info_is_seen_in_urls_only() {
        assert!(has_user_info("postgres://u:p@h/db") && has_user_info("see https://t@h"));
        assert!(!has_user_info("https://h/a@b") && !has_user_info("me@example.com"));
        assert_eq!(
            without_user_info("postgres://u:p@ss@h/db?x=a://b, see https://h"),
            "postgres://********@h/db?x=a://b, see https://h"
        );
        assert_eq!(url_passwords("postgres://u:p@ss@h/db https://user@h").collect::<Vec<_>>(), ["p@ss"]);
    }

    #[test]
    fn keys_are_marked_by_patterns() {
        let mut keys = SecretKeys::default();
        keys.extend(["a.b", "list[*].x", "any.*.y"]);
        for key in ["a.b", "a.b.c[0]", "list[3].x", "any.thing.y"] {
            assert!(keys.marks(key), "{key}");
        }
        for key in ["a", "a.bc", "list[3]", "list.x.x", "any.thing", ""] {
            assert!(!keys.marks(key), "{key}");
        }
    }
}
