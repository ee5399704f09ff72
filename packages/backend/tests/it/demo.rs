//! What a new user sees.

use serde_json::{Value, json};

use crate::process::Home;

const ANY_PORT: &str = "backend: {listen: '127.0.0.1:0'}";

async fn get(url: String) -> (u16, Value) {
    let response = reqwest::get(url).await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn the_demo_catalog_is_served_with_its_relations() {
    let backend = Home::shipped(ANY_PORT).start();
    let (status, entities) = get(backend.url("/api/catalog/entities")).await;
    assert_eq!(status, 200);
    let entities = entities.as_array().unwrap();
    let kinds = |kind: &str| entities.iter().filter(|it| it["kind"] == kind).count();
    assert!(entities.len() > 20 && kinds("Component") > 5 && kinds("Location") > 0, "{}", entities.len());
    let related = entities.iter().filter(|it| it["relations"].as_array().is_some_and(|it| !it.is_empty())).count();
    assert!(related > 20, "{related}");

    let (status, ready) = get(backend.url("/.backstage/health/v1/readiness")).await;
    assert_eq!((status, &ready["status"]), (200, &json!("ok")));
    for plugin in ["catalog", "todo"] {
        let database = &ready["plugins"][plugin]["database"];
        assert_eq!((&database["status"], &database["ephemeral"]), (&json!("ok"), &json!(true)), "{ready}");
    }
}

/// As lines for machines: this log is not a terminal.
#[test]
fn what_started_is_told() {
    let backend = Home::shipped(ANY_PORT).start();
    let row = |plugin: &str| backend.started.iter().find(|it| it["plugin"] == plugin && it["message"] == "started");
    for plugin in ["catalog", "todo"] {
        let row = row(plugin).unwrap();
        assert_eq!(row["database"], "better-sqlite3");
        assert_eq!(row["location"], "in memory");
        assert_eq!(row["routes"], format!("/api/{plugin}"));
    }
    backend.signal("TERM");
    let (code, rest) = backend.ended();
    assert_eq!(code, Some(0), "{rest}");
    assert_eq!(rest.matches("in memory and will be lost at stop").count(), 1, "{rest}");
}

/// On a terminal, which `script` is for the backend.
#[test]
fn on_a_terminal_it_is_a_table() {
    let home = Home::shipped(ANY_PORT);
    let mut command = std::process::Command::new("script");
    command.args(["-qec", env!("CARGO_BIN_EXE_backend"), "/dev/null"]).current_dir(home.path()).env("NO_COLOR", "1");
    let mut child = command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut log = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut screen = String::new();
    while !screen.contains("lost at stop") {
        assert!(std::io::BufRead::read_line(&mut log, &mut screen).unwrap() > 0, "{screen}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let table: Vec<_> = screen.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for row in [
        "plugin database routes",
        "catalog better-sqlite3 in memory /api/catalog",
        "todo better-sqlite3 in memory /api/todo",
    ] {
        assert!(table.iter().any(|line| line == row), "{row}\n{screen}");
    }
    assert!(screen.lines().count() < 24, "{screen}");
}

#[tokio::test]
async fn to_dos_are_kept_in_a_directory_over_a_restart() {
    let home = Home::shipped("backend: {listen: '127.0.0.1:0', database: {connection: {directory: data}}}");
    let backend = home.start();
    let client = reqwest::Client::new();
    let post = client.post(backend.url("/api/todo/todos")).json(&json!({ "title": "milk" })).send().await.unwrap();
    assert_eq!(post.status(), 201);
    backend.signal("INT");
    assert_eq!(backend.ended().0, Some(0));

    let backend = home.start();
    assert_eq!(get(backend.url("/api/todo/todos")).await, (200, json!([{ "id": 1, "title": "milk" }])));
    assert!(home.path().join("data/todo.sqlite").exists());
}

/// A plugin that may fail does not keep the others from serving.
#[tokio::test]
async fn a_plugin_that_may_fail_answers_503_with_the_reason() {
    let home = Home::shipped(
        "backend:\n  listen: '127.0.0.1:0'\n  startup: {plugins: {todo: {onPluginBootFailure: continue}}}\n  \
         database: {plugin: {todo: {connection: {filename: /proc/none/todo.sqlite}}}}",
    );
    let backend = home.start();
    let (status, body) = get(backend.url("/api/todo/todos")).await;
    assert_eq!((status, &body["error"]["name"]), (503, &json!("ServiceUnavailableError")));
    assert!(body["error"]["message"].as_str().unwrap().contains("/proc/none"), "{body}");
    assert_eq!(get(backend.url("/api/catalog/entities?limit=1")).await.0, 200);
    let (status, ready) = get(backend.url("/.backstage/health/v1/readiness")).await;
    assert_eq!((status, &ready["plugins"]["todo"]["status"]), (200, &json!("failed")), "{ready}");
}
