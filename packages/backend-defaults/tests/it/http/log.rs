use axum::Router;
use axum::routing::get;
use serde_json::json;

use super::fixtures::{Lines, Runs, Serves};

#[tokio::test]
async fn each_request_is_a_line_without_its_secrets() {
    let (lines, _guard) = Lines::capture();
    let routes = Router::new().route("/hello", get(|| async { tracing::info!("said hello") }));
    let runs = Runs::new(json!({}), |it| it.plugin(Serves::<0>::new(routes))).await;
    let request = runs.client.get(runs.url("/api/alpha/hello?token=hunter2"));
    request.header("x-request-id", "r1").bearer_auth("hunter2").send().await.unwrap().bytes().await.unwrap();
    runs.get("/api/beta/x").await;

    let [line] = &lines.with("request_id=\"r1\"")[..] else { panic!("{}", lines.text()) };
    assert!(line.contains(" INFO ") && line.contains("http: request"), "{line}");
    for field in ["plugin=\"alpha\"", "method=GET", "path=\"/api/alpha/hello\"", "status=200", "bytes=0"] {
        assert!(line.contains(field), "{field}: {line}");
    }
    // What a handler logs has its plugin.
    assert!(lines.with("said hello")[0].contains("plugin{plugin=\"alpha\"}"), "{}", lines.text());
    assert!(lines.with("/api/beta/x")[0].contains("status=404"), "{}", lines.text());
    assert!(!lines.text().contains("hunter2"), "{}", lines.text());
}

#[tokio::test]
async fn health_checks_are_logged_at_debug_level() {
    let (lines, _guard) = Lines::capture();
    let runs = Runs::new(json!({}), |it| it.plugin(Serves::<0>::new(Router::new()))).await;
    runs.get("/.backstage/health/v1/liveness").await;
    assert!(lines.with("/liveness")[0].contains("DEBUG"), "{}", lines.text());
}
