use backend_plugin_api::{CheckContext, ConfigError, Section};

use super::{DatabaseConfig, LibpqEnvironment};

/// What sort of environment the backend runs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Environment {
    /// A developer's machine, or not known.
    #[default]
    Development,
    /// One whose data must not be lost.
    Production,
}

impl Environment {
    /// From the value of `BACKSTAGE_ENV`, a list with commas: production if `production` is in it.
    pub fn from_backstage_env(value: Option<&str>) -> Self {
        let is_production = |it: &str| it.trim().eq_ignore_ascii_case("production");
        match value.is_some_and(|it| it.split(',').any(is_production)) {
            true => Self::Production,
            false => Self::Development,
        }
    }

    /// Data that would be in memory in production, unless `backend.database.allowEphemeral` is set.
    pub(crate) fn check(self, cx: &CheckContext<'_>) -> Vec<ConfigError> {
        // What cannot be read is told by the section's own check.
        let Ok(config) = cx.config.read::<DatabaseConfig>(DatabaseConfig::KEY) else { return Vec::new() };
        if self == Self::Development || config.allow_ephemeral {
            return Vec::new();
        }
        let environment = LibpqEnvironment::of_process();
        let plans = cx.databases.iter().filter_map(|plugin| config.plan(*plugin, &environment).ok());
        let lost: Vec<_> = plans.filter(|it| it.info().ephemeral).map(|it| format!("`{}`", it.plugin)).collect();
        if lost.is_empty() {
            return Vec::new();
        }
        let message = format!(
            "the data of {} would be in memory and lost when the backend stops, and `BACKSTAGE_ENV` says that this is \
             production; set `backend.database.connection.directory`, or `backend.database.allowEphemeral: true` if \
             the data may be lost",
            lost.join(", ")
        );
        vec![cx.config.error(DatabaseConfig::KEY, message)]
    }
}
