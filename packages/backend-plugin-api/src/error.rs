use std::fmt;
use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An error as a client sees it.
///
/// Names and statuses are Backstage's (`@backstage/errors`). A handler returns
/// `Result<T, ApiError>`; the server adds what the request was:
/// `{"error": {"name", "message"}, "request": {"method", "url"}, "response": {"statusCode"}}`.
///
/// What comes by `?` (a [`DbErr`](sea_orm::DbErr), an [`anyhow::Error`]) is an internal error: the
/// log has it, the client gets an id to find it there.
#[derive(Clone, Debug)]
pub struct ApiError {
    name: &'static str,
    status: StatusCode,
    message: String,
    source: Option<Arc<anyhow::Error>>,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $fn:ident: $name:literal, $status:ident;)*) => {
        impl ApiError {
            $($(#[$doc])*
            pub fn $fn(message: impl Into<String>) -> Self {
                Self { name: $name, status: StatusCode::$status, message: message.into(), source: None }
            })*
        }
    };
}

constructors! {
    /// 400 `InputError`: the request cannot be understood.
    input: "InputError", BAD_REQUEST;
    /// 401 `AuthenticationError`: who is asking is not known.
    authentication: "AuthenticationError", UNAUTHORIZED;
    /// 403 `NotAllowedError`: who is asking may not.
    not_allowed: "NotAllowedError", FORBIDDEN;
    /// 404 `NotFoundError`: there is no such thing.
    not_found: "NotFoundError", NOT_FOUND;
    /// 409 `ConflictError`: it does not go with what is there.
    conflict: "ConflictError", CONFLICT;
    /// 501 `NotImplementedError`: this backend cannot do that.
    not_implemented: "NotImplementedError", NOT_IMPLEMENTED;
    /// 503 `ServiceUnavailableError`: not now; asking again later may help.
    service_unavailable: "ServiceUnavailableError", SERVICE_UNAVAILABLE;
}

impl ApiError {
    /// 500: the log gets `source`, the client does not.
    pub fn internal(source: impl Into<anyhow::Error>) -> Self {
        Self {
            name: "InternalServerError",
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: "an internal error occurred".to_owned(),
            source: Some(Arc::new(source.into())),
        }
    }

    /// For a status that came from elsewhere, under Backstage's name for it.
    pub fn from_status(status: StatusCode, message: impl Into<String>) -> Self {
        let name = match status.as_u16() {
            413 => "PayloadTooLargeError",
            400 | 405..=408 | 411..=431 => "InputError",
            401 => "AuthenticationError",
            403 => "NotAllowedError",
            404 => "NotFoundError",
            409 => "ConflictError",
            501 => "NotImplementedError",
            503 => "ServiceUnavailableError",
            500.. => "InternalServerError",
            _ => "ResponseError",
        };
        Self { name, status, message: message.into(), source: None }
    }

    /// Backstage's name, e.g. `NotFoundError`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The status that it is answered with.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What the client is told.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the log is told, if it is more.
    pub fn cause(&self) -> Option<&anyhow::Error> {
        self.source.as_deref()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

// Not `std::error::Error`: that would rule out the conversion from everything that is one.
impl<E: Into<anyhow::Error>> From<E> for ApiError {
    fn from(source: E) -> Self {
        Self::internal(source)
    }
}

impl IntoResponse for ApiError {
    /// The error alone. The server finds the `ApiError` among the response's extensions and
    /// answers with the whole body.
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": { "name": self.name, "message": self.message } }));
        let mut response = (self.status, body).into_response();
        response.extensions_mut().insert(self);
        response
    }
}
