use std::net::TcpListener;

use axum::Router;
use config::{Config, Sources};
use serde_json::json;

use super::fixtures::{Runs, Serves, backend};

#[tokio::test]
async fn a_port_that_is_taken_says_where_to_change_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("app-config.yaml");
    std::fs::write(&file, format!("backend:\n  listen: ':{port}'\n")).unwrap();
    let config = Config::load(&Sources::files([&file]), &|_| None).unwrap();
    let error = backend(config).check().unwrap().start().started().await.err().unwrap().to_string();
    let expected = format!(
        "the backend did not start:\n  - service `core.root-http-router`: \
         {}:2:11 `backend.listen`: cannot listen on 127.0.0.1:{port}: the port is in use; choose another one, \
         or set APP_CONFIG_backend_listen=:{}",
        file.display(),
        port + 1
    );
    assert_eq!(error, expected);
}

#[tokio::test]
async fn without_a_host_it_listens_on_the_loopback_addresses() {
    let config = Config::from_json(json!({ "backend": { "listen": 0 } }));
    let runs = Runs::of(backend(config).plugin(Serves::<0>::new(Router::new()))).await;
    let addresses = runs.server.local_addrs();
    assert!(addresses.iter().all(|it| it.ip().is_loopback()), "{addresses:?}");
    for address in addresses {
        let url = format!("http://{address}/.backstage/health/v1/liveness");
        assert_eq!(runs.client.get(url).send().await.unwrap().status(), 200);
    }
    assert_eq!(runs.server.url(), format!("http://localhost:{}", addresses[0].port()));
}

#[tokio::test]
async fn the_base_url_is_what_is_shown() {
    let runs = Runs::starting(json!({ "baseUrl": "https://backstage.example.com/" }), |it| it).await;
    assert_eq!(runs.server.url(), "https://backstage.example.com");
}
