use anyhow::anyhow;
use axum::Router;
use axum::extract::{OriginalUri, Path};
use axum::http::Uri;
use axum::routing::{get, post};
use backend_app_api::PluginState;
use reqwest::{Method, Version};
use serde_json::json;

use super::fixtures::{Runs, Serves, backend, config, json_of};

fn echo() -> Router {
    Router::new()
        .route("/", get(|| async { "root" }))
        .route("/where", get(|uri: Uri, OriginalUri(original): OriginalUri| async move { format!("{uri} {original}") }))
        .route("/things/{id}", get(|Path(id): Path<String>| async { id }))
}

#[tokio::test]
async fn a_plugin_is_served_under_its_id() {
    let runs =
        Runs::new(json!({}), |it| it.plugin(Serves::<0>::new(echo())).plugin(Serves::<1>::new(Router::new()))).await;
    for (path, expected) in [
        ("/api/alpha", "root"),
        ("/api/alpha/", "root"),
        ("/api/alpha/where?a=b", "/where?a=b /api/alpha/where?a=b"),
        ("/api/alpha/things/a%2Fb", "a/b"),
    ] {
        let response = runs.get(path).await;
        assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (200, expected), "{path}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_json_404() {
    let runs = Runs::new(json!({}), |it| it.plugin(Serves::<0>::new(echo()))).await;
    let not_found = |message: &str, url: &str| {
        let error = json!({ "name": "NotFoundError", "message": message });
        let request = json!({ "method": "GET", "url": url });
        (404, json!({ "error": error, "request": request, "response": { "statusCode": 404 } }))
    };
    let nothing =
        |path: &str| not_found(&format!("there is nothing at `{path}`; plugins are at `/api/<plugin id>`"), path);
    assert_eq!(runs.get_json("/").await, nothing("/"));
    assert_eq!(runs.get_json("/api/").await, nothing("/api/"));
    assert_eq!(runs.get_json("/apialpha").await, nothing("/apialpha"));
    assert_eq!(runs.get_json("/api/beta/x").await, not_found("this backend has no plugin `beta`", "/api/beta/x"));
    assert_eq!(
        runs.get_json("/api/alphabet").await,
        not_found("this backend has no plugin `alphabet`", "/api/alphabet")
    );
    // In a plugin the URL is the plugin's own, as in Backstage.
    assert_eq!(runs.get_json("/api/alpha/x?y=1").await, not_found("there is nothing at `/x`", "/x?y=1"));
}

#[tokio::test]
async fn a_request_waits_for_its_plugin() {
    let (gate, alpha) = Serves::<0>::gated(echo());
    let runs = Runs::starting(json!({}), |it| it.plugin(alpha).plugin(Serves::<1>::new(echo()))).await;
    runs.until("beta", |it| *it == PluginState::Ready).await;
    assert_eq!(runs.get("/api/beta").await.status(), 200);

    let waiting = tokio::spawn(runs.client.get(runs.url("/api/alpha")).send());
    assert_eq!(runs.get("/api/beta").await.status(), 200);
    assert!(!waiting.is_finished());
    gate.send(Ok(())).unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().text().await.unwrap(), "root");
}

#[tokio::test]
async fn a_plugin_that_takes_too_long_is_503_with_what_it_does() {
    let (_gate, alpha) = Serves::<0>::gated(echo());
    let config = json!({ "lifecycle": { "startupRequestPauseTimeout": "20ms" } });
    let runs = Runs::starting(config, |it| it.plugin(alpha)).await;
    runs.until("alpha", |it| *it == PluginState::Starting(backend_app_api::Step::Init)).await;
    let (status, body) = runs.get_json("/api/alpha/where").await;
    let message = "plugin `alpha` is not ready: still starting (initializing)";
    assert_eq!((status, &body["error"]), (503, &json!({ "name": "ServiceUnavailableError", "message": message })));
}

