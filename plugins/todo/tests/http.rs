//! The plugin in a backend, as its clients meet it.
#![expect(clippy::unwrap_used, reason = "tests")]

use backend_test_utils::TestBackend;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use todo::TodoPlugin;

async fn read(response: Response) -> (u16, Value) {
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn to_dos_are_added_and_listed() {
    let backend = TestBackend::start(json!({ "todo": { "maxOpen": 1 } }), |it| it.plugin(TodoPlugin)).await;
    let (client, todos) = (Client::new(), backend.url("/api/todo/todos"));
    let post = async |body: Value| read(client.post(&todos).json(&body).send().await.unwrap()).await;

    assert_eq!(post(json!({ "title": "milk" })).await, (201, json!({ "id": 1, "title": "milk" })));
    let conflict = json!({
        "error": { "name": "ConflictError", "message": "there are 1 to-dos, and no more may be" },
        "request": { "method": "POST", "url": "/todos" },
        "response": { "statusCode": 409 },
    });
    assert_eq!(post(json!({ "title": "eggs" })).await, (409, conflict));
    assert_eq!(post(json!({ "titel": "eggs" })).await.1["error"]["name"], "InputError");
    assert_eq!(read(client.get(&todos).send().await.unwrap()).await, (200, json!([{ "id": 1, "title": "milk" }])));
    backend.stop().await;
}

/// Of clients that come at the same time, only as many get through as there may be.
#[tokio::test(flavor = "multi_thread")]
async fn the_limit_holds_for_clients_that_come_together() {
    let backend = TestBackend::start(json!({ "todo": { "maxOpen": 5 } }), |it| it.plugin(TodoPlugin)).await;
    let (client, todos) = (Client::new(), backend.url("/api/todo/todos"));
    let posts = (0..20).map(|n| client.post(&todos).json(&json!({ "title": n.to_string() })).send());
    let posts: Vec<_> = posts.map(tokio::spawn).collect();
    let mut created = 0;
    for post in posts {
        created += usize::from(post.await.unwrap().unwrap().status() == 201);
    }
    assert_eq!(created, 5);
    backend.stop().await;
}
