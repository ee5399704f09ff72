use std::sync::{Arc, Mutex};

use anyhow::{Context, anyhow};
use axum::extract::{Json, Query};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Router, body::Body};
use backend_plugin_api::services::database::{DatabaseError, Outcome};
use backend_plugin_api::{ApiError, PluginId};
use reqwest::Method;
use sea_orm::{DbErr, sqlx};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::fixtures::{Lines, Runs, Serves, json_of};

#[derive(serde::Deserialize)]
struct Page {
    #[serde(rename = "limit")]
    _limit: u32,
}

async fn broken() -> Result<(), ApiError> {
    Err(anyhow!("password is hunter2")).context("cannot reach db.internal:5432")?
}

fn lost() -> DbErr {
    let cause = sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::ConnectionReset, "reset by peer"));
    let (plugin, location) = (PluginId::new("alpha"), "todo at db.internal:5432".to_owned());
    DatabaseError::Lost { plugin, location, outcome: Outcome::RolledBack, cause: Arc::new(cause) }.into()
}

/// An error of a plugin's own.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Stored(#[from] DbErr);

async fn database_lost() -> Result<(), ApiError> {
    Err(lost())?
}

async fn database_wrapped() -> Result<(), ApiError> {
    Err(anyhow::Error::new(Stored(lost()))).context("cannot list the items")?
}

async fn database_mistake() -> Result<(), ApiError> {
    Err(DbErr::from(DatabaseError::EndsTransaction { keyword: "COMMIT" }))?
}

#[test]
fn a_transaction_that_a_plugin_spoilt_is_not_an_outage() {
    let rolled_back = |lost| DbErr::from(DatabaseError::RolledBack { plugin: PluginId::new("alpha"), lost });
    assert_eq!(ApiError::from(rolled_back(false)).status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(ApiError::from(rolled_back(true)).status(), StatusCode::SERVICE_UNAVAILABLE);
}

fn routes() -> Router {
    Router::new()
        .route("/conflict", get(|| async { ApiError::conflict("there is one already") }))
        .route("/broken", get(broken))
        .route("/text500", get(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "db.internal:5432 refused") }))
        .route(
            "/panics",
            get(|| async {
                if true {
                    panic!("at the disco")
                }
            }),
        )
        .route("/database", get(database_lost))
        .route("/database/wrapped", get(database_wrapped))
        .route("/database/mistake", get(database_mistake))
        .route("/empty", get(|| async { StatusCode::GONE }))
        .route("/text", get(|| async { (StatusCode::IM_A_TEAPOT, "short and stout") }))
        .route("/own", get(|| async { (StatusCode::BAD_REQUEST, Json(json!({ "mine": true }))) }))
        .route("/login", get(|| async { (StatusCode::UNAUTHORIZED, [("www-authenticate", "Bearer")], "who?") }))
        .route("/page", get(|_: Query<Page>| async {}))
        .route("/things", post(|_: Json<Page>| async {}))
}

async fn runs() -> Runs {
    Runs::new(json!({}), |it| it.plugin(Serves::<0>::new(routes()))).await
}

fn error(name: &str, message: &str, method: &str, url: &str, status: u16) -> (u16, Value) {
    let (error, request) = (json!({ "name": name, "message": message }), json!({ "method": method, "url": url }));
    (status, json!({ "error": error, "request": request, "response": { "statusCode": status } }))
}

#[tokio::test]
async fn errors_are_backstages_json() {
    let runs = runs().await;
    for (path, name, message, status) in [
        ("/conflict", "ConflictError", "there is one already", 409),
        ("/empty", "ResponseError", "Gone", 410),
        ("/text", "InputError", "short and stout", 418),
        ("/login", "AuthenticationError", "who?", 401),
        (
            "/page?limit=x",
            "InputError",
            "Failed to deserialize query string: limit: invalid digit found in string",
            400,
        ),
    ] {
        let expected = error(name, message, "GET", path, status);
        assert_eq!(runs.get_json(&format!("/api/alpha{path}")).await, expected);
    }
    let response = runs.get("/api/alpha/login").await;
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
    assert_eq!(runs.get_json("/api/alpha/own").await, (400, json!({ "mine": true })));
}

