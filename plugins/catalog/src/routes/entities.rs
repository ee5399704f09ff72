use axum::body::Body;
use axum::extract::{OriginalUri, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use backend_plugin_api::ApiError;
use futures::{StreamExt, stream};
use sea_orm::DbErr;

use super::cursor::Page;
use super::fields::Fields;
use super::query::Params;
use super::{Catalog, written};
use crate::store::{Order, OrderBy, Selection, Store};

/// How many entities are in memory at once.
const CHUNK: usize = 500;
/// Each is a join.
const MAX_ORDER_FIELDS: usize = 8;

/// `GET /entities?filter=&fields=&order=&limit=&offset=&after=`
pub(super) async fn list(
    State(catalog): State<Catalog>,
    OriginalUri(uri): OriginalUri,
    query: Query<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let params = Params::from(query);
    let filter = params.filter()?;
    let fields = Fields::parse(params.all("fields"))?;
    let order = params.all("order").map(order_by).collect::<Result<Vec<_>, _>>()?;
    if order.len() > MAX_ORDER_FIELDS {
        return Err(ApiError::input(format!("Invalid order, more than {MAX_ORDER_FIELDS} fields are asked for")));
    }
    let page = Page::parse(params.integer("limit")?, params.integer("offset")?, params.one("after")?)?;

    // One more than asked for tells whether there is a next page.
    let limit = page.limit.map(|it| it.saturating_add(1).min(i64::MAX as u64));
    let selection = Selection { filter, order, limit, offset: page.offset };
    let is_short = limit.is_some_and(|it| it <= CHUNK as u64);
    let mut found =
        if is_short { catalog.store.selected(&selection).await? } else { catalog.store.ids(&selection).await? };
    let has_next = page.limit.is_some_and(|limit| found.len() as u64 > limit);
    if has_next {
        found.pop();
    }
    let mut response = if is_short {
        written(format!("[{}]", text(found, fields.as_ref())))
    } else {
        written(json_list(catalog.store, found, fields).await?)
    };
    if let Some(cursor) = page.next_cursor().filter(|_| has_next) {
        let next = link(uri.path(), &params, &cursor)?;
        response.headers_mut().insert(header::LINK, next);
    }
    Ok(response)
}

/// The entities as one JSON list, written while they are read; no connection is held between chunks.
///
/// The first chunk is read before anything is answered: a database that fails makes an error, not an empty answer.
async fn json_list(store: Store, ids: Vec<String>, fields: Option<Fields>) -> Result<Body, DbErr> {
    let first = text(store.entities(&ids[..ids.len().min(CHUNK)]).await?, fields.as_ref());
    if ids.len() <= CHUNK {
        return Ok(Body::from(format!("[{first}]")));
    }
    let begun = !first.is_empty();
    let rest = stream::try_unfold((CHUNK, begun), move |(at, begun)| {
        let (store, fields) = (store.clone(), fields.clone());
        let ids = ids.iter().skip(at).take(CHUNK).cloned().collect::<Vec<_>>();
        async move {
            if ids.is_empty() {
                return Ok::<_, DbErr>(None);
            }
            let entities = store.entities(&ids).await.inspect_err(|error| {
                tracing::error!("an answer was broken off: {error}");
            })?;
            let comma = if begun && !entities.is_empty() { "," } else { "" };
            let begun = begun || !entities.is_empty();
            Ok(Some((format!("{comma}{}", text(entities, fields.as_ref())), (at + ids.len(), begun))))
        }
    });
    let begin = stream::iter([Ok(format!("[{first}"))]);
    Ok(Body::from_stream(begin.chain(rest).chain(stream::iter([Ok("]".to_owned())]))))
}

fn text(entities: Vec<String>, fields: Option<&Fields>) -> String {
    let Some(fields) = fields else { return entities.join(",") };
    let part = |entity: &String| serde_json::from_str(entity).map(|it| fields.of(&it).to_string()).unwrap_or_default();
    entities.iter().map(part).collect::<Vec<_>>().join(",")
}

/// `asc:metadata.name`. Backstage: `parseEntityOrderParams`.
fn order_by(text: &str) -> Result<OrderBy, ApiError> {
    let (order, field) = match text.split_once(':') {
        Some(("asc", field)) if !field.is_empty() => (Order::Ascending, field),
        Some(("desc", field)) if !field.is_empty() => (Order::Descending, field),
        _ => {
            let message = format!("Invalid order parameter \"{text}\", expected \"<asc or desc>:<field name>\"");
            return Err(ApiError::input(message));
        }
    };
    Ok(OrderBy { field: field.to_owned(), order })
}

/// The address of the next page, for the `Link` header.
fn link(path: &str, params: &Params, cursor: &str) -> Result<HeaderValue, ApiError> {
    let pairs = params.without(&["offset", "after"]).chain([("after", cursor)]);
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    Ok(HeaderValue::try_from(format!("<{path}?{query}>; rel=\"next\""))?)
}
