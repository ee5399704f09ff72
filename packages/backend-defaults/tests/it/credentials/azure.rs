use std::time::Duration;

use backend_defaults::database::credentials::{AzureLogin, PasswordSource};
use chrono::TimeDelta;
use serde_json::json;

use super::fake::{Fake, Scene, form, json};

fn login() -> AzureLogin {
    let renew_before = Duration::from_secs(300);
    AzureLogin { tenant_id: None, client_id: None, client_secret: None, renew_before }
}

fn app() -> PasswordSource {
    PasswordSource::Azure(AzureLogin {
        tenant_id: Some("tenant".to_owned()),
        client_id: Some("client".to_owned()),
        client_secret: Some("s3cret".to_owned().into()),
        ..login()
    })
}

/// Token endpoints number their tokens.
async fn entra() -> Fake {
    Fake::new(|_, before| json(200, json!({"access_token": format!("token-{before}"), "expires_in": 3600}))).await
}

#[tokio::test]
async fn an_app_logs_in_with_its_secret() {
    let entra = entra().await;
    let mut scene = Scene::new(&[]).await;
    scene.outside.endpoints.azure_authority = entra.url();
    assert_eq!(scene.password(&app()).await.unwrap(), "token-0");
    let asked = &entra.asked()[0];
    assert_eq!(asked.what, "POST /tenant/oauth2/v2.0/token");
    let form = form(&asked.body);
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!((form["client_id"].as_str(), form["client_secret"].as_str()), ("client", "s3cret"));
    assert_eq!(form["scope"], "https://ossrdbms-aad.database.windows.net/.default");

    let scene = Scene::new(&[
        ("AZURE_TENANT_ID", "t"),
        ("AZURE_CLIENT_ID", "c"),
        ("AZURE_CLIENT_SECRET", "s"),
        ("AZURE_AUTHORITY_HOST", &format!("{}/", entra.url())),
    ])
    .await;
    assert_eq!(scene.password(&PasswordSource::Azure(login())).await.unwrap(), "token-1");
    assert_eq!(entra.asked()[1].what, "POST /t/oauth2/v2.0/token");
}

#[tokio::test]
async fn a_workload_shows_its_token() {
    let entra = entra().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "jwt-1").unwrap();
    let mut scene = Scene::new(&[
        ("AZURE_TENANT_ID", "tenant"),
        ("AZURE_CLIENT_ID", "client"),
        ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap()),
    ])
    .await;
    scene.outside.endpoints.azure_authority = entra.url();
    let passwords = scene.keyring().passwords(&PasswordSource::Azure(login()));
    passwords.password(false).await.unwrap();
    // Kubernetes replaces it while the backend runs.
    std::fs::write(&file, "jwt-2").unwrap();
    passwords.password(true).await.unwrap();
    let shown: Vec<_> = entra.asked().iter().map(|it| form(&it.body)["client_assertion"].clone()).collect();
    assert_eq!(shown, ["jwt-1", "jwt-2"]);

    let other = AzureLogin { client_id: Some("other".to_owned()), ..login() };
    scene.password(&PasswordSource::Azure(other)).await.unwrap();
    assert_eq!(form(&entra.asked()[2].body)["client_id"], "other");
}

#[tokio::test]
async fn a_managed_identity_asks_its_machine() {
    // As it is there: strings.
    let metadata =
        Fake::new(|_, _| json(200, json!({"access_token": "vm", "expires_in": "86399", "expires_on": "1"}))).await;
    let mut scene = Scene::new(&[]).await;
    scene.outside.endpoints.azure_metadata = metadata.url();
    assert_eq!(scene.password(&PasswordSource::Azure(login())).await.unwrap(), "vm");
    let user_assigned = AzureLogin { client_id: Some("client".to_owned()), ..login() };
    scene.password(&PasswordSource::Azure(user_assigned)).await.unwrap();
    let path = "GET /metadata/identity/oauth2/token?api-version=2018-02-01&\
                resource=https%3A%2F%2Fossrdbms-aad.database.windows.net";
    assert_eq!(metadata.whats(), [path.to_owned(), format!("{path}&client_id=client")]);
    assert_eq!(metadata.asked()[0].headers["metadata"], "true");
}

#[tokio::test]
async fn app_service_has_an_endpoint_of_its_own() {
    // 2026-02-03T05:05:06Z: an hour after the scene begins.
    let service = Fake::new(|_, before| {
        json(200, json!({"access_token": format!("token-{before}"), "expires_on": "1770095106"}))
    })
    .await;
    let url = format!("{}/msi/token", service.url());
    let scene = Scene::new(&[("IDENTITY_ENDPOINT", &url), ("IDENTITY_HEADER", "h")]).await;
    let passwords = scene.keyring().passwords(&PasswordSource::Azure(login()));
    let ask = async || passwords.password(false).await.unwrap().unwrap().expose().clone();
    assert_eq!(ask().await, "token-0");
    let asked = &service.asked()[0];
    assert!(asked.what.starts_with("GET /msi/token?api-version=2019-08-01&resource=https"), "{}", asked.what);
    assert_eq!(asked.headers["x-identity-header"], "h");
    scene.pass(TimeDelta::seconds(55 * 60 - 1));
    assert_eq!(ask().await, "token-0");
    scene.pass(TimeDelta::seconds(1));
    assert_eq!(ask().await, "token-1");
}

