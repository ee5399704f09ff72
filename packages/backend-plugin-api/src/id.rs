use std::fmt;

/// The id of a plugin: `a-z`, `0-9` and `-`, starting with a letter.
///
/// It names the plugin's config section, its database and its routes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PluginId(&'static str);

impl PluginId {
    /// Panics on a malformed id, which in a `const` is a compile error.
    #[track_caller]
    pub const fn new(id: &'static str) -> Self {
        let bytes = id.as_bytes();
        assert!(!bytes.is_empty() && bytes[0].is_ascii_lowercase(), "a plugin id starts with a-z");
        let mut i = 0;
        while i < bytes.len() {
            let ok = bytes[i].is_ascii_lowercase() || bytes[i].is_ascii_digit() || bytes[i] == b'-';
            assert!(ok, "a plugin id has only a-z, 0-9 and '-'");
            i += 1;
        }
        Self(id)
    }

    /// The id as it is written in config.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for PluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for PluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
