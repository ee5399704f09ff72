//! The core services. Each is a handle; what is behind it is made by `backend-defaults`.

pub mod database;
mod http_router;
/// [`Lifecycle`], [`RootLifecycle`], and what they hold.
pub mod lifecycle;
mod logger;

pub use database::Database;
pub use http_router::{HttpRouter, RouterClosed};
pub use lifecycle::{Lifecycle, RootLifecycle};
pub use logger::Logger;
