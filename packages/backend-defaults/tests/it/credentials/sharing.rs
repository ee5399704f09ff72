//! Tokens are kept, and requests shared.

use std::sync::Arc;
use std::time::Duration;

use backend_defaults::database::credentials::{AzureLogin, PasswordSource};
use chrono::TimeDelta;
use futures::future::join_all;
use serde_json::json;

use super::fake::{Fake, Scene, json, told};

fn source() -> PasswordSource {
    PasswordSource::Azure(AzureLogin {
        tenant_id: Some("tenant".to_owned()),
        client_id: Some("client".to_owned()),
        client_secret: Some("s3cret".to_owned().into()),
        renew_before: Duration::from_secs(300),
    })
}

async fn scene(fake: &Fake) -> Scene {
    let mut scene = Scene::new(&[]).await;
    scene.outside.endpoints.azure_authority = fake.url();
    scene
}

fn token(number: usize) -> axum::response::Response {
    json(200, json!({"access_token": format!("token-{number}"), "expires_in": 3600}))
}

#[tokio::test]
async fn many_who_ask_at_once_share_one_request() {
    let fake = Fake::new(|_, before| token(before)).await;
    let keyring = scene(&fake).await.keyring();
    for (fresh, expected) in [(false, "token-0"), (false, "token-0"), (true, "token-1"), (true, "token-2")] {
        // As plugins do: each asks for its own.
        let all = (0..50).map(|_| keyring.passwords(&source()));
        let asked = join_all(all.map(|it| async move { it.password(fresh).await.unwrap().unwrap() })).await;
        assert!(asked.iter().all(|it| it.expose() == expected), "{expected}");
    }
    assert_eq!(fake.asked().len(), 3);
}

#[tokio::test]
async fn many_who_ask_at_once_share_one_failure() {
    let fake = Fake::new(|_, _| json(400, json!({"error": "invalid_client"}))).await;
    let keyring = scene(&fake).await.keyring();
    let all = (0..50).map(|_| keyring.passwords(&source()));
    let asked = join_all(all.map(|it| async move { it.password(false).await })).await;
    assert!(asked.iter().all(Result::is_err));
    assert_eq!(fake.asked().len(), 1);
    // Who comes later asks again.
    assert!(keyring.passwords(&source()).password(false).await.is_err());
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test]
async fn who_gives_up_is_in_nobodys_way() {
    // It never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut scene = Scene::new(&[]).await;
    scene.outside.endpoints.azure_authority = format!("http://{}", silent.local_addr().unwrap());
    let passwords = scene.keyring().passwords(&source());
    let mut connections = Vec::new();
    for _ in 0..2 {
        tokio::select! {
            connection = silent.accept() => connections.push(connection.unwrap()),
            password = passwords.password(false) => panic!("{password:?}"),
        }
    }
}

#[tokio::test]
async fn other_sources_have_other_tokens() {
    let fake = Fake::new(|_, before| token(before)).await;
    let keyring = scene(&fake).await.keyring();
    let PasswordSource::Azure(login) = source() else { panic!() };
    let other = PasswordSource::Azure(AzureLogin { client_id: Some("other".to_owned()), ..login });
    let ask = async |source| keyring.passwords(source).password(false).await.unwrap().unwrap().expose().clone();
    assert_eq!([ask(&source()).await, ask(&other).await, ask(&source()).await], ["token-0", "token-1", "token-0"]);
    assert!(Arc::ptr_eq(&keyring.passwords(&other), &keyring.passwords(&other)));
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_is_used_while_it_is_good() {
    let fake = Fake::new(|_, before| match before {
        0 => token(0),
        _ => json(400, json!({"error": "temporarily_unavailable"})),
    })
    .await;
    let scene = scene(&fake).await;
    let passwords = scene.keyring().passwords(&source());
    let ask = async |fresh| passwords.password(fresh).await.map(|it| it.unwrap().expose().clone());
    assert_eq!(ask(false).await.unwrap(), "token-0");
    scene.pass(TimeDelta::minutes(56));
    assert_eq!(ask(false).await.unwrap(), "token-0");
    assert_eq!(fake.asked().len(), 2);
    // It is not tried at each connection.
    scene.pass(TimeDelta::seconds(29));
    assert_eq!(ask(false).await.unwrap(), "token-0");
    assert_eq!(fake.asked().len(), 2);
    scene.pass(TimeDelta::seconds(1));
    assert_eq!(ask(false).await.unwrap(), "token-0");
    assert_eq!(fake.asked().len(), 3);
    // One that is refused is no good.
    assert!(ask(true).await.is_err());
    assert!(ask(false).await.is_err());
}

#[tokio::test]
async fn an_expired_token_is_not_used() {
    let fake = Fake::new(|_, before| match before {
        0 => token(0),
        _ => json(400, json!({"error": "invalid_client"})),
    })
    .await;
    let scene = scene(&fake).await;
    let passwords = scene.keyring().passwords(&source());
    passwords.password(false).await.unwrap();
    scene.pass(TimeDelta::minutes(60));
    assert!(passwords.password(false).await.is_err());
}

#[tokio::test]
async fn a_hiccup_is_got_over() {
    let fake = Fake::new(|_, before| match before {
        0 => json(503, json!({})),
        1 => json(429, json!({})),
        _ => token(before),
    })
    .await;
    assert_eq!(scene(&fake).await.password(&source()).await.unwrap(), "token-2");
    let broken = Fake::new(|_, _| json(500, json!({"error": "server_error"}))).await;
    let (told, error) = scene(&broken).await.error(&source()).await;
    insta::assert_snapshot!(told, @"the token endpoint of Microsoft Entra (`http://HERE/tenant/oauth2/v2.0/token`) answered 500: server_error");
    assert!(error.is_transient());
    assert_eq!(broken.asked().len(), 3);
}

#[tokio::test]
async fn a_silent_service_is_not_waited_for() {
    // The kernel accepts; nobody answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut scene = Scene::new(&[]).await;
    scene.outside.endpoints.azure_authority = format!("http://{}", silent.local_addr().unwrap());
    scene.outside.limits.request = Duration::from_millis(100);
    let (told, error) = scene.error(&source()).await;
    insta::assert_snapshot!(told, @"the token endpoint of Microsoft Entra (`http://HERE/tenant/oauth2/v2.0/token`) did not answer within 0.1 s");
    assert!(error.is_transient());
}

#[tokio::test]
async fn an_absent_service_is_told() {
    let error = Scene::new(&[]).await.password(&source()).await.unwrap_err();
    insta::assert_snapshot!(told(&error), @"the token endpoint of Microsoft Entra (`http://HERE/tenant/oauth2/v2.0/token`) cannot be reached: Connection refused (os error 111)");
    assert!(error.is_transient());
}
