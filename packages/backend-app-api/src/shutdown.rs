use std::sync::Arc;
use std::time::Duration;

use backend_plugin_api::PluginId;
use backend_plugin_api::services::lifecycle::{Hook, Stage};
use backend_plugin_api::services::{Lifecycle, Logger, RootLifecycle};
use futures::future::join_all;
use tokio::time::timeout;
use tracing::Instrument;

use crate::container::{Container, catch_panic};
use crate::{LifecycleConfig, Phase, Status};

pub(crate) struct Shutdown {
    pub(crate) container: Arc<Container>,
    pub(crate) status: Status,
    pub(crate) plugins: Vec<PluginId>,
    pub(crate) lifecycle: LifecycleConfig,
}

impl Shutdown {
    pub(crate) async fn run(self) {
        self.status.set_phase(Phase::Stopping);
        let step: Duration = self.lifecycle.shutdown_timeout.into();
        let delay: Duration = self.lifecycle.server_shutdown_delay.into();
        let root = self.container.root().get::<RootLifecycle>().await.unwrap_or_default();
        for hook in root.take(Stage::BeforeShutdown) {
            run_hook(hook, Some(delay + step)).await;
        }
        join_all(self.plugins.iter().map(|plugin| self.stop_plugin(*plugin, step))).await;
        for hook in root.take(Stage::Shutdown).into_iter().rev() {
            run_hook(hook, Some(step)).await;
        }
        let databases = self.status.databases();
        if timeout(step, join_all(databases.values().map(|it| it.close()))).await.is_err() {
            tracing::warn!("closing the databases took more than {step:?}, going on");
        }
    }

    async fn stop_plugin(&self, plugin: PluginId, step: Duration) {
        let Ok(lifecycle) = self.container.plugin(plugin).get::<Lifecycle>().await else { return };
        let hooks = lifecycle.take(Stage::Shutdown).into_iter().rev();
        let stop = async {
            for hook in hooks {
                run_hook(hook, Some(step)).await;
            }
        };
        stop.instrument(Logger::new(plugin).span().clone()).await;
    }
}

/// Runs a hook; what goes wrong is logged and stops nothing.
pub(crate) async fn run_hook(hook: Hook, deadline: Option<Duration>) {
    let Hook { name, run } = hook;
    let run = catch_panic(run);
    let ran = match deadline {
        Some(deadline) => {
            timeout(deadline, run).await.unwrap_or_else(|_| Err(anyhow::anyhow!("it took more than {deadline:?}")))
        }
        None => run.await,
    };
    if let Err(error) = ran {
        tracing::error!("hook `{name}` failed: {error:#}");
    }
}
