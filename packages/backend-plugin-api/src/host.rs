//! For the container (`backend-app-api`) only: the same things with their types erased.

use std::any::{Any, TypeId};
use std::marker::PhantomData;
use std::sync::Arc;

use ::config::{ConfigError, Usage};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;

use crate::{
    CheckContext, Context, Deps, ExtensionPoint, Initialization, Migrations, Module, Needs, PerPlugin, Plugin,
    PluginId, Result, Scope, Section, Service, ServiceFactory,
};

pub use futures::future::BoxFuture;

/// A service of unknown type.
pub type AnyService = Arc<dyn Any + Send + Sync>;

/// The container, as this crate sees it.
pub trait Resolve: Send + Sync {
    /// Gets or makes a service.
    fn service(self: Arc<Self>, key: ServiceKey, plugin: Option<PluginId>) -> BoxFuture<'static, Result<AnyService>>;
    /// The whole config.
    fn config(&self) -> &::config::Config;
    /// Takes what modules added.
    fn take_extensions(&self, type_id: TypeId) -> Option<Box<dyn Any + Send>>;
}

impl<S: Scope> Context<S> {
    /// A view of `resolver` for one plugin, or for root services.
    pub fn new(resolver: Arc<dyn Resolve>, plugin: Option<PluginId>) -> Self {
        Self { resolver, plugin, scope: PhantomData }
    }
}

impl Needs {
    /// What `D` asks for.
    pub fn of<S: Scope, D: Deps<S>>() -> Self {
        let mut needs = Self::default();
        D::declare(&mut needs);
        needs
    }

    /// The services among it.
    pub fn services(&self) -> &[ServiceKey] {
        &self.services
    }

    /// The config sections among it.
    pub fn configs(&self) -> &[ConfigNeed] {
        &self.configs
    }

    /// The extension points among it.
    pub fn extensions(&self) -> &[ExtensionKey] {
        &self.extensions
    }
}

/// Which config section, and how to see whether it can be read.
#[derive(Clone, Copy)]
pub struct ConfigNeed {
    /// The key with dots; `None`: the section named as the plugin.
    pub key: Option<&'static str>,
    /// Reads the section at a key as what was asked for.
    pub check: fn(&str, &CheckContext<'_>) -> (Vec<ConfigError>, Usage),
    /// Describes the section, with nothing by reference.
    pub schema: fn() -> Schema,
}

impl ConfigNeed {
    /// The plugin's section, read as a `T`.
    pub fn of_plugin<T: DeserializeOwned + JsonSchema>() -> Self {
        let check = |key: &str, cx: &CheckContext<'_>| {
            let (read, usage) = cx.config.read_tracked::<T>(key);
            (read.err().into_iter().flatten().collect(), usage)
        };
        Self { key: None, check, schema: schema_of::<T> }
    }

    /// The section `T`.
    pub fn of_section<T: Section>() -> Self {
        let check = |key: &str, cx: &CheckContext<'_>| {
            let (read, usage) = cx.config.read_tracked::<T>(key);
            (read.map_or_else(|errors| errors.into_iter().collect(), |section| section.check(cx)), usage)
        };
        Self { key: Some(T::KEY), check, schema: schema_of::<T> }
    }
}

