//! The sections of `app-config.yaml` that the server reads.

mod base_url;
mod cors;
mod csp;
mod https;
mod listen;
mod server;
mod size;
mod texts;

pub use base_url::{BaseUrl, BaseUrlConfig};
pub use cors::{Cors, CorsConfig};
pub use csp::{CspConfig, Directive, ReferrerConfig};
pub use https::{Certificate, Https, HttpsConfig};
pub use listen::ListenConfig;
pub use server::ServerConfig;
pub use size::Size;
pub use texts::Texts;
