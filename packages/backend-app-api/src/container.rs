use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, anyhow};
use backend_plugin_api::host::{AnyService, BoxFuture, Factory, PluginFeature, Resolve, ServiceKey};
use backend_plugin_api::{Context, Initialization, PerPlugin, PluginId, Result, Root};
use config::Config;
use futures::FutureExt;
use tokio::sync::OnceCell;

/// A service, or why it could not be made: kept, so that a server that is down is waited for once
/// and not once for each plugin.
type Made = Result<AnyService, MakeError>;
type Cells = HashMap<(TypeId, Option<PluginId>), Arc<OnceCell<Made>>>;

/// A failure that several may be told.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0:#}")]
struct MakeError(Arc<anyhow::Error>);

/// Makes each service once in its scope. The factories in it were checked: all there, no cycle.
pub(crate) struct Container {
    config: Config,
    factories: HashMap<TypeId, Factory>,
    cells: Mutex<Cells>,
    extensions: Mutex<HashMap<TypeId, Box<dyn Any + Send>>>,
}

impl Container {
    pub(crate) fn new(config: Config, factories: HashMap<TypeId, Factory>, plugins: &[PluginFeature]) -> Self {
        let extensions = plugins.iter().flat_map(|it| it.needs.extensions()).map(|it| (it.type_id, (it.empty)()));
        Self { config, factories, cells: Mutex::default(), extensions: Mutex::new(extensions.collect()) }
    }

    /// What root services see.
    pub(crate) fn root(self: &Arc<Self>) -> Context<Root> {
        Context::new(Arc::clone(self) as Arc<dyn Resolve>, None)
    }

    /// What `plugin` sees.
    pub(crate) fn plugin(self: &Arc<Self>, plugin: PluginId) -> Context<PerPlugin> {
        Context::new(Arc::clone(self) as Arc<dyn Resolve>, Some(plugin))
    }

    /// Makes the root services that do not wait to be asked for.
    pub(crate) async fn make_initial(self: &Arc<Self>) -> Vec<(&'static str, anyhow::Error)> {
        let initial = self.factories.values().filter(|it| it.initialization == Initialization::Always);
        let mut keys: Vec<ServiceKey> = initial.map(|it| it.service).filter(|it| !it.per_plugin).collect();
        keys.sort_by_key(|it| it.id);
        let made = keys.into_iter().map(async |key| (key.id, self.make(key, None).await));
        let made = futures::future::join_all(made).await;
        made.into_iter().filter_map(|(id, made)| Some((id, made.err()?))).collect()
    }

    async fn make(self: &Arc<Self>, key: ServiceKey, plugin: Option<PluginId>) -> Result<AnyService> {
        // Not there: got without being declared, so `check` could not know of it.
        let factory = self.factories.get(&key.type_id).with_context(|| format!("nothing provides `{}`", key.id))?;
        let plugin = plugin.filter(|_| key.per_plugin);
        let cell = {
            let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(cells.entry((key.type_id, plugin)).or_default())
        };
        let make = || async {
            let made = (factory.create)(Arc::clone(self) as Arc<dyn Resolve>, plugin);
            catch_panic(made).await.map_err(|error| MakeError(Arc::new(error)))
        };
        Ok(cell.get_or_init(make).await.clone()?)
    }

    pub(crate) fn put_extensions(&self, type_id: TypeId, value: Box<dyn Any + Send>) {
        self.extensions.lock().unwrap_or_else(PoisonError::into_inner).insert(type_id, value);
    }
}

impl Resolve for Container {
    fn service(self: Arc<Self>, key: ServiceKey, plugin: Option<PluginId>) -> BoxFuture<'static, Result<AnyService>> {
        Box::pin(async move { self.make(key, plugin).await.with_context(|| format!("making service `{}`", key.id)) })
    }

    fn config(&self) -> &Config {
        &self.config
    }

    fn take_extensions(&self, type_id: TypeId) -> Option<Box<dyn Any + Send>> {
        self.extensions.lock().unwrap_or_else(PoisonError::into_inner).remove(&type_id)
    }
}

/// A panic in somebody's code is that code's failure, not the backend's end.
pub(crate) async fn catch_panic<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    AssertUnwindSafe(future).catch_unwind().await.unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<&str>().map(|it| (*it).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Err(anyhow!("it panicked: {}", text.as_deref().unwrap_or("with a value that is not text")))
    })
}
