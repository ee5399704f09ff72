use std::io::Read;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use reqwest::header::{ACCEPT_ENCODING, ORIGIN};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::fixtures::{Runs, Serves};

fn routes() -> Router {
    Router::new()
        .route("/", get(|| async { "small" }))
        .route("/large", get(|| async { "large ".repeat(1000) }))
        .route("/id", get(|headers: HeaderMap| async move { headers["x-request-id"].to_str().unwrap().to_owned() }))
        .route("/framed", get(|| async { ([("x-frame-options", "DENY")], "") }))
}

async fn runs(config: Value) -> Runs {
    Runs::new(config, |it| it.plugin(Serves::<0>::new(routes()))).await
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|it| it.to_str().unwrap())
}

#[tokio::test]
async fn security_headers_are_helmets() {
    let runs =
        runs(json!({ "csp": { "connect-src": ["'self'", "https:"], "upgrade-insecure-requests": false } })).await;
    for path in ["/api/alpha", "/nowhere", "/.backstage/health/v1/liveness"] {
        let response = runs.get(path).await;
        let headers = response.headers().iter().filter(|(name, _)| {
            !["date", "x-request-id", "content-length", "content-type", "vary"].contains(&name.as_str())
        });
        let mut headers: Vec<_> = headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        headers.sort();
        insta::allow_duplicates! { insta::assert_snapshot!(headers.join("\n"), @r#"
        content-security-policy: default-src 'self';base-uri 'self';font-src 'self' https: data:;frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self' 'unsafe-eval';script-src-attr 'none';style-src 'self' https: 'unsafe-inline';connect-src 'self' https:
        referrer-policy: no-referrer
        strict-transport-security: max-age=15552000; includeSubDomains
        x-content-type-options: nosniff
        x-dns-prefetch-control: off
        x-download-options: noopen
        x-frame-options: SAMEORIGIN
        x-permitted-cross-domain-policies: none
        x-xss-protection: 0
        "#); }
    }
    assert_eq!(header(&runs.get("/api/alpha/framed").await, "x-frame-options"), Some("DENY"));
}

#[tokio::test]
async fn the_referrer_policy_can_be_set() {
    let runs = runs(json!({ "referrer": { "policy": ["origin", "same-origin"] } })).await;
    assert_eq!(header(&runs.get("/api/alpha").await, "referrer-policy"), Some("origin,same-origin"));
}

#[tokio::test]
async fn without_cors_no_other_origin_is_let_in() {
    let runs = runs(json!({})).await;
    let response =
        runs.client.get(runs.url("/api/alpha")).header(ORIGIN, "http://localhost:3000").send().await.unwrap();
    assert_eq!(header(&response, "access-control-allow-origin"), None);
}

#[tokio::test]
async fn cors_lets_in_the_origins_that_match() {
    let cors = json!({
        "origin": ["http://localhost:3000", "https://*.example.com"],
        "methods": ["GET", "POST"],
        "exposedHeaders": "x-request-id",
        "credentials": true,
        "maxAge": 600,
    });
    let runs = runs(json!({ "cors": cors })).await;
    let ask = |method: Method, origin: &'static str| {
        let request = runs.client.request(method, runs.url("/api/alpha")).header(ORIGIN, origin);
        async { request.header("access-control-request-headers", "authorization").send().await.unwrap() }
    };
    for origin in ["http://localhost:3000", "https://a.example.com"] {
        let response = ask(Method::GET, origin).await;
        assert_eq!(header(&response, "access-control-allow-origin"), Some(origin));
        assert_eq!(header(&response, "access-control-allow-credentials"), Some("true"));
        assert_eq!(header(&response, "access-control-expose-headers"), Some("x-request-id"));
        let preflight = ask(Method::OPTIONS, origin).await;
        assert_eq!(preflight.status(), 204);
        assert_eq!(header(&preflight, "access-control-allow-methods"), Some("GET,POST"));
        assert_eq!(header(&preflight, "access-control-allow-headers"), Some("authorization"));
        assert_eq!(header(&preflight, "access-control-max-age"), Some("600"));
    }
    let response = ask(Method::GET, "https://evil.com").await;
    assert_eq!(header(&response, "access-control-allow-origin"), None);
}

#[tokio::test]
async fn large_bodies_are_compressed() {
    let runs = runs(json!({})).await;
    let get = |path: &str| runs.client.get(runs.url(path)).header(ACCEPT_ENCODING, "gzip").send();
    let large = get("/api/alpha/large").await.unwrap();
    assert_eq!(header(&large, "content-encoding"), Some("gzip"));
    let bytes = large.bytes().await.unwrap();
    assert!(bytes.len() < 1000 && bytes.starts_with(&[0x1f, 0x8b]), "{}", bytes.len());
    assert_eq!(bytes.take(2).bytes().count(), 2);
    assert_eq!(header(&get("/api/alpha").await.unwrap(), "content-encoding"), None);
    assert_eq!(header(&runs.get("/api/alpha/large").await, "content-encoding"), None);
}

#[tokio::test]
async fn a_request_has_an_id() {
    let runs = runs(json!({})).await;
    let response = runs.get("/api/alpha/id").await;
    let id = header(&response, "x-request-id").unwrap().to_owned();
    assert_eq!(response.text().await.unwrap(), id);
    assert_ne!(header(&runs.get("/api/alpha/id").await, "x-request-id"), Some(id.as_str()));

    let given = |id: &'static str| runs.client.get(runs.url("/api/alpha/id")).header("x-request-id", id).send();
    assert_eq!(given("abc-1").await.unwrap().text().await.unwrap(), "abc-1");
    assert_ne!(header(&given("two words").await.unwrap(), "x-request-id"), Some("two words"));
}
