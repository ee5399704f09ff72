use backend_app_api::ConfigChecker;
use backend_defaults::logger::{Level, LogSettings, LoggerConfig};
use backend_plugin_api::Section;
use config::{Config, Reload, Sources, Watch};

use crate::load;

/// What to do when the config changes.
pub(crate) struct OnChange {
    /// The last that was in order.
    pub(crate) config: Config,
    /// Checks it first.
    pub(crate) checker: ConfigChecker,
    /// Of the log, which takes it up.
    pub(crate) log: LogSettings,
    /// Overrides the log's level.
    pub(crate) level: Option<Level>,
}

/// Watches the config until the result is dropped. A backend runs as well without that.
pub(crate) fn watch(sources: Sources, mut on_change: OnChange) -> Option<Watch> {
    let watch = Watch::start(on_change.config.clone(), sources, load::env, move |reload| on_change.take(reload));
    watch.map_err(|error| tracing::warn!("{error}: a change of it needs a restart")).ok()
}

impl OnChange {
    fn take(&mut self, reload: Reload) {
        match reload {
            Reload::Changed { config, .. } => match self.checker.check(&config) {
                Ok(()) => self.apply(config),
                Err(errors) => tracing::error!("the config has changed and is wrong; it stays as it was:\n{errors}"),
            },
            Reload::Failed(errors) => {
                tracing::error!("the config has changed and cannot be read; it stays as it was:\n{errors}");
            }
        }
    }

    fn apply(&mut self, config: Config) {
        let keys = config.changed_keys(&self.config);
        // A change of the level is not to hide itself: told at whichever of the two levels shows it.
        let shown = tracing::enabled!(tracing::Level::INFO);
        if shown {
            self.tell(&keys);
        }
        if let Ok(logger) = config.read::<LoggerConfig>(LoggerConfig::KEY) {
            self.log.apply(&logger, self.level, config.redactor());
        }
        if !shown {
            self.tell(&keys);
        }
        self.config = config;
    }

    fn tell(&self, keys: &[String]) {
        let is_live = |key: &&String| self.checker.schema().at(key).is_some_and(|it| it.reload);
        let (live, restart): (Vec<_>, Vec<_>) = keys.iter().partition(is_live);
        let list = |keys: Vec<&String>| keys.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
        if keys.is_empty() {
            tracing::info!("the config is again as it was");
        }
        if !live.is_empty() {
            tracing::info!("the config has changed; this holds from now on: {}", list(live));
        }
        if !restart.is_empty() {
            tracing::warn!("the config has changed; this needs a restart: {}", list(restart));
        }
    }
}
