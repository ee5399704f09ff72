use std::marker::PhantomData;
use std::sync::Arc;

use crate::host::{ConfigNeed, ExtensionKey, Resolve, ServiceKey};
use crate::{PerPlugin, PluginId, Result, Root, Scope, Sees, Service};

/// One thing that a plugin, module or factory living in scope `S` can ask for.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be asked for here",
    label = "not a dependency",
    note = "ask for services (`Database`, `HttpRouter`, ...), `Config<T>`, `Extensions<E>` or `PluginId`",
    note = "for `Config<T>`, derive `serde::Deserialize` and `schemars::JsonSchema` for `T`; for `Extensions<E>`, implement `ExtensionPoint` for `E`"
)]
pub trait Inject<S: Scope>: Sized + Send {
    /// Says what will be asked for, so that the wiring can be checked before anything runs.
    fn declare(needs: &mut Needs);

    /// Gets it.
    fn inject(cx: &Context<S>) -> impl Future<Output = Result<Self>> + Send;
}

/// All that a plugin, module or factory asks for: a tuple of [`Inject`]s.
///
/// Past five or so, implement it for a struct with named fields, by way of a tuple.
// Not one more `Inject` impl: with one candidate impl per tuple length, rustc names the wrong
// element rather than the whole tuple.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of dependencies",
    label = "expected a tuple of at most 8 dependencies",
    note = "for one dependency, mind the comma: `(Database,)`",
    note = "for more than 8, implement `Deps` for a struct with named fields, by way of tuples"
)]
pub trait Deps<S: Scope>: Sized + Send {
    /// See [`Inject::declare`].
    fn declare(needs: &mut Needs);

    /// See [`Inject::inject`].
    fn inject(cx: &Context<S>) -> impl Future<Output = Result<Self>> + Send;
}

/// What was asked for.
#[derive(Clone, Default)]
pub struct Needs {
    pub(crate) services: Vec<ServiceKey>,
    pub(crate) extensions: Vec<ExtensionKey>,
    pub(crate) configs: Vec<ConfigNeed>,
}

/// The container, seen from scope `S`.
pub struct Context<S> {
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) plugin: Option<PluginId>,
    pub(crate) scope: PhantomData<fn() -> S>,
}

impl<S: Scope> Context<S> {
    /// Gets a service, making it if this is the first time it is asked for in its scope.
    ///
    /// # Errors
    /// When making it failed, now or before.
    pub async fn get<T: Service>(&self) -> Result<T>
    where
        S: Sees<T::Scope>,
    {
        let service = Arc::clone(&self.resolver).service(ServiceKey::of::<T>(), self.plugin).await?;
        Ok(service.downcast_ref::<T>().expect("services are keyed by type").clone())
    }
}

impl Context<Root> {
    /// The whole config, for the position of a mistake that only shows when something is opened.
    pub fn config(&self) -> &::config::Config {
        self.resolver.config()
    }
}

impl Context<PerPlugin> {
    /// Whose context this is.
    pub fn plugin_id(&self) -> PluginId {
        self.plugin.expect("a plugin's context has its id")
    }
}

impl<S: Scope + Sees<T::Scope>, T: Service> Inject<S> for T {
    fn declare(needs: &mut Needs) {
        needs.services.push(ServiceKey::of::<T>());
    }

    async fn inject(cx: &Context<S>) -> Result<Self> {
        cx.get::<T>().await
    }
}

impl Inject<PerPlugin> for PluginId {
    fn declare(_: &mut Needs) {}

    async fn inject(cx: &Context<PerPlugin>) -> Result<Self> {
        Ok(cx.plugin_id())
    }
}

macro_rules! deps_for_tuple {
    ($($T:ident),*) => {
        impl<S: Scope, $($T: Inject<S>),*> Deps<S> for ($($T,)*) {
            fn declare(_needs: &mut Needs) {
                $($T::declare(_needs);)*
            }

            async fn inject(_cx: &Context<S>) -> Result<Self> {
                Ok(($($T::inject(_cx).await?,)*))
            }
        }
    };
}

deps_for_tuple!();
deps_for_tuple!(A);
deps_for_tuple!(A, B);
deps_for_tuple!(A, B, C);
deps_for_tuple!(A, B, C, D);
deps_for_tuple!(A, B, C, D, E);
deps_for_tuple!(A, B, C, D, E, F);
deps_for_tuple!(A, B, C, D, E, F, G);
deps_for_tuple!(A, B, C, D, E, F, G, H);
