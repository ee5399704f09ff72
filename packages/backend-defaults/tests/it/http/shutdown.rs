use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use backend_app_api::Phase;
use futures::StreamExt;
use reqwest::Client;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};

use super::fixtures::{Runs, Serves};

const READINESS: &str = "/.backstage/health/v1/readiness";

/// A route that answers when it is told, and tells when it was asked.
fn held() -> (mpsc::Receiver<()>, Arc<Semaphore>, Router) {
    let (asked, was_asked) = mpsc::channel(1);
    let answer = Arc::new(Semaphore::new(0));
    let may = Arc::clone(&answer);
    let handler = move || async move {
        asked.send(()).await.unwrap();
        may.acquire().await.unwrap().forget();
        "answered"
    };
    (was_asked, answer, Router::new().route("/held", get(handler)).route("/", get(|| async { "ok" })))
}

#[tokio::test]
async fn requests_in_flight_are_answered_and_then_no_more() {
    let (mut asked, answer, routes) = held();
    let runs = Runs::new(json!({}), |it| it.plugin(Serves::<0>::new(routes))).await;
    let (held_url, url) = (runs.url("/api/alpha/held"), runs.url("/api/alpha"));
    let in_flight = tokio::spawn(runs.client.get(held_url).send());
    asked.recv().await.unwrap();

    let address = runs.server.local_addrs()[0];
    let shutdown = tokio::spawn(runs.running.shutdown());
    // It accepts no more, while the one in flight is still held.
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!shutdown.is_finished());
    answer.add_permits(1);
    assert_eq!(in_flight.await.unwrap().unwrap().text().await.unwrap(), "answered");
    shutdown.await.unwrap();
    assert!(Client::new().get(url).send().await.is_err());
}

#[tokio::test]
async fn it_goes_on_for_the_delay_but_is_not_ready() {
    let (_, _, routes) = held();
    let config = json!({ "lifecycle": { "serverShutdownDelay": "1h" } });
    let runs = Runs::new(config, |it| it.plugin(Serves::<0>::new(routes))).await;
    let (readiness, url) = (runs.url(READINESS), runs.url("/api/alpha"));
    let mut status = runs.running.status().subscribe();
    let shutdown = tokio::spawn(runs.running.shutdown());
    status.wait_for(|it| it.phase == Phase::Stopping).await.unwrap();

    // New connections, which are told not to stay.
    let (ready, answer) =
        (Client::new().get(readiness).send().await.unwrap(), Client::new().get(url).send().await.unwrap());
    assert_eq!(answer.headers()["connection"], "close");
    assert_eq!(answer.text().await.unwrap(), "ok");
    assert_eq!(ready.status(), 503);
    let body: serde_json::Value = ready.json().await.unwrap();
    assert_eq!((&body["message"], &body["status"]), (&json!("Backend is shuttting down"), &json!("error")));
    assert!(!shutdown.is_finished());
    shutdown.abort();
}

#[tokio::test]
async fn what_takes_longer_than_it_may_is_cut() {
    let (mut asked, _answer, routes) = held();
    let config = json!({ "lifecycle": { "shutdownTimeout": "100ms" } });
    let runs = Runs::new(config, |it| it.plugin(Serves::<0>::new(routes))).await;
    let in_flight = tokio::spawn(runs.client.get(runs.url("/api/alpha/held")).send());
    asked.recv().await.unwrap();
    runs.running.shutdown().await;
    assert!(in_flight.await.unwrap().is_err());
}