#[tokio::test]
async fn a_plugin_that_failed_but_may_is_503_with_the_reason() {
    let (gate, alpha) = Serves::<0>::gated(echo());
    let config = json!({ "startup": { "plugins": { "alpha": { "onPluginBootFailure": "continue" } } } });
    let mut runs = Runs::starting(config, |it| it.plugin(alpha).plugin(Serves::<1>::new(echo()))).await;
    let waiting = tokio::spawn(runs.client.get(runs.url("/api/alpha")).send());
    gate.send(Err(anyhow!("no disk\nwith details"))).unwrap();
    runs.running.started().await.unwrap();

    let (status, body) = json_of(waiting.await.unwrap().unwrap()).await;
    assert_eq!((status, &body["error"]["message"]), (503, &json!("plugin `alpha` did not start: no disk")));
    let (status, body) = runs.get_json("/api/alpha").await;
    assert_eq!((status, &body["error"]["name"]), (503, &json!("ServiceUnavailableError")));
    assert_eq!(runs.get("/api/beta").await.status(), 200);
}

#[tokio::test]
async fn routes_mounted_too_late_are_refused() {
    let runs = Runs::new(json!({}), |it| it.plugin(Serves::<0>::new(echo()))).await;
    let alpha = backend_plugin_api::PluginId::new("alpha");
    assert_eq!(runs.get("/api/alpha").await.status(), 200);
    assert!(runs.server.router_for(alpha).mount(echo()).is_err());
}

#[tokio::test]
async fn http2_is_served_without_tls_too() {
    let routes = Router::new().route("/echo", post(|body: String| async { body }));
    let runs = Runs::new(json!({}), |it| it.plugin(Serves::<0>::new(routes))).await;
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let sent = (0..50).map(|n| client.post(runs.url("/api/alpha/echo")).body(n.to_string()).send());
    for (n, response) in futures::future::join_all(sent).await.into_iter().enumerate() {
        let response = response.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        assert_eq!(response.text().await.unwrap(), n.to_string());
    }
}

#[tokio::test]
async fn a_head_request_is_a_get_without_the_body() {
    let runs = Runs::new(json!({}), |it| it.plugin(Serves::<0>::new(echo()))).await;
    let response = runs.send(Method::HEAD, "/api/alpha").await;
    assert_eq!((response.status().as_u16(), response.headers()["content-length"].to_str().unwrap()), (200, "4"));
}

#[test]
fn every_mistake_in_the_config_is_told_at_once() {
    let wrong = json!({
        "baseUrl": "localhost:7007",
        "https": { "certificate": { "cert": "a.pem" } },
        "cors": { "methods": "GET" },
        "csp": { "img-src": [3] },
        "referrer": { "policy": ["never"] },
        "server": { "requestTimeout": "soon", "bodyLimit": "lots", "maxConnections": 0, "bodyLimits": 3 },
    });
    let errors = backend(config(wrong)).check().err().unwrap().to_string();
    insta::assert_snapshot!(errors, @r#"
    the backend cannot start:
      - `backend.baseUrl`: expected a URL such as `http://localhost:7007`, got "localhost:7007"
      - `backend.cors.origin`: is required, but not set
      - `backend.csp.img-src[0]`: expected a string, got 3
      - `backend.https.certificate.key`: is required, but not set
      - `backend.referrer.policy`: "never" is not a policy; there are no-referrer, no-referrer-when-downgrade, same-origin, origin, strict-origin, origin-when-cross-origin, strict-origin-when-cross-origin, unsafe-url
      - `backend.server.requestTimeout`: expected a duration such as `5m`, `30 seconds`, `PT5M` or `{ minutes: 5 }`, got "soon"
      - `backend.server.bodyLimit`: expected a number of bytes or a size such as `10mb`, got "lots"
      - warning: `backend.server.bodyLimits`: is not a known key, did you mean `bodyLimit`?
    "#);
}
