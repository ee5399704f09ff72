use std::fmt;

use backend_plugin_api::ConfigError;

/// Something in the config that does not keep the backend from starting but should be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigWarning {
    /// Of which kind.
    pub kind: WarningKind,
    /// What, and where.
    pub what: ConfigError,
}

/// Why to warn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarningKind {
    /// Nobody reads the key: it may be misspelt.
    Unread,
    /// The value is absent because a variable of the environment is.
    Unset,
    /// The key is Backstage's and has no effect here.
    Unused,
}

/// As the error that it is to who is strict.
impl fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.what.fmt(f)
    }
}

/// How to check a config. By default, as for a start.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckOptions {
    /// Keys that nobody reads, and values that are absent because a variable is not set, are mistakes.
    pub strict: bool,
    /// That a variable is not set is neither a mistake nor a warning, also where a value is required.
    pub lax: bool,
    /// Only what the frontend may see.
    pub frontend: bool,
}
