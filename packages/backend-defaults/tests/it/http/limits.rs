use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::fixtures::{Runs, Serves, json_of};

fn routes() -> Router {
    Router::new()
        .route("/", get(|| async { "ok" }))
        .route("/length", post(|body: String| async move { body.len().to_string() }))
        .route("/upload", post(|body: String| async move { body.len().to_string() }).layer(DefaultBodyLimit::max(100)))
        .route("/never", get(std::future::pending::<()>))
}

async fn runs(server: serde_json::Value) -> Runs {
    Runs::new(json!({ "server": server }), |it| it.plugin(Serves::<0>::new(routes()))).await
}

/// Sends text, and gives all that comes back until the server closes the connection.
async fn raw(runs: &Runs, text: &str) -> String {
    let mut stream = TcpStream::connect(runs.server.local_addrs()[0]).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let runs = runs(json!({ "bodyLimit": "10b" })).await;
    let post = |path: &str, length: usize| runs.client.post(runs.url(path)).body("x".repeat(length)).send();
    assert_eq!(post("/api/alpha/length", 10).await.unwrap().text().await.unwrap(), "10");
    let (status, body) = json_of(post("/api/alpha/length", 11).await.unwrap()).await;
    assert_eq!((status, &body["error"]["name"]), (413, &json!("PayloadTooLargeError")));
    // A route may set its own.
    assert_eq!(post("/api/alpha/upload", 100).await.unwrap().text().await.unwrap(), "100");
    // Also when the length is not told beforehand.
    let chunks = futures::stream::iter(["xxxxxxxx"; 2].map(Ok::<_, std::io::Error>));
    let chunked = runs.client.post(runs.url("/api/alpha/length")).body(reqwest::Body::wrap_stream(chunks));
    assert_eq!(chunked.send().await.unwrap().status(), 413);
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_503() {
    let runs = runs(json!({ "requestTimeout": "50ms" })).await;
    let (status, body) = runs.get_json("/api/alpha/never").await;
    let error = json!({ "name": "ServiceUnavailableError", "message": "there was no answer within 50ms" });
    assert_eq!((status, &body["error"]), (503, &error));
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_408() {
    let runs = runs(json!({ "requestTimeout": "50ms" })).await;
    let slow = "POST /api/alpha/length HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nconnection: close\r\n\r\nab";
    let answer = raw(&runs, slow).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("the request did not arrive within 50ms"), "{answer}");
}

#[tokio::test]
async fn a_head_that_does_not_come_to_its_end_is_cut() {
    let runs = runs(json!({ "headersTimeout": "50ms" })).await;
    assert_eq!(raw(&runs, "GET /api/alpha HTTP/1.1\r\nhost: x\r\n").await, "");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let runs = runs(json!({ "keepAliveTimeout": "500ms" })).await;
    let asked = raw(&runs, "GET /api/alpha HTTP/1.1\r\nhost: x\r\n\r\n");
    // Also one on which nothing came at all.
    let (answer, nothing) = tokio::join!(asked, raw(&runs, ""));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("ok"), "{answer}");
    assert_eq!(nothing, "");
}

#[tokio::test]
async fn a_connection_on_which_nothing_moves_is_cut() {
    let runs = runs(json!({ "timeout": "50ms" })).await;
    assert_eq!(raw(&runs, "GET /api/alpha/never HTTP/1.1\r\nhost: x\r\n\r\n").await, "");
}

#[tokio::test]
async fn a_connection_takes_so_many_requests() {
    let runs = runs(json!({ "maxRequestsPerSocket": 2 })).await;
    let answer = raw(&runs, &"GET /api/alpha HTTP/1.1\r\nhost: x\r\n\r\n".repeat(3)).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
    assert_eq!(answer.matches("connection: close").count(), 1, "{answer}");
}

#[tokio::test]
async fn a_request_has_so_many_headers() {
    let runs = runs(json!({ "maxHeadersCount": 5 })).await;
    let ask =
        |count: usize| format!("GET /api/alpha HTTP/1.1\r\nconnection: close\r\n{}\r\n", "a: b\r\n".repeat(count - 1));
    assert!(raw(&runs, &ask(5)).await.starts_with("HTTP/1.1 200 "));
    assert!(raw(&runs, &ask(6)).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn more_connections_than_there_may_be_wait() {
    let runs = runs(json!({ "maxConnections": 1 })).await;
    let mut first = TcpStream::connect(runs.server.local_addrs()[0]).await.unwrap();
    let ask = "GET /api/alpha HTTP/1.1\r\nhost: x\r\n\r\n";
    first.write_all(ask.as_bytes()).await.unwrap();
    let mut byte = [0];
    first.read_exact(&mut byte).await.unwrap();

    let mut second = TcpStream::connect(runs.server.local_addrs()[0]).await.unwrap();
    second.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = Box::pin(second.read_exact(&mut byte));
    // While it waits, the first one is served.
    for _ in 0..3 {
        first.write_all(ask.as_bytes()).await.unwrap();
        let mut some = [0; 64];
        tokio::select! {
            biased;
            _ = &mut answer => panic!("the second connection was served beside the first"),
            read = first.read(&mut some) => assert!(read.unwrap() > 0),
        }
    }
    drop(first);
    answer.await.unwrap();
}