#[tokio::test]
async fn a_request_whose_body_is_still_coming_is_answered() {
    let routes = Router::new().route("/echo", post(|body: String| async { body }));
    let runs = Runs::new(json!({}), |it| it.plugin(Serves::<0>::new(routes))).await;
    let address = runs.server.local_addrs()[0];
    let (mut in_head, mut in_body) =
        (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
    in_head.write_all(b"GET /api/alpha/no HTT").await.unwrap();
    in_body.write_all(b"POST /api/alpha/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nab").await.unwrap();
    // On the same connection as before: what was sent to the others has arrived too.
    for _ in 0..10 {
        runs.get("/api/alpha").await;
    }
    let shutdown = tokio::spawn(runs.running.shutdown());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    in_head.write_all(b"P/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    in_body.write_all(b"cd").await.unwrap();
    let (mut head, mut body) = (String::new(), String::new());
    in_head.read_to_string(&mut head).await.unwrap();
    in_body.read_to_string(&mut body).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
    assert!(body.starts_with("HTTP/1.1 200 ") && body.ends_with("abcd"), "{body}");
    shutdown.await.unwrap();
}

#[tokio::test]
async fn a_body_that_is_still_being_sent_is_sent_whole() {
    let (sender, receiver) = mpsc::channel::<Result<&'static str, std::io::Error>>(1);
    let body = Arc::new(std::sync::Mutex::new(Some(receiver)));
    let stream = get(move || async move {
        let receiver = body.lock().unwrap().take().unwrap();
        Body::from_stream(futures::stream::unfold(receiver, async |mut it| Some((it.recv().await?, it))))
    });
    let runs = Runs::new(json!({}), |it| it.plugin(Serves::<0>::new(Router::new().route("/", stream)))).await;
    sender.send(Ok("one ")).await.unwrap();
    let mut body = runs.get("/api/alpha").await.bytes_stream();
    assert_eq!(body.next().await.unwrap().unwrap(), "one ");
    let address = runs.server.local_addrs()[0];
    let shutdown = tokio::spawn(runs.running.shutdown());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    sender.send(Ok("two")).await.unwrap();
    drop(sender);
    assert_eq!(body.next().await.unwrap().unwrap(), "two");
    assert!(body.next().await.is_none());
    shutdown.await.unwrap();
}

/// What became of a request on a connection that is kept.
enum Fate {
    Answered { last: bool },
    Lost(String),
}

async fn ask(stream: &mut TcpStream) -> Fate {
    if let Err(error) = stream.write_all(b"GET /api/alpha HTTP/1.1\r\nhost: x\r\n\r\n").await {
        return Fate::Lost(error.to_string());
    }
    let (mut answer, mut part) = (String::new(), [0; 4096]);
    while !answer.ends_with("\r\n\r\nok") {
        match stream.read(&mut part).await {
            Ok(0) => return Fate::Lost(format!("it ended after {answer:?}")),
            Ok(length) => answer.push_str(std::str::from_utf8(&part[..length]).unwrap()),
            Err(error) => return Fate::Lost(error.to_string()),
        }
    }
    Fate::Answered { last: answer.contains("connection: close\r\n") }
}

/// Asks as fast as it can until the server is gone: how many requests were answered.
async fn keep_asking(address: SocketAddr, answered: Arc<AtomicUsize>) {
    while let Ok(mut stream) = TcpStream::connect(address).await {
        for nth in 0.. {
            match ask(&mut stream).await {
                Fate::Answered { last } => {
                    answered.fetch_add(1, Ordering::Relaxed);
                    if last {
                        break;
                    }
                }
                // The system took the connection, the server never did: it was gone.
                Fate::Lost(_) if nth == 0 && TcpStream::connect(address).await.is_err() => return,
                Fate::Lost(how) => panic!("request {nth} of a connection was lost: {how}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_request_is_lost() {
    let (_, _, routes) = held();
    let runs = Runs::new(json!({}), |it| it.plugin(Serves::<0>::new(routes))).await;
    let (address, answered) = (runs.server.local_addrs()[0], Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..16).map(|_| tokio::spawn(keep_asking(address, Arc::clone(&answered)))).collect();
    while answered.load(Ordering::Relaxed) < 1000 {
        tokio::task::yield_now().await;
    }
    runs.running.shutdown().await;
    for client in clients {
        client.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_http2_request_is_lost() {
    let (_, _, routes) = held();
    let runs = Runs::new(json!({}), |it| it.plugin(Serves::<0>::new(routes))).await;
    let (url, answered) = (runs.url("/api/alpha"), Arc::new(AtomicUsize::new(0)));
    let keep_asking = async |client: Client, url: String, answered: Arc<AtomicUsize>| loop {
        match client.get(&url).send().await {
            Ok(response) => assert_eq!(response.text().await.unwrap(), "ok"),
            Err(error) if error.is_connect() => return,
            Err(error) => panic!("a request was lost: {error:?}"),
        }
        answered.fetch_add(1, Ordering::Relaxed);
    };
    let clients = (0..4).flat_map(|_| {
        let client = Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
        // Four at a time on each connection.
        vec![client; 4]
    });
    let clients: Vec<_> =
        clients.map(|client| tokio::spawn(keep_asking(client, url.clone(), Arc::clone(&answered)))).collect();
    while answered.load(Ordering::Relaxed) < 1000 {
        tokio::task::yield_now().await;
    }
    runs.running.shutdown().await;
    for client in clients {
        client.await.unwrap();
    }
}
