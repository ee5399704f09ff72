use std::time::Duration;

use backend_plugin_api::Result;
use http::{HeaderName, Method, StatusCode};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer, ExposeHeaders};

use super::config::{Cors, CorsConfig};

/// The status of the answer to a preflight; `None` when nothing is configured.
pub(crate) fn preflight_status(config: &CorsConfig) -> Result<Option<StatusCode>> {
    Ok(config.0.as_ref().map(|it| StatusCode::from_u16(it.options_success_status)).transpose()?)
}

/// What answers preflights and adds the headers; `None` when nothing is configured.
pub(crate) fn layer(config: &CorsConfig) -> Result<Option<CorsLayer>> {
    config.0.as_ref().map(new_layer).transpose()
}

fn new_layer(cors: &Cors) -> Result<CorsLayer> {
    let origins = cors.origins()?;
    let methods = cors.methods.iter().map(|it| it.parse::<Method>()).collect::<Result<Vec<_>, _>>()?;
    let allowed = match &cors.allowed_headers {
        Some(names) => AllowHeaders::list(headers(names)?),
        None => AllowHeaders::mirror_request(),
    };
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| {
            origin.to_str().is_ok_and(|origin| origins.is_match(origin))
        }))
        .allow_methods(AllowMethods::list(methods))
        .allow_headers(allowed)
        .expose_headers(ExposeHeaders::list(headers(cors.exposed_headers.as_deref().unwrap_or_default())?))
        .allow_credentials(cors.credentials);
    Ok(match cors.max_age {
        Some(seconds) => layer.max_age(Duration::from_secs(seconds)),
        None => layer,
    })
}

fn headers(names: &[String]) -> Result<Vec<HeaderName>> {
    Ok(names.iter().map(|it| it.parse::<HeaderName>()).collect::<Result<_, _>>()?)
}
