use std::path::Path;

use backend_defaults::database::credentials::{CloudSqlInstance, CloudSqlServer, PasswordSource};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::fake::{Fake, Scene, form, json, told};

const SOURCE: PasswordSource = PasswordSource::CloudSql(None);

async fn google() -> Fake {
    Fake::new(|_, before| {
        let token = format!("token-{before}");
        json(200, json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer"}))
    })
    .await
}

fn service_account(token_uri: &str) -> Value {
    json!({
        "type": "service_account",
        "client_email": "backstage@p.iam.gserviceaccount.com",
        "private_key_id": "k1",
        "private_key": include_str!("service-account.pem"),
        "token_uri": token_uri,
    })
}

/// A scene whose credentials are in a file, which goes with the folder.
async fn with_file(content: &str) -> (tempfile::TempDir, Scene) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.json");
    std::fs::write(&file, content).unwrap();
    let scene = Scene::new(&[("GOOGLE_APPLICATION_CREDENTIALS", file.to_str().unwrap())]).await;
    (folder, scene)
}

fn without_folder(text: &str, folder: &Path) -> String {
    text.replace(folder.to_str().unwrap(), "FOLDER")
}

#[tokio::test]
async fn a_service_account_signs() {
    let google = google().await;
    let url = format!("{}/token", google.url());
    let (_folder, scene) = with_file(&service_account(&url).to_string()).await;
    assert_eq!(scene.password(&SOURCE).await.unwrap(), "token-0");
    let asked = &google.asked()[0];
    assert_eq!(asked.what, "POST /token");
    let form = form(&asked.body);
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let claims = form["assertion"].split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let expected = json!({
        "iss": "backstage@p.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/sqlservice.login",
        "aud": url,
        "iat": 1_770_091_506,
        "exp": 1_770_095_106,
    });
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn a_person_refreshes() {
    let google = google().await;
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/gcloud");
    std::fs::create_dir_all(&folder).unwrap();
    let user =
        json!({"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}).to_string();
    std::fs::write(folder.join("application_default_credentials.json"), user).unwrap();
    for variable in [("HOME", home.path()), ("CLOUDSDK_CONFIG", &*folder)] {
        let mut scene = Scene::new(&[(variable.0, variable.1.to_str().unwrap())]).await;
        scene.outside.endpoints.google_oauth = google.url();
        scene.password(&SOURCE).await.unwrap();
    }
    assert_eq!(google.whats(), ["POST /token", "POST /token"]);
    let form = form(&google.asked()[0].body);
    assert_eq!((form["grant_type"].as_str(), form["refresh_token"].as_str()), ("refresh_token", "r"));
}

#[tokio::test]
async fn a_machine_asks_its_metadata_server() {
    let metadata = google().await;
    let scene = Scene::new(&[("GCE_METADATA_HOST", &metadata.address.to_string())]).await;
    let passwords = scene.keyring().passwords(&SOURCE);
    let ask = async || passwords.password(false).await.unwrap().unwrap().expose().clone();
    assert_eq!(ask().await, "token-0");
    let asked = &metadata.asked()[0];
    assert_eq!(
        asked.what,
        "GET /computeMetadata/v1/instance/service-accounts/default/token?\
         scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fsqlservice.login"
    );
    assert_eq!(asked.headers["metadata-flavor"], "Google");
    scene.pass(TimeDelta::seconds(3599 - 225 - 1));
    assert_eq!(ask().await, "token-0");
    scene.pass(TimeDelta::seconds(1));
    assert_eq!(ask().await, "token-1");
}

#[tokio::test]
async fn key_files_that_are_of_no_use_are_told() {
    let ec = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let with = |name: &str, value: Value| {
        let mut key = service_account("https://oauth2.googleapis.com/token");
        key[name] = value;
        key.to_string()
    };
    let mut all = Vec::new();
    for content in [
        "s3cret".to_owned(),
        "{}".to_owned(),
        json!({"type": "external_account"}).to_string(),
        with("client_email", Value::Null),
        with("private_key", "s3cret".into()),
        with("private_key", ec.into()),
        with("token_uri", "http://example.com/s3cret".into()),
    ] {
        let (folder, scene) = with_file(&content).await;
        let (text, error) = scene.error(&SOURCE).await;
        assert!(!error.is_transient() && !format!("{error:?}").contains("s3cret"), "{error:?}");
        all.push(without_folder(&text, folder.path()));
    }
    insta::assert_snapshot!(all.join("\n"), @r"
    `FOLDER/key.json`, the credentials of Google Cloud, is no JSON
    `FOLDER/key.json`, the credentials of Google Cloud, has no `type`
    `FOLDER/key.json`, the credentials of Google Cloud, is of type `external_account`, not `service_account` or `authorized_user`; set `passwordCommand: gcloud sql generate-login-token` in place of `type: cloudsql`
    `FOLDER/key.json`, the credentials of Google Cloud, has no `client_email`
    `FOLDER/key.json`, the credentials of Google Cloud, has a `private_key` that is no PEM
    `FOLDER/key.json`, the credentials of Google Cloud, has a `private_key` that is not for RSA
    `FOLDER/key.json`, the credentials of Google Cloud, has a `token_uri` that is no `https` URL
    ");
}

#[tokio::test]
async fn refusals_are_told() {
    let google =
        Fake::new(|_, _| json(400, json!({"error": "invalid_grant", "error_description": "Invalid JWT Signature."})))
            .await;
    let (_folder, scene) = with_file(&service_account(&google.url()).to_string()).await;
    insta::assert_snapshot!(scene.error(&SOURCE).await.0, @"the token endpoint of Google (`http://HERE`) answered 400: invalid_grant: Invalid JWT Signature; check that the service account and its key are there still, and this machine's clock");
}

#[tokio::test]
async fn without_credentials_it_says_where_they_were_looked_for() {
    let scene = Scene::new(&[("HOME", "/nonexistent")]).await;
    let (told, error) = scene.error(&SOURCE).await;
    insta::assert_snapshot!(told, @"there are no credentials of Google Cloud: `GOOGLE_APPLICATION_CREDENTIALS` is not set, there is no `/nonexistent/.config/gcloud/application_default_credentials.json`, and the metadata server of Google Cloud (`http://HERE/computeMetadata/v1/instance/service-accounts/default/token`) cannot be reached: Connection refused (os error 111); give the backend a service account");
    assert!(!error.is_transient());
    let scene = Scene::new(&[("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent/key.json")]).await;
    insta::assert_snapshot!(scene.error(&SOURCE).await.0, @"cannot read `/nonexistent/key.json`, the credentials of Google Cloud: No such file or directory (os error 2)");
}

#[tokio::test]
async fn instances_are_located() {
    let cloud = Fake::new(|asked, _| match asked.what.as_str() {
        what if what.contains("/token") => json(200, json!({"access_token": "admin", "expires_in": 3599})),
        what if what.contains("/missing/") => {
            let error = json!({"code": 404, "status": "NOT_FOUND", "message": "The instance does not exist."});
            json(404, json!({ "error": error }))
        }
        _ => json(
            200,
            json!({
                "region": "europe-west1",
                "serverCaCert": {"cert": "PEM"},
                "ipAddresses": [{"type": "PRIMARY", "ipAddress": "192.0.2.1"}],
            }),
        ),
    })
    .await;
    let mut scene = Scene::new(&[]).await;
    scene.outside.endpoints.google_metadata = cloud.url();
    scene.outside.endpoints.google_sql_admin = cloud.url();
    let instance = |name: &str| format!("example.com:p:europe-west1:{name}").parse::<CloudSqlInstance>().unwrap();
    let keyring = scene.keyring();
    let server = keyring.locate(&instance("db")).await.unwrap();
    let expected = CloudSqlServer { host: "192.0.2.1".to_owned(), ca: "PEM".to_owned(), server_name: None };
    assert_eq!(server, expected);
    let asked = cloud.asked();
    assert!(asked[0].what.ends_with("sqlservice.admin"), "{}", asked[0].what);
    assert_eq!(asked[1].what, "GET /v1/projects/example.com:p/instances/db/connectSettings");
    assert_eq!(asked[1].headers["authorization"], "Bearer admin");
    let error = keyring.locate(&instance("missing")).await.unwrap_err();
    insta::assert_snapshot!(told(&error), @"the Cloud SQL Admin API (`http://HERE/v1/projects/example.com:p/instances/missing/connectSettings`) answered 404: NOT_FOUND: The instance does not exist; check `instance`, that the API is enabled, and that the account has the role `roles/cloudsql.client`");
    let elsewhere = CloudSqlInstance { region: "us-east1".to_owned(), ..instance("db") };
    insta::assert_snapshot!(told(&keyring.locate(&elsewhere).await.unwrap_err()), @"the Cloud SQL Admin API (`http://HERE/v1/projects/example.com:p/instances/db/connectSettings`) answered with something else: `example.com:p:us-east1:db` is in `europe-west1`");
}
