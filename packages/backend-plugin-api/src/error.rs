use std::fmt;
use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::PluginId;
use crate::services::database::DatabaseError;

/// An error as a client sees it.
///
/// Names and statuses are Backstage's (`@backstage/errors`). A handler returns
/// `Result<T, ApiError>`; the server adds what the request was:
/// `{"error": {"name", "message"}, "request": {"method", "url"}, "response": {"statusCode"}}`.
///
/// What comes by `?` (a [`DbErr`](sea_orm::DbErr), an [`anyhow::Error`]) is an internal error: the
/// log has it, the client gets an id to find it there. Unless it is a
/// [`DatabaseError`](crate::services::database::DatabaseError) that may be gone later: that is a 503 with
/// `Retry-After`, and the log has the cause.
#[derive(Clone, Debug)]
pub struct ApiError {
    name: &'static str,
    status: StatusCode,
    message: String,
    source: Option<Arc<anyhow::Error>>,
    retry: bool,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $fn:ident: $name:literal, $status:ident;)*) => {
        impl ApiError {
            $($(#[$doc])*
            pub fn $fn(message: impl Into<String>) -> Self {
                Self { name: $name, status: StatusCode::$status, message: message.into(), source: None, retry: false }
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
            retry: false,
        }
    }

    /// 503, with `Retry-After` of a second: the log gets `source`, the client does not.
    fn database_unavailable(plugin: Option<PluginId>, source: anyhow::Error) -> Self {
        let whose = plugin.map_or_else(|| "a plugin".to_owned(), |it| format!("plugin `{it}`"));
        let error = Self::service_unavailable(format!("the database of {whose} is not available now; try again"));
        Self { source: Some(Arc::new(source)), retry: true, ..error }
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
        Self { name, status, message: message.into(), source: None, retry: false }
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
        let source = source.into();
        match DatabaseError::find(&source).filter(|it| it.is_unavailable()).map(DatabaseError::plugin) {
            Some(plugin) => Self::database_unavailable(plugin, source),
            None => Self::internal(source),
        }
    }
}

impl IntoResponse for ApiError {
    /// The error alone. The server finds the `ApiError` among the response's extensions and
    /// answers with the whole body.
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": { "name": self.name, "message": self.message } }));
        let mut response = (self.status, body).into_response();
        if self.retry {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response.extensions_mut().insert(self);
        response
    }
}
