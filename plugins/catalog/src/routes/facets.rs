use axum::Json;
use axum::extract::{Query, State};
use backend_plugin_api::ApiError;
use serde_json::{Map, Value, json};

use super::Catalog;
use super::query::Params;

/// `GET /entity-facets?facet=kind&facet=spec.type&filter=...`
pub(super) async fn facets(
    State(catalog): State<Catalog>,
    query: Query<Vec<(String, String)>>,
) -> Result<Json<Value>, ApiError> {
    let params = Params::from(query);
    let filter = params.filter()?;
    let fields: Vec<String> = params.all("facet").filter(|it| !it.is_empty()).map(str::to_owned).collect();
    if fields.is_empty() {
        return Err(ApiError::input("Missing facet parameter"));
    }
    let found = catalog.store.facets(&fields, &filter).await?;
    let facets: Map<_, _> = fields.into_iter().zip(found.into_iter().map(|it| json!(it))).collect();
    Ok(Json(json!({ "facets": facets })))
}
