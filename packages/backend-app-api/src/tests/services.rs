use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use backend_plugin_api::host::Factory;
use backend_plugin_api::services::Database;
use backend_plugin_api::{
    Context, Deps, Initialization, Needs, PerPlugin, Plugin, PluginId, Result, Root, Service, ServiceFactory,
};
use serde_json::json;

use super::fixtures::{Log, backend, started};

#[derive(Clone)]
struct Shared;

impl Service for Shared {
    type Scope = Root;
    const ID: &'static str = "shared";
}

/// Makes `Shared`, or fails; counts.
struct MakeShared {
    made: Arc<AtomicUsize>,
    fails: bool,
}

impl ServiceFactory for MakeShared {
    type Service = Shared;
    type Deps = ();

    async fn create(&self, (): ()) -> Result<Shared> {
        self.made.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        if self.fails {
            anyhow::bail!("the server is down");
        }
        Ok(Shared)
    }
}

#[derive(Clone)]
struct Own(PluginId);

impl Service for Own {
    type Scope = PerPlugin;
    const ID: &'static str = "own";
}

struct MakeOwn;

impl ServiceFactory for MakeOwn {
    type Service = Own;
    type Deps = (PluginId, Shared);

    async fn create(&self, (plugin, _): Self::Deps) -> Result<Own> {
        Ok(Own(plugin))
    }
}

struct Named<const N: usize>;

impl<const N: usize> Plugin for Named<N> {
    const ID: PluginId = PluginId::new(["a", "b", "c"][N]);
    type Deps = (Own, Own, Shared);

    async fn init(self, (own, again, _): Self::Deps) -> Result<()> {
        assert_eq!((own.0, again.0), (Self::ID, Self::ID));
        Ok(())
    }
}

#[tokio::test]
async fn a_root_service_is_made_once_and_a_plugin_service_once_for_each_plugin() {
    let made = Arc::new(AtomicUsize::new(0));
    let backend = backend(json!({})).service(MakeOwn).service(MakeShared { made: Arc::clone(&made), fails: false });
    let running = started(backend.plugin(Named::<0>).plugin(Named::<1>).plugin(Named::<2>)).await;
    assert_eq!(made.load(Ordering::SeqCst), 1);
    assert!(running.get::<Database>(PluginId::new("a")).await.is_err());
}

#[tokio::test]
async fn a_root_service_that_cannot_be_made_is_tried_once_for_all() {
    let made = Arc::new(AtomicUsize::new(0));
    let backend = backend(json!({})).service(MakeOwn).service(MakeShared { made: Arc::clone(&made), fails: true });
    let backend = backend.plugin(Named::<0>).plugin(Named::<1>);
    let error = backend.check().unwrap().start().started().await.unwrap_err();
    assert_eq!(made.load(Ordering::SeqCst), 1);
    insta::assert_snapshot!(error, @"
    the backend did not start:
      - plugin `a`: making service `own`: making service `shared`: the server is down
      - plugin `b`: making service `own`: making service `shared`: the server is down
    ");
}

#[tokio::test]
async fn a_root_service_can_be_made_though_nothing_asks_for_it() {
    struct Eager(Log);
    impl ServiceFactory for Eager {
        type Service = Shared;
        type Deps = ();
        const INITIALIZATION: Initialization = Initialization::Always;
        async fn create(&self, (): ()) -> Result<Shared> {
            self.0.push("made");
            anyhow::bail!("port taken")
        }
    }
    let log = Log::default();
    let error = backend(json!({})).service(Eager(log.clone())).check().unwrap().start().started().await.unwrap_err();
    assert_eq!(log.take(), ["made"]);
    assert_eq!(error.to_string(), "the backend did not start:\n  - service `shared`: port taken");
}

#[derive(Clone)]
struct Greeter(String);

impl Service for Greeter {
    type Scope = PerPlugin;
    const ID: &'static str = "greeter";

    fn default_factory() -> Option<Factory> {
        Some(Factory::new(Plain))
    }
}

struct Plain;

impl ServiceFactory for Plain {
    type Service = Greeter;
    type Deps = (PluginId,);

    async fn create(&self, (plugin,): Self::Deps) -> Result<Greeter> {
        Ok(Greeter(format!("hello {plugin}")))
    }
}

/// A factory wraps another by asking for the other's `Deps`: no cycle, no magic.
struct Loud;

impl ServiceFactory for Loud {
    type Service = Greeter;
    type Deps = <Plain as ServiceFactory>::Deps;

    async fn create(&self, deps: Self::Deps) -> Result<Greeter> {
        Ok(Greeter(Plain.create(deps).await?.0.to_uppercase()))
    }
}

struct Host(Log);

/// Named dependencies, by way of a tuple.
struct HostDeps {
    greeter: Greeter,
    id: PluginId,
}

impl Deps<PerPlugin> for HostDeps {
    fn declare(needs: &mut Needs) {
        <(Greeter, PluginId)>::declare(needs);
    }

    async fn inject(cx: &Context<PerPlugin>) -> Result<Self> {
        let (greeter, id) = <(Greeter, PluginId)>::inject(cx).await?;
        Ok(Self { greeter, id })
    }
}

impl Plugin for Host {
    const ID: PluginId = PluginId::new("host");
    type Deps = HostDeps;

    async fn init(self, deps: HostDeps) -> Result<()> {
        self.0.push(format!("{}: {}", deps.id, deps.greeter.0));
        Ok(())
    }
}

#[tokio::test]
async fn the_last_factory_wins_and_can_wrap_the_one_before() {
    let log = Log::default();
    started(backend(json!({})).plugin(Host(log.clone()))).await;
    started(backend(json!({})).plugin(Host(log.clone())).service(Plain).service(Loud)).await;
    started(backend(json!({})).plugin(Host(log.clone())).service(Loud).service(Plain)).await;
    assert_eq!(log.take(), ["host: hello host", "host: HELLO HOST", "host: hello host"]);
}
