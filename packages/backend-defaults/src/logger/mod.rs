//! The log: one line an event, pretty on a terminal and JSON otherwise, with the id of the plugin
//! that it is about. `backend.logger` and `LOG_LEVEL` say which events.
//!
//! Backstage: `rootLogger` of `@backstage/backend-defaults`.

mod config;
mod filter;
mod format;
mod layer;
mod record;
#[cfg(test)]
mod tests;

use std::io::{IsTerminal, stdout};

use anyhow::Context as _;
use backend_plugin_api::services::Logger;
use backend_plugin_api::{PluginId, Result, ServiceFactory};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt;

pub use ::config::Redactor;
pub use config::{Level, LoggerConfig, Matcher, Override, UnknownLevel};
pub use filter::Filter;
pub use format::Format;
pub use layer::{LogLayer, LogSettings};

/// Lines that may wait for a slow reader of the log; what comes after that is dropped rather
/// than have requests wait for it.
const BUFFERED_LINES: usize = 16_384;

impl Format {
    /// [`Format::Pretty`] on a terminal (with colours, unless `NO_COLOR` is set), [`Format::Json`]
    /// otherwise.
    pub fn of_stdout(env: &dyn Fn(&str) -> Option<String>) -> Self {
        match stdout().is_terminal() {
            true => Self::Pretty { color: env("NO_COLOR").is_none_or(|it| it.is_empty()) },
            false => Self::Json,
        }
    }
}

/// The log of the whole process. When it is dropped, what waits is written, and nothing after that.
#[derive(Debug)]
pub struct Log {
    settings: LogSettings,
    _guard: WorkerGuard,
}

impl Log {
    /// For changing it while it is in use.
    pub fn settings(&self) -> LogSettings {
        self.settings.clone()
    }
}

impl LogSettings {
    /// Takes what the config says; `level` overrides its level, `redactor` hides its secrets.
    pub fn apply(&self, config: &LoggerConfig, level: Option<Level>, redactor: Redactor) {
        self.set(config.filter(level), config.meta.clone(), redactor);
    }
}

/// Sends what is logged from now on, by the whole process, to standard output. Lines are written
/// by a thread of their own. `level` overrides the config's.
///
/// # Errors
/// When it was called before.
pub fn install(config: &LoggerConfig, level: Option<Level>, format: Format, redactor: Redactor) -> Result<Log> {
    let writer = NonBlockingBuilder::default().buffered_lines_limit(BUFFERED_LINES).thread_name("log");
    let (writer, guard) = writer.finish(stdout());
    let settings = LogSettings::new(config.filter(level), config.meta.clone());
    let layer = LogLayer::new(writer, settings.clone(), format, redactor);
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::set_global_default(subscriber).context("the log was installed twice")?;
    Ok(Log { settings, _guard: guard })
}

/// One span for each plugin.
#[derive(Debug)]
pub struct LoggerFactory;

impl ServiceFactory for LoggerFactory {
    type Service = Logger;
    type Deps = (PluginId,);

    async fn create(&self, (plugin,): Self::Deps) -> Result<Logger> {
        Ok(Logger::new(plugin))
    }
}
