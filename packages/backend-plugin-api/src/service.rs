use crate::host::Factory;
use crate::{Deps, Result, Scope};

/// A cheap-to-clone handle that plugins can ask for.
///
/// The type is the key: there is no separate reference value. To let a service be swapped, keep
/// an `Arc<dyn Backend>` inside the handle and swap the backend.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "nothing can provide this",
    note = "ask for a type that implements `Service` (`Database`, `HttpRouter`, ...)",
    note = "a plugin can also ask for `Config<T>`, `Extensions<E>` and `PluginId`, a root service for `RootConfig<T>`"
)]
pub trait Service: Clone + Send + Sync + 'static {
    /// [`Root`](crate::Root) or [`PerPlugin`](crate::PerPlugin).
    type Scope: Scope;

    /// As shown in messages, e.g. `core.database`.
    const ID: &'static str;

    /// Used if the backend was given no factory for this service.
    fn default_factory() -> Option<Factory> {
        None
    }
}

/// Makes a service: once, or once for each plugin, as its scope says.
///
/// The last factory added for a service wins. It can wrap the one before by having the other's
/// `Deps` as its own and calling the other's `create`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service factory",
    label = "expected a value whose type implements `ServiceFactory`",
    note = "a plugin is added with `.plugin(..)`, a module with `.module(..)`"
)]
pub trait ServiceFactory: Send + Sync + 'static {
    /// What it makes.
    type Service: Service;
    /// What it needs for that.
    type Deps: Deps<<Self::Service as Service>::Scope>;

    /// When it is made.
    const INITIALIZATION: Initialization = Initialization::Lazy;

    /// Called at most once per scope. A failure is kept: whoever asks again gets the same one.
    fn create(&self, deps: Self::Deps) -> impl Future<Output = Result<Self::Service>> + Send;
}

/// When a root service is made. A plugin's services are always lazy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Initialization {
    /// When something first asks for it.
    #[default]
    Lazy,
    /// Before any plugin starts, whether or not one asks for it.
    Always,
}
