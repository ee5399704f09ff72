//! The services that the container makes itself, because it also uses them.

use backend_plugin_api::services::{Lifecycle, RootLifecycle};
use backend_plugin_api::{Result, ServiceFactory};

use crate::Status;

pub(crate) struct LifecycleFactory;

impl ServiceFactory for LifecycleFactory {
    type Service = Lifecycle;
    type Deps = ();

    async fn create(&self, (): ()) -> Result<Lifecycle> {
        Ok(Lifecycle::default())
    }
}

pub(crate) struct RootLifecycleFactory;

impl ServiceFactory for RootLifecycleFactory {
    type Service = RootLifecycle;
    type Deps = ();

    async fn create(&self, (): ()) -> Result<RootLifecycle> {
        Ok(RootLifecycle::default())
    }
}

pub(crate) struct StatusFactory(pub(crate) Status);

impl ServiceFactory for StatusFactory {
    type Service = Status;
    type Deps = ();

    async fn create(&self, (): ()) -> Result<Status> {
        Ok(self.0.clone())
    }
}
