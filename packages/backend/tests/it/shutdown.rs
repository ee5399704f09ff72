//! How it stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::process::Home;

/// Clients that ask without pause, each on a connection of its own, while it is told to stop: what
/// was accepted is answered. A connection may be refused, once it no longer listens.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_drops_no_accepted_request() {
    let backend = Home::shipped("backend: {listen: '127.0.0.1:0', lifecycle: {serverShutdownDelay: 200ms}}").start();
    let answered = Arc::new(AtomicUsize::new(0));
    let clients = (0..16).map(|_| {
        let (url, answered) = (backend.url("/api/catalog/entities"), Arc::clone(&answered));
        tokio::spawn(async move {
            let client = reqwest::Client::new();
            loop {
                let response = match client.get(&url).send().await {
                    Ok(response) => response,
                    Err(error) if error.is_connect() => return Ok(()),
                    Err(error) => return Err(format!("{error:?}")),
                };
                let status = response.status();
                let body = response.bytes().await.map_err(|error| format!("{error:?}"))?;
                if status != 200 || !body.ends_with(b"]") {
                    return Err(format!("{status}, {} bytes", body.len()));
                }
                answered.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    while answered.load(Ordering::Relaxed) < 100 {
        tokio::task::yield_now().await;
    }
    backend.signal("TERM");
    for client in clients {
        client.await.unwrap().unwrap();
    }
    let (code, log) = tokio::task::spawn_blocking(|| backend.ended()).await.unwrap();
    assert_eq!(code, Some(0), "{log}");
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let backend = Home::shipped("backend: {listen: '127.0.0.1:0', lifecycle: {serverShutdownDelay: 1h}}").start();
    backend.signal("TERM");
    // Its readiness says when it has taken the first.
    while reqwest::get(backend.url("/.backstage/health/v1/readiness")).await.unwrap().status() != 503 {}
    backend.signal("INT");
    assert_eq!(backend.ended().0, Some(130));
}
