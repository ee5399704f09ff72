use std::any::TypeId;

use crate::host::ExtensionKey;
use crate::{Context, Inject, Needs, PerPlugin, PluginId, Result};

/// What modules may add to a plugin.
///
/// Each module gets `&mut Self` in turn. Then the plugin gets it by value, as [`Extensions`]:
/// nothing can be added once the plugin has started.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an extension point",
    label = "expected a type that implements `ExtensionPoint`",
    note = "modules extend an `ExtensionPoint` that the plugin's `-api` crate exports"
)]
pub trait ExtensionPoint: Default + Send + 'static {
    /// The plugin it belongs to.
    const PLUGIN: PluginId;
    /// As shown in messages, e.g. `catalog.processing`.
    const ID: &'static str;

    /// Called after each module: what came since the last call is that module's. Pass it on to
    /// the [`Additions`], so that the plugin can name the module when one of them fails later.
    fn added_by(&mut self, _module: &'static str) {}
}

/// What modules added, each with the module that did: the usual field of an [`ExtensionPoint`].
#[derive(Clone, Debug)]
pub struct Additions<T> {
    items: Vec<Added<T>>,
}

/// One thing that a module added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added<T> {
    /// See [`Module::ID`](crate::Module::ID). Empty for what the plugin itself added.
    pub module: &'static str,
    /// What it added.
    pub value: T,
}

impl<T> Default for Additions<T> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

impl<T> Additions<T> {
    /// Adds `value`.
    pub fn push(&mut self, value: T) {
        self.items.push(Added { module: "", value });
    }

    /// See [`ExtensionPoint::added_by`].
    pub fn added_by(&mut self, module: &'static str) {
        self.items.iter_mut().rev().take_while(|it| it.module.is_empty()).for_each(|it| it.module = module);
    }

    /// All of them, in the order added.
    pub fn iter(&self) -> std::slice::Iter<'_, Added<T>> {
        self.items.iter()
    }
}

impl<T> IntoIterator for Additions<T> {
    type Item = Added<T>;
    type IntoIter = std::vec::IntoIter<Added<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

/// Asked for by the plugin that owns the extension point: all that its modules added.
#[derive(Debug)]
pub struct Extensions<E>(pub E);

impl<E: ExtensionPoint> Inject<PerPlugin> for Extensions<E> {
    fn declare(needs: &mut Needs) {
        needs.extensions.push(ExtensionKey::of::<E>());
    }

    async fn inject(cx: &Context<PerPlugin>) -> Result<Self> {
        match cx.resolver.take_extensions(TypeId::of::<E>()) {
            Some(any) => Ok(Self(*any.downcast().expect("extensions are keyed by type"))),
            None => anyhow::bail!("`{}` was taken twice", E::ID),
        }
    }
}
