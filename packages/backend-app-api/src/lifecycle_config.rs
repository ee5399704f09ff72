use backend_plugin_api::{Duration, Section};
use schemars::JsonSchema;
use serde::Deserialize;

/// How long starting and stopping may take.
///
/// Backstage: `backend.lifecycle`; `shutdownTimeout` is ours.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct LifecycleConfig {
    /// How long a request to a plugin that is still starting waits for it.
    pub startup_request_pause_timeout: Duration,
    /// How long the server goes on accepting after readiness has turned 503.
    pub server_shutdown_delay: Duration,
    /// The most that each step of a shutdown may take.
    pub shutdown_timeout: Duration,
}

impl Default for LifecycleConfig {
    fn default() -> Self {
        let seconds = |n| Duration::from(std::time::Duration::from_secs(n));
        Self {
            startup_request_pause_timeout: seconds(5),
            server_shutdown_delay: seconds(0),
            shutdown_timeout: seconds(10),
        }
    }
}

impl Section for LifecycleConfig {
    const KEY: &'static str = "backend.lifecycle";
}
