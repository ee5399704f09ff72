//! Destroys what is Greenroom's, and stamps what is to be.
//!
//! Who destroys asks for [`Site::refusals`](crate::Site::refusals) of all plugins first, and does nothing if there are any.

mod adopt;
mod drop;
pub(crate) mod mysql;
pub(crate) mod postgres;
mod refusal;
pub(crate) mod sqlite;
mod truncate;

pub use drop::Dropped;
pub use refusal::{Action, Refusal};
