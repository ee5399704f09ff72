use std::ops::Deref;

use ::config::ConfigError;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;

use crate::host::ConfigNeed;
use crate::{Context, Inject, Needs, PerPlugin, PluginId, Result, Root};

/// The plugin's own section of `app-config.yaml`, e.g. `todo:` for the plugin `todo`.
///
/// A section that is not there reads as an empty one. A plugin and its modules share a section:
/// each reads the keys that its own `T` has, and a key that none of them reads is reported.
#[derive(Clone, Debug)]
pub struct Config<T>(pub T);

/// A section of `app-config.yaml` that a root service reads.
#[derive(Clone, Debug)]
pub struct RootConfig<T>(pub T);

/// Where [`RootConfig`] finds a `T`.
pub trait Section: DeserializeOwned + JsonSchema + Send + 'static {
    /// The key with dots, e.g. `backend.lifecycle`.
    const KEY: &'static str;

    /// What is wrong with it though it can be read. Opens nothing.
    fn check(&self, _: &CheckContext<'_>) -> Vec<ConfigError> {
        Vec::new()
    }
}

/// Adds keys to a section's schema that Backstage's has and that have no effect here, each with the reason. Where one
/// is present, the backend warns of it.
///
/// For `#[schemars(transform = ...)]` on the struct of the section. One that the struct has itself is marked there, by
/// `#[schemars(extend("unused" = "the reason"))]`.
pub fn unused_keys(schema: &mut Schema, keys: &[(&str, &str)]) {
    let properties = schema.ensure_object().entry("properties").or_insert_with(|| serde_json::json!({}));
    for (key, reason) in keys {
        properties[*key] = serde_json::json!({ "unused": reason });
    }
}

/// What a [`Section`] may be checked against.
#[derive(Clone, Copy, Debug)]
pub struct CheckContext<'a> {
    /// The whole config, for the position of a mistake: see [`config::Config::error`].
    pub config: &'a ::config::Config,
    /// Every plugin of the backend.
    pub plugins: &'a [PluginId],
    /// The plugins that ask for a [`Database`](crate::services::Database).
    pub databases: &'a [PluginId],
    /// Every module, after the plugin that it extends.
    pub modules: &'a [(PluginId, &'static str)],
}

impl<T> Deref for Config<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Deref for RootConfig<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + JsonSchema + Send> Inject<PerPlugin> for Config<T> {
    fn declare(needs: &mut Needs) {
        needs.configs.push(ConfigNeed::of_plugin::<T>());
    }

    async fn inject(cx: &Context<PerPlugin>) -> Result<Self> {
        Ok(Self(cx.resolver.config().read(cx.plugin_id().as_str())?))
    }
}

impl<T: Section> Inject<Root> for RootConfig<T> {
    fn declare(needs: &mut Needs) {
        needs.configs.push(ConfigNeed::of_section::<T>());
    }

    async fn inject(cx: &Context<Root>) -> Result<Self> {
        Ok(Self(cx.resolver.config().read(T::KEY)?))
    }
}
