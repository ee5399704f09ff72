use tracing::Span;

use crate::{PerPlugin, PluginId, Service};

/// The plugin's span, for work that outlives `init`.
///
/// In `init`, in handlers and in hooks the host has already entered it: there, `tracing::info!`
/// is enough. A task of one's own is spawned with `.instrument(logger.span().clone())`.
#[derive(Clone, Debug)]
pub struct Logger {
    span: Span,
}

impl Logger {
    /// For the container and tests.
    ///
    /// An error-level span, so that it is there (and with it the plugin's id) at every log level.
    pub fn new(plugin: PluginId) -> Self {
        Self { span: tracing::error_span!("plugin", plugin = plugin.as_str()) }
    }

    /// The span to instrument a task with.
    pub fn span(&self) -> &Span {
        &self.span
    }
}

impl Service for Logger {
    type Scope = PerPlugin;
    const ID: &'static str = "core.logger";
}
