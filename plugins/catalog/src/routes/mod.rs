//! What is answered under `/api/catalog`. Backstage: `createRouter`.

mod cursor;
mod entities;
mod facets;
mod fields;
mod query;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use backend_plugin_api::ApiError;
use catalog_model::EntityRef;
use serde_json::json;

use crate::store::Store;

/// A location of the config, as `GET /locations` shows it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Registered {
    /// The uid of the location's entity.
    pub(crate) id: String,
    pub(crate) target: String,
    pub(crate) r#type: String,
}

#[derive(Clone)]
struct Catalog {
    store: Store,
    locations: Arc<[Registered]>,
}

pub(crate) fn router(store: Store, locations: Vec<Registered>) -> Router {
    Router::new()
        .route("/entities", get(entities::list))
        .route("/entities/by-uid/{uid}", get(by_uid))
        .route("/entities/by-name/{kind}/{namespace}/{name}", get(by_name))
        .route("/entity-facets", get(facets::facets))
        .route("/locations", get(registered))
        .with_state(Catalog { store, locations: locations.into() })
}

async fn by_uid(State(catalog): State<Catalog>, Path(uid): Path<String>) -> Result<Response, ApiError> {
    let entity = catalog.store.by_uid(&uid).await?;
    entity.map(written).ok_or_else(|| ApiError::not_found(format!("No entity with uid {uid}")))
}

async fn by_name(
    State(catalog): State<Catalog>,
    Path((kind, namespace, name)): Path<(String, String, String)>,
) -> Result<Response, ApiError> {
    let entity = catalog.store.by_ref(EntityRef::new(&*kind, &*namespace, &*name).as_str()).await?;
    entity.map(written).ok_or_else(|| {
        ApiError::not_found(format!("No entity named '{name}' found, with kind '{kind}' in namespace '{namespace}'"))
    })
}

async fn registered(State(catalog): State<Catalog>) -> Json<serde_json::Value> {
    Json(catalog.locations.iter().map(|it| json!({ "data": it })).collect())
}

/// Text that is JSON already.
fn written(json: impl Into<axum::body::Body>) -> Response {
    ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], json.into()).into_response()
}