#[tokio::test]
async fn tokens_are_renewed_as_early_as_the_config_says() {
    let entra = entra().await;
    let mut scene = Scene::new(&[]).await;
    scene.outside.endpoints.azure_authority = entra.url();
    let PasswordSource::Azure(login) = app() else { panic!() };
    let early = AzureLogin { renew_before: Duration::from_secs(50 * 60), ..login.clone() };
    let passwords = scene.keyring().passwords(&PasswordSource::Azure(early));
    let ask = async || passwords.password(false).await.unwrap().unwrap().expose().clone();
    assert_eq!(ask().await, "token-0");
    scene.pass(TimeDelta::seconds(599));
    assert_eq!(ask().await, "token-0");
    scene.pass(TimeDelta::seconds(1));
    assert_eq!(ask().await, "token-1");

    let always = AzureLogin { renew_before: Duration::MAX, ..login };
    let passwords = scene.keyring().passwords(&PasswordSource::Azure(always));
    for expected in ["token-2", "token-3"] {
        assert_eq!(passwords.password(false).await.unwrap().unwrap().expose(), expected);
    }
}

#[tokio::test]
async fn a_refusal_says_what_to_check_and_no_secret() {
    let entra = Fake::new(|_, _| {
        let text = "AADSTS7000215: Invalid client secret provided: s3cret.\r\nTrace ID: 1";
        json(401, json!({"error": "invalid_client", "error_description": text}))
    })
    .await;
    let mut scene = Scene::new(&[]).await;
    scene.outside.endpoints.azure_authority = entra.url();
    let (told, error) = scene.error(&app()).await;
    insta::assert_snapshot!(told, @"the token endpoint of Microsoft Entra (`http://HERE/tenant/oauth2/v2.0/token`) answered 401: invalid_client: AADSTS7000215: Invalid client secret provided: ********. Trace ID: 1; check the tenant, the client and the client secret, and whether the secret has expired");
    assert!(!error.is_transient());
    assert!(!format!("{error:?} {:?}", app()).contains("s3cret"));
}

#[tokio::test]
async fn answers_that_are_no_tokens_are_told() {
    let told = async |status: u16, body: &'static str| {
        let entra = Fake::new(move |_, _| (http::StatusCode::from_u16(status).unwrap(), body)).await;
        let mut scene = Scene::new(&[]).await;
        scene.outside.endpoints.azure_authority = entra.url();
        scene.error(&app()).await.0
    };
    insta::assert_snapshot!(told(200, "<html>").await, @"the token endpoint of Microsoft Entra (`http://HERE/tenant/oauth2/v2.0/token`) answered with something else: it is no JSON");
    insta::assert_snapshot!(told(200, "{}").await, @"the token endpoint of Microsoft Entra (`http://HERE/tenant/oauth2/v2.0/token`) answered with something else: it has no `access_token`");
    insta::assert_snapshot!(told(200, r#"{"access_token": "s3cret"}"#).await, @"the token endpoint of Microsoft Entra (`http://HERE/tenant/oauth2/v2.0/token`) answered with something else: it does not say when the token expires");
    insta::assert_snapshot!(told(302, "").await, @"the token endpoint of Microsoft Entra (`http://HERE/tenant/oauth2/v2.0/token`) answered 302");
}

#[tokio::test]
async fn without_an_identity_it_says_where_it_was_looked_for() {
    let (told, error) = Scene::new(&[]).await.error(&PasswordSource::Azure(login())).await;
    insta::assert_snapshot!(told, @"there are no credentials of Azure: there is no `tokenCredential.clientSecret`, the variables `AZURE_CLIENT_SECRET`, `AZURE_FEDERATED_TOKEN_FILE` and `IDENTITY_ENDPOINT` are not all there, and the instance metadata of Azure (`http://HERE/metadata/identity/oauth2/token`) cannot be reached: Connection refused (os error 111); give the backend an identity, or set `passwordCommand: az account get-access-token --resource-type oss-rdbms --query accessToken -o tsv` in place of `type: azure`");
    assert!(!error.is_transient());
    let scene = Scene::new(&[("AZURE_AUTHORITY_HOST", "http://example.com")]).await;
    insta::assert_snapshot!(scene.error(&app()).await.0, @"the variable `AZURE_AUTHORITY_HOST` has to be an `https` URL: secrets are sent there");
}
