use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use backend_app_api::Backend;
use backend_defaults::http::{HttpRouterFactory, HttpServerFactory};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::fixtures::{Runs, Serves, backend, config};

/// Connects as a client that trusts one certificate.
async fn connect(runs: &Runs, pem: &str, alpn: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut client = client.with_root_certificates(roots).with_no_client_auth();
    client.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(runs.server.local_addrs()[0]).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(client)).connect(name, stream).await
}

async fn ask(mut stream: TlsStream<TcpStream>) -> String {
    let ask = b"GET /api/alpha HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(ask).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn hello() -> Serves<0> {
    Serves::new(Router::new().route("/", get(|| async { "hello" })))
}

async fn self_signed(directory: &std::path::Path) -> Runs {
    let server = HttpServerFactory::default().certificate_directory(directory);
    let backend = Backend::new(config(json!({ "https": true }))).service(server).service(HttpRouterFactory);
    Runs::of(backend.plugin(hello())).await
}

#[tokio::test]
async fn a_self_signed_certificate_is_made_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let runs = self_signed(directory.path()).await;
    assert!(runs.server.url().starts_with("https://localhost:"), "{}", runs.server.url());
    let pem = std::fs::read_to_string(directory.path().join("dev-cert.pem")).unwrap();
    let stream = connect(&runs, &pem, b"http/1.1").await.unwrap();
    assert!(ask(stream).await.ends_with("hello"));
    runs.running.shutdown().await;

    let again = self_signed(directory.path()).await;
    assert!(connect(&again, &pem, b"h2").await.is_ok());
}

#[tokio::test]
async fn a_given_certificate_is_used_and_http2_negotiated() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("key.pem");
    std::fs::write(&file, &key).unwrap();
    // Text, or a file that has it.
    for key in [key.as_str(), file.to_str().unwrap()] {
        let https = json!({ "https": { "certificate": { "cert": cert, "key": key } } });
        let runs = Runs::starting(https, |it| it.plugin(hello())).await;
        let stream = connect(&runs, &cert, b"h2").await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        assert!(ask(connect(&runs, &cert, b"http/1.1").await.unwrap()).await.ends_with("hello"));
        // Somebody who does not speak TLS disturbs nobody.
        assert!(runs.client.get(runs.url("/")).send().await.is_err());
        assert!(connect(&runs, &cert, b"http/1.1").await.is_ok());
    }
}

async fn failure(https: Value) -> String {
    let started = backend(config(json!({ "https": https }))).check().unwrap().start().started().await;
    let error = started.err().unwrap().to_string();
    error.split_once("service `core.root-http-router`: ").unwrap().1.to_owned()
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told_without_the_key() {
    let certificate = |cert: &str, key: &str| json!({ "certificate": { "cert": cert, "key": key } });
    let (a, b) = (["localhost".to_owned()], ["localhost".to_owned()]);
    let (a, b) = (rcgen::generate_simple_self_signed(a).unwrap(), rcgen::generate_simple_self_signed(b).unwrap());
    let missing = failure(certificate("/nowhere/cert.pem", "hunter2")).await;
    let mixed = failure(certificate(&a.cert.pem(), &b.signing_key.serialize_pem())).await;
    let empty = failure(certificate("-----BEGIN NOTHING-----", "-----BEGIN NOTHING-----")).await;
    insta::assert_snapshot!([missing, mixed, empty].join("\n"), @r#"
    `backend.https.certificate.cert`: expected PEM text or a file that has it, cannot read `/nowhere/cert.pem`: No such file or directory (os error 2)
    `backend.https.certificate.key`: expected PEM text or a file that has it, cannot read the file: No such file or directory (os error 2)
    `backend.https.certificate.key`: is not the key of the certificate
    `backend.https.certificate.cert`: there is no PEM certificate in it
    `backend.https.certificate.key`: there is no PEM private key in it
    "#);
}
