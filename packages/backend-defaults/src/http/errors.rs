//! Errors as Backstage's JSON.

use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse, Response};
use backend_plugin_api::ApiError;
use backend_plugin_api::services::database::DatabaseError;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderValue, TRANSFER_ENCODING};
use http::{Method, StatusCode, Uri};
use hyper::body::Body as _;
use serde::Serialize;
use uuid::Uuid;

/// The longest text that is taken for an error message.
const MAX_MESSAGE: u64 = 64 << 10;

/// The request that an error is about.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    /// As the client is told: in a plugin, without the plugin's prefix.
    pub(crate) uri: &'a Uri,
    /// As the log is told.
    pub(crate) path: &'a str,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: NamedError<'a>,
    request: RequestLine<'a>,
    response: ResponseStatus,
}

#[derive(Serialize)]
struct NamedError<'a> {
    name: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct RequestLine<'a> {
    method: &'a str,
    url: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseStatus {
    status_code: u16,
}

impl Asked<'_> {
    /// Turns an [`ApiError`], or an error that has no body or is plain text, into the whole JSON.
    /// Everything else stays as it is.
    pub(crate) async fn render(&self, mut response: Response) -> Response {
        if response.status().as_u16() < 400 {
            return response;
        }
        let error = match response.extensions_mut().remove::<ApiError>() {
            Some(error) => error,
            None if is_plain(&response) => match self.read(&mut response).await {
                Some(error) => error,
                None => return response,
            },
            None => return response,
        };
        for name in [CONTENT_ENCODING, CONTENT_LENGTH, ETAG, TRANSFER_ENCODING] {
            response.headers_mut().remove(name);
        }
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        *response.body_mut() = self.body(&error, response.status());
        response
    }

    pub(crate) async fn answer(&self, error: ApiError) -> Response {
        self.render(error.into_response()).await
    }

    async fn read(&self, response: &mut Response) -> Option<ApiError> {
        let status = response.status();
        let body = std::mem::take(response.body_mut());
        let text = to_bytes(body, usize::MAX).await.ok()?;
        let text = String::from_utf8_lossy(&text).trim().to_owned();
        let message = match status {
            _ if !text.is_empty() => text,
            StatusCode::NOT_FOUND => format!("there is nothing at `{}`", self.uri.path()),
            StatusCode::METHOD_NOT_ALLOWED => {
                let allowed = response.headers().get(ALLOW).and_then(|it| it.to_str().ok()).unwrap_or("no other");
                format!("`{}` does not take {}; it takes {allowed}", self.uri.path(), self.method)
            }
            status => status.canonical_reason().unwrap_or("the request failed").to_owned(),
        };
        Some(ApiError::from_status(status, message))
    }

    fn body(&self, error: &ApiError, status: StatusCode) -> Body {
        let hidden = self.hide(error, status);
        let message = hidden.as_deref().unwrap_or(error.message());
        let url = self.uri.path_and_query().map_or("", |it| it.as_str());
        let body = ErrorBody {
            error: NamedError { name: error.name(), message },
            request: RequestLine { method: self.method.as_str(), url },
            response: ResponseStatus { status_code: status.as_u16() },
        };
        serde_json::to_vec(&body).map_or_else(|_| Body::empty(), Body::from)
    }

    /// Tells the log what is not for the client; gives what an internal error tells it instead.
    fn hide(&self, error: &ApiError, status: StatusCode) -> Option<String> {
        let cause = match error.cause() {
            Some(cause) => text_of(cause),
            None if status == StatusCode::INTERNAL_SERVER_ERROR => error.message().to_owned(),
            None => return None,
        };
        if status == StatusCode::SERVICE_UNAVAILABLE {
            tracing::error!(method = %self.method, path = self.path, "not available: {cause}");
            return None;
        }
        let log_id = Uuid::new_v4().simple().to_string();
        tracing::error!(log_id, method = %self.method, path = self.path, "internal error: {cause}");
        Some(format!("An internal error occurred logId={log_id}"))
    }
}

/// An error and what led to it. What a database did is said once, of all that carry it.
fn text_of(cause: &anyhow::Error) -> String {
    let Some(error) = DatabaseError::find(cause).map(ToString::to_string) else { return format!("{cause:#}") };
    let around = cause.chain().map(ToString::to_string).take_while(|it| !it.contains(&error));
    around.chain([error.clone()]).collect::<Vec<_>>().join(": ")
}

fn is_plain(response: &Response) -> bool {
    let length = response.body().size_hint().upper();
    let text = |it: &HeaderValue| it.to_str().is_ok_and(|it| it.starts_with("text/plain"));
    let headers = response.headers();
    length.is_some_and(|it| it == 0 || it <= MAX_MESSAGE && headers.get(CONTENT_TYPE).is_some_and(text))
        && !headers.contains_key(CONTENT_ENCODING)
}