#[tokio::test]
async fn a_method_that_is_not_taken_says_which_are() {
    let runs = runs().await;
    let response = runs.send(Method::DELETE, "/api/alpha/things").await;
    assert_eq!(response.headers()["allow"], "POST");
    let expected = error("InputError", "`/things` does not take DELETE; it takes POST", "DELETE", "/things", 405);
    assert_eq!(json_of(response).await, expected);
}

#[tokio::test]
async fn what_is_not_the_json_that_was_asked_for_is_an_input_error() {
    let runs = runs().await;
    let post = runs.client.post(runs.url("/api/alpha/things"));
    let (status, body) = json_of(post.try_clone().unwrap().body("{}").send().await.unwrap()).await;
    assert_eq!((status, &body["error"]["name"]), (415, &json!("InputError")));
    let (status, body) = json_of(post.json(&json!({ "limit": "x" })).send().await.unwrap()).await;
    assert_eq!((status, &body["error"]["name"]), (422, &json!("InputError")));
}

#[tokio::test]
async fn an_internal_error_tells_the_client_an_id_and_the_log_the_rest() {
    let (lines, _guard) = Lines::capture();
    let runs = runs().await;
    for (path, cause) in [
        ("/broken", "cannot reach db.internal:5432: password is hunter2"),
        ("/text500", "db.internal:5432 refused"),
        ("/panics", "it panicked: at the disco"),
    ] {
        let (status, body) = runs.get_json(&format!("/api/alpha{path}?token=secret")).await;
        assert_eq!((status, &body["error"]["name"]), (500, &json!("InternalServerError")));
        let message = body["error"]["message"].as_str().unwrap();
        let id = message.strip_prefix("An internal error occurred logId=").unwrap();
        let [line] = &lines.with(id)[..] else { panic!("not one line with {id}: {}", lines.text()) };
        assert!(line.contains("ERROR") && line.contains(cause) && line.contains("plugin=\"alpha\""), "{line}");
        assert!(line.contains(&format!("path=\"/api/alpha{path}\"")) && !line.contains("secret"), "{line}");
    }
}

#[tokio::test]
async fn a_database_that_is_not_available_is_a_503_and_its_cause_is_in_the_log() {
    let (lines, _guard) = Lines::capture();
    let runs = runs().await;
    let cause = "the connection to the database of `alpha` (todo at db.internal:5432) was lost: reset by peer; its \
                 transaction is rolled back";
    for path in ["/database", "/database/wrapped"] {
        let response = runs.get(&format!("/api/alpha{path}?token=secret")).await;
        assert_eq!(response.headers()["retry-after"], "1");
        let message = "the database of plugin `alpha` is not available now; try again";
        let expected = error("ServiceUnavailableError", message, "GET", &format!("{path}?token=secret"), 503);
        assert_eq!(json_of(response).await, expected);
        let mut lines = lines.with(&format!("path=\"/api/alpha{path}\""));
        lines.retain(|it| it.contains("ERROR"));
        let [line] = &lines[..] else { panic!("not one line: {lines:?}") };
        assert!(
            line.contains("not available: ") && line.contains("plugin=\"alpha\"") && !line.contains("secret"),
            "{line}"
        );
        assert_eq!(line.matches("was lost").count(), 1, "{line}");
    }
    assert!(lines.text().contains(&format!("not available: cannot list the items: {cause}")), "{}", lines.text());
    let response = runs.get("/api/alpha/database/mistake").await;
    assert_eq!(response.headers().get("retry-after"), None);
    assert_eq!(json_of(response).await.0, 500);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_taken_for_whole() {
    let (lines, _guard) = Lines::capture();
    let (sender, receiver) = mpsc::channel::<Result<&str, std::io::Error>>(1);
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    let handler = async move || {
        let receiver = receiver.lock().unwrap().take().unwrap();
        Body::from_stream(futures::stream::unfold(receiver, async |mut it| Some((it.recv().await?, it))))
    };
    let routes = Router::new().route("/", get(handler));
    let runs = Runs::new(json!({}), |it| it.plugin(Serves::<0>::new(routes))).await;

    sender.send(Ok("one")).await.unwrap();
    let mut body = runs.get("/api/alpha").await;
    assert_eq!(body.chunk().await.unwrap().unwrap(), "one");
    sender.send(Err(std::io::Error::other("gone"))).await.unwrap();
    assert!(body.chunk().await.is_err());
    let [line] = &lines.with("the answer broke off")[..] else { panic!("{}", lines.text()) };
    assert!(line.contains("bytes=3") && line.contains("error=\"gone\""), "{line}");
}
