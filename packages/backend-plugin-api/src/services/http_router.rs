use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;

use crate::{PerPlugin, Service};

/// Where a plugin mounts its routes. They are served under `/api/<plugin id>`.
///
/// Open while the plugin starts; the server closes it when the plugin has.
#[derive(Clone, Debug)]
pub struct HttpRouter {
    routes: Arc<Mutex<Option<Router>>>,
}

/// The plugin has started: what is mounted now would never be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("routes were mounted after the plugin had started; mount them in `init`")]
pub struct RouterClosed;

impl HttpRouter {
    /// Adds `router` to what was mounted before.
    ///
    /// # Errors
    /// When the plugin has started.
    ///
    /// # Panics
    /// When two routes have the same path and method, as [`Router::merge`].
    pub fn mount(&self, router: Router) -> Result<(), RouterClosed> {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let mounted = routes.take().ok_or(RouterClosed)?;
        *routes = Some(mounted.merge(router));
        Ok(())
    }

    /// Takes all that was mounted; nothing can be mounted any more. For the server and for tests.
    pub fn close(&self) -> Router {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }
}

impl Default for HttpRouter {
    fn default() -> Self {
        Self { routes: Arc::new(Mutex::new(Some(Router::new()))) }
    }
}

impl Service for HttpRouter {
    type Scope = PerPlugin;
    const ID: &'static str = "core.http-router";
}
