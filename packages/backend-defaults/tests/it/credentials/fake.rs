//! A service that answers as a test says and writes down what it is asked.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use backend_defaults::database::credentials::{Endpoints, Keyring, Outside, PasswordError, PasswordSource};
use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::BodyExt as _;
use serde_json::Value;

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Method and path, with the query.
    pub(crate) what: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// Answers each request with what `answer` makes of it and of how many came before.
    pub(crate) async fn new<R: IntoResponse + Send>(
        answer: impl Fn(Asked, usize) -> R + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let known = asked.clone();
        let handler = move |request: Request| {
            let (asked, answer) = (known.clone(), answer.clone());
            async move {
                let request = asked_of(request).await;
                let before = {
                    let mut asked = asked.lock().unwrap();
                    asked.push(request.clone());
                    asked.len() - 1
                };
                let response: Response = answer(request, before).into_response();
                response
            }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
        Self { address, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Methods and paths.
    pub(crate) fn whats(&self) -> Vec<String> {
        self.asked().into_iter().map(|it| it.what).collect()
    }
}

async fn asked_of(request: Request) -> Asked {
    let (parts, body) = request.into_parts();
    let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let body = body.collect().await.unwrap().to_bytes();
    Asked {
        what: format!("{} {}", parts.method, parts.uri),
        headers: headers.collect(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

/// A status and JSON.
pub(crate) fn json(status: u16, body: Value) -> Response {
    (http::StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

/// The parts of a form.
pub(crate) fn form(body: &str) -> HashMap<String, String> {
    form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

/// A world with a clock that stands, and nobody at the clouds' endpoints.
pub(crate) struct Scene {
    pub(crate) outside: Outside,
    now: Arc<Mutex<DateTime<Utc>>>,
}

impl Scene {
    pub(crate) async fn new(variables: &[(&str, &str)]) -> Self {
        let variables: HashMap<_, _> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut outside = Outside::new(move |name| variables.get(name).cloned());
        let now = Arc::new(Mutex::new("2026-02-03T04:05:06Z".parse().unwrap()));
        let clock = now.clone();
        outside.clock = Arc::new(move || *clock.lock().unwrap());
        outside.endpoints = nowhere().await;
        Self { outside, now }
    }

    pub(crate) fn pass(&self, time: TimeDelta) {
        *self.now.lock().unwrap() += time;
    }

    pub(crate) fn keyring(&self) -> Keyring {
        Keyring::new(self.outside.clone())
    }

    /// What is answered to somebody who asks first.
    pub(crate) async fn password(&self, source: &PasswordSource) -> Result<String, PasswordError> {
        let password = self.keyring().passwords(source).password(false).await?;
        Ok(password.unwrap().expose().clone())
    }

    /// Why there is no password; ports of this machine are not told.
    pub(crate) async fn error(&self, source: &PasswordSource) -> (String, PasswordError) {
        let error = self.password(source).await.unwrap_err();
        (told(&error), error)
    }
}

pub(crate) fn told(error: &PasswordError) -> String {
    regex::Regex::new("127.0.0.1:[0-9]+").unwrap().replace_all(&error.to_string(), "HERE").into_owned()
}

/// A port that was free a moment ago refuses connections.
async fn nowhere() -> Endpoints {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    Endpoints {
        aws_containers: url.clone(),
        aws_metadata: url.clone(),
        azure_authority: url.clone(),
        azure_metadata: url.clone(),
        google_metadata: url.clone(),
        google_oauth: url.clone(),
        google_sql_admin: url,
    }
}
