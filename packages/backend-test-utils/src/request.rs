use axum::Router;
use axum::body::to_bytes;
use axum::http::Request;
use serde_json::Value;
use tower::ServiceExt;

/// What a test sends.
pub enum Body {
    /// Nothing.
    Empty,
    /// JSON.
    Json(Value),
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::Empty
    }
}

impl From<Value> for Body {
    fn from(value: Value) -> Self {
        Self::Json(value)
    }
}

/// Sends one request to `routes` and returns the status and the body: JSON, or else a string.
///
/// # Panics
/// When the request cannot be made, or the answer is not text.
pub async fn send(routes: &Router, method: &str, path: &str, body: impl Into<Body>) -> (u16, Value) {
    let request = Request::builder().method(method).uri(path);
    let request = match body.into() {
        Body::Empty => request.body(axum::body::Body::empty()),
        Body::Json(value) => request.header("content-type", "application/json").body(value.to_string().into()),
    };
    let response = routes.clone().oneshot(request.unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let text = String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