/// As draft 7, which is Backstage's, and which editors know.
fn schema_of<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft07().with(|it| {
        it.inline_subschemas = true;
        it.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.remove("title");
    schema
}

/// Which service.
#[derive(Clone, Copy)]
pub struct ServiceKey {
    /// Of the handle.
    pub type_id: TypeId,
    /// See [`Service::ID`].
    pub id: &'static str,
    /// Whether there is one for each plugin.
    pub per_plugin: bool,
    /// See [`Service::default_factory`].
    pub default_factory: fn() -> Option<Factory>,
}

impl ServiceKey {
    /// The key of `T`.
    pub fn of<T: Service>() -> Self {
        Self {
            type_id: TypeId::of::<T>(),
            id: T::ID,
            per_plugin: TypeId::of::<T::Scope>() == TypeId::of::<PerPlugin>(),
            default_factory: T::default_factory,
        }
    }
}

/// Which extension point.
#[derive(Clone, Copy)]
pub struct ExtensionKey {
    /// Of the extension point.
    pub type_id: TypeId,
    /// See [`ExtensionPoint::ID`].
    pub id: &'static str,
    /// See [`ExtensionPoint::PLUGIN`].
    pub plugin: PluginId,
    /// Makes an empty one.
    pub empty: fn() -> Box<dyn Any + Send>,
    /// See [`ExtensionPoint::added_by`].
    pub added_by: fn(&mut (dyn Any + Send), &'static str),
}

impl ExtensionKey {
    /// The key of `E`.
    pub fn of<E: ExtensionPoint>() -> Self {
        Self {
            type_id: TypeId::of::<E>(),
            id: E::ID,
            plugin: E::PLUGIN,
            empty: || Box::new(E::default()),
            added_by: |any, module| any.downcast_mut::<E>().expect("extensions are keyed by type").added_by(module),
        }
    }
}

type Create = Arc<dyn Fn(Arc<dyn Resolve>, Option<PluginId>) -> BoxFuture<'static, Result<AnyService>> + Send + Sync>;

/// A [`ServiceFactory`].
#[derive(Clone)]
pub struct Factory {
    /// What it makes.
    pub service: ServiceKey,
    /// What it needs.
    pub needs: Needs,
    /// See [`ServiceFactory::INITIALIZATION`].
    pub initialization: Initialization,
    /// Makes it.
    pub create: Create,
}

impl Factory {
    /// Erases `F`.
    pub fn new<F: ServiceFactory>(factory: F) -> Self {
        let factory = Arc::new(factory);
        Self {
            service: ServiceKey::of::<F::Service>(),
            needs: Needs::of::<_, F::Deps>(),
            initialization: F::INITIALIZATION,
            create: Arc::new(move |resolver, plugin| {
                let factory = Arc::clone(&factory);
                Box::pin(async move {
                    let deps = F::Deps::inject(&Context::new(resolver, plugin)).await?;
                    Ok(Arc::new(factory.create(deps).await?) as AnyService)
                })
            }),
        }
    }
}

/// A [`Plugin`].
pub struct PluginFeature {
    /// See [`Plugin::ID`].
    pub id: PluginId,
    /// See [`Plugin::VERSION`].
    pub version: Option<&'static str>,
    /// See [`Plugin::Deps`].
    pub needs: Needs,
    /// See [`Plugin::migrations`].
    pub migrations: fn() -> Migrations,
    /// See [`Plugin::database_extensions`].
    pub database_extensions: &'static [&'static str],
    /// See [`Plugin::init`].
    pub init: Box<dyn FnOnce(Context<PerPlugin>) -> BoxFuture<'static, Result<()>> + Send>,
}

impl PluginFeature {
    /// Erases `P`.
    pub fn new<P: Plugin>(plugin: P) -> Self {
        Self {
            id: P::ID,
            version: P::VERSION,
            needs: Needs::of::<_, P::Deps>(),
            migrations: P::migrations,
            database_extensions: P::database_extensions(),
            init: Box::new(|cx| Box::pin(async move { plugin.init(P::Deps::inject(&cx).await?).await })),
        }
    }
}

type ModuleInit =
    Box<dyn for<'a> FnOnce(&'a mut (dyn Any + Send), Context<PerPlugin>) -> BoxFuture<'a, Result<()>> + Send>;

/// A [`Module`].
pub struct ModuleFeature {
    /// See [`Module::ID`].
    pub id: &'static str,
    /// See [`Module::Extends`].
    pub extends: ExtensionKey,
    /// See [`Module::Deps`].
    pub needs: Needs,
    /// See [`Module::init`].
    pub init: ModuleInit,
}

impl ModuleFeature {
    /// Erases `M`.
    pub fn new<M: Module>(module: M) -> Self {
        Self {
            id: M::ID,
            extends: ExtensionKey::of::<M::Extends>(),
            needs: Needs::of::<_, M::Deps>(),
            init: Box::new(|extend, cx| {
                Box::pin(async move {
                    let extend = extend.downcast_mut().expect("extensions are keyed by type");
                    module.init(extend, M::Deps::inject(&cx).await?).await
                })
            }),
        }
    }
}
