use std::future::pending;

use backend_plugin_api::services::{Lifecycle, RootLifecycle};
use backend_plugin_api::{Initialization, Plugin, PluginId, Result, Root, Service, ServiceFactory};
use serde_json::json;

use super::fixtures::{Hooked, Log, backend, started};

#[derive(Clone)]
struct Server;

impl Service for Server {
    type Scope = Root;
    const ID: &'static str = "server";
}

/// A root service with a hook for everything.
struct MakeServer(Log);

impl ServiceFactory for MakeServer {
    type Service = Server;
    type Deps = (RootLifecycle,);
    const INITIALIZATION: Initialization = Initialization::Always;

    async fn create(&self, (lifecycle,): Self::Deps) -> Result<Server> {
        let note = |event: &'static str| {
            let log = self.0.clone();
            async move {
                log.push(event);
                Ok(())
            }
        };
        lifecycle.add_startup_hook("s", note("root: started"));
        lifecycle.add_before_shutdown_hook("b", note("root: drain"));
        lifecycle.add_shutdown_hook("1", note("root: stop first added"));
        lifecycle.add_shutdown_hook("2", note("root: stop last added"));
        Ok(Server)
    }
}

#[tokio::test]
async fn hooks_run_in_order() {
    let log = Log::default();
    let running = started(backend(json!({})).service(MakeServer(log.clone())).plugin(Hooked(log.clone()))).await;
    assert_eq!(log.take(), ["plugin: init", "plugin: started", "root: started"]);
    running.shutdown().await;
    assert_eq!(
        log.take(),
        [
            "root: drain",
            "plugin: stop last added",
            "plugin: stop first added",
            "root: stop last added",
            "root: stop first added"
        ]
    );
}

/// A hook that hangs, one that fails and one that panics; then one that is fine.
#[tokio::test(start_paused = true)]
async fn a_hook_that_hangs_has_a_deadline_and_one_that_fails_stops_nothing() {
    struct Bad(Log);
    impl Plugin for Bad {
        const ID: PluginId = PluginId::new("bad");
        type Deps = (Lifecycle,);
        async fn init(self, (lifecycle,): Self::Deps) -> Result<()> {
            let log = self.0;
            lifecycle.add_shutdown_hook("fine", async move {
                log.push("fine");
                Ok(())
            });
            lifecycle.add_shutdown_hook("panics", async { panic!("oh no") });
            lifecycle.add_shutdown_hook("fails", async { anyhow::bail!("no") });
            lifecycle.add_shutdown_hook("hangs", pending());
            Ok(())
        }
    }
    let log = Log::default();
    let config = json!({ "backend": { "lifecycle": { "shutdownTimeout": "5s" } } });
    let running = started(backend(config).plugin(Bad(log.clone()))).await;
    let began = tokio::time::Instant::now();
    running.shutdown().await;
    assert_eq!(log.take(), ["fine"]);
    assert_eq!(began.elapsed().as_secs(), 5);
}
