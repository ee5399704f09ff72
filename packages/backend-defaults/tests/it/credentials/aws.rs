use backend_defaults::database::credentials::{PasswordSource, RdsLogin};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::fake::{Fake, Scene, form, json};

fn source() -> PasswordSource {
    let (host, user) = ("db.abc.eu-central-1.rds.amazonaws.com".to_owned(), "backstage".to_owned());
    PasswordSource::Rds(RdsLogin { host, port: 5432, user, region: "eu-central-1".to_owned() })
}

/// Whose token it is.
fn signer(token: &str) -> String {
    let query = token.strip_prefix("db.abc.eu-central-1.rds.amazonaws.com:5432/?").unwrap();
    let query = form(query);
    assert_eq!(query["Action"], "connect");
    let signer = query["X-Amz-Credential"].split('/').next().unwrap().to_owned();
    let session = query.get("X-Amz-Security-Token").map(|it| format!(" in {it}"));
    signer + &session.unwrap_or_default()
}

fn credentials(id: &str, expiration: &str) -> Value {
    json!({
        "Code": "Success", "AccessKeyId": id, "SecretAccessKey": "s3cret", "Token": "session", "Expiration": expiration,
    })
}

#[tokio::test]
async fn keys_are_looked_for_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials");
    std::fs::write(
        &file,
        "[default]\naws_access_key_id=DEFAULT\naws_secret_access_key=s\n[work]\naws_access_key_id=WORK\n\
         aws_secret_access_key=s\n",
    )
    .unwrap();
    let file = file.to_str().unwrap();
    let own = [("AWS_ACCESS_KEY_ID", "OWN"), ("AWS_SECRET_ACCESS_KEY", "s")];
    let shared = ("AWS_SHARED_CREDENTIALS_FILE", file);
    for (variables, expected) in [
        (vec![own[0], own[1], shared], "OWN"),
        (vec![own[0], own[1], ("AWS_SESSION_TOKEN", "T")], "OWN in T"),
        (vec![own[0], own[1], shared, ("AWS_PROFILE", "work")], "WORK"),
        (vec![own[0], shared], "DEFAULT"),
    ] {
        let token = Scene::new(&variables).await.password(&source()).await.unwrap();
        assert_eq!(signer(&token), expected, "{variables:?}");
    }
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    std::fs::copy(file, home.path().join(".aws/credentials")).unwrap();
    let scene = Scene::new(&[("HOME", home.path().to_str().unwrap())]).await;
    assert_eq!(signer(&scene.password(&source()).await.unwrap()), "DEFAULT");
}

#[tokio::test]
async fn a_web_identity_is_exchanged() {
    let sts = Fake::new(|_, _| {
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\
         <AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s3cret</SecretAccessKey>\
         <SessionToken>session</SessionToken><Expiration>2026-02-03T05:05:06Z</Expiration>\
         </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "jwt\n").unwrap();
    let scene = Scene::new(&[
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/backstage"),
        ("AWS_ENDPOINT_URL_STS", &sts.url()),
    ])
    .await;
    assert_eq!(signer(&scene.password(&source()).await.unwrap()), "ASIA in session");
    let asked = &sts.asked()[0];
    assert_eq!(asked.what, "POST /");
    let form = form(&asked.body);
    assert_eq!(form["Action"], "AssumeRoleWithWebIdentity");
    assert_eq!(form["RoleArn"], "arn:aws:iam::1:role/backstage");
    assert_eq!(form["WebIdentityToken"], "jwt");
}

#[tokio::test]
async fn a_refused_web_identity_says_why() {
    let sts = Fake::new(|_, _| {
        let body =
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>Not authorized with jwt-1</Message></Error>";
        (http::StatusCode::FORBIDDEN, body)
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "jwt-1").unwrap();
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap()),
        ("AWS_ROLE_ARN", "role"),
        ("AWS_ENDPOINT_URL_STS", &sts.url()),
    ];
    let (told, error) = Scene::new(&variables).await.error(&source()).await;
    insta::assert_snapshot!(told, @"AWS STS (`http://HERE`) answered 403: AccessDenied: Not authorized with ********; check that the role in `AWS_ROLE_ARN` trusts this service account");
    assert!(!error.is_transient());
    assert_eq!(sts.asked().len(), 1);
    let (told, _) = Scene::new(&variables[..1]).await.error(&source()).await;
    insta::assert_snapshot!(told, @"the variable `AWS_ROLE_ARN` is not set, and `AWS_WEB_IDENTITY_TOKEN_FILE` needs it");
    let unsafe_url = [variables[0], variables[1], ("AWS_ENDPOINT_URL_STS", "http://sts.example.com")];
    let (told, _) = Scene::new(&unsafe_url).await.error(&source()).await;
    insta::assert_snapshot!(told, @"the variable `AWS_ENDPOINT_URL_STS` has to be an `https` URL, or one of this machine: secrets are sent there");
}

#[tokio::test]
async fn containers_have_an_endpoint() {
    let endpoint = Fake::new(|_, _| axum::Json(credentials("TASK", "2026-02-03T05:05:06Z"))).await;
    let mut scene = Scene::new(&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1")]).await;
    scene.outside.endpoints.aws_containers = endpoint.url();
    assert_eq!(signer(&scene.password(&source()).await.unwrap()), "TASK in session");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "pod\n").unwrap();
    let scene = Scene::new(&[
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{}/v1/credentials", endpoint.url())),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_str().unwrap()),
    ])
    .await;
    assert_eq!(signer(&scene.password(&source()).await.unwrap()), "TASK in session");
    assert_eq!(endpoint.whats(), ["GET /v2/credentials/1", "GET /v1/credentials"]);
    assert_eq!(endpoint.asked()[1].headers["authorization"], "pod");

    let scene = Scene::new(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/")]).await;
    insta::assert_snapshot!(scene.error(&source()).await.0, @"the variable `AWS_CONTAINER_CREDENTIALS_FULL_URI` has to be an `https` URL, or one of this machine: secrets are sent there");
}

#[tokio::test]
async fn instances_have_a_role() {
    let metadata = Fake::new(|asked, _| match asked.what.as_str() {
        "PUT /latest/api/token" => "imds-token".to_owned(),
        "GET /latest/meta-data/iam/security-credentials/" => "my-role\n".to_owned(),
        _ => credentials("INSTANCE", "2026-02-03T04:15:06Z").to_string(),
    })
    .await;
    let mut scene = Scene::new(&[]).await;
    scene.outside.endpoints.aws_metadata = metadata.url();
    let passwords = scene.keyring().passwords(&source());
    let first = passwords.password(false).await.unwrap().unwrap();
    assert_eq!(signer(first.expose()), "INSTANCE in session");
    let of_instance = [
        "PUT /latest/api/token",
        "GET /latest/meta-data/iam/security-credentials/",
        "GET /latest/meta-data/iam/security-credentials/my-role",
    ];
    assert_eq!(metadata.whats(), of_instance);
    assert_eq!(metadata.asked()[2].headers["x-aws-ec2-metadata-token"], "imds-token");

    // A token lives no longer than who made it: ten minutes.
    scene.pass(TimeDelta::seconds(9 * 60 - 1));
    assert_eq!(passwords.password(false).await.unwrap().unwrap(), first);
    assert_eq!(metadata.asked().len(), 3);
    scene.pass(TimeDelta::seconds(1));
    assert_ne!(passwords.password(false).await.unwrap().unwrap(), first);
    assert_eq!(metadata.asked().len(), 6);
}

#[tokio::test]
async fn without_keys_it_says_where_they_were_looked_for() {
    let (told, error) = Scene::new(&[("HOME", "/nonexistent")]).await.error(&source()).await;
    insta::assert_snapshot!(told, @"there are no credentials of AWS: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` are not set, profile `default` has no keys in `/nonexistent/.aws/credentials`, `AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_CONTAINER_CREDENTIALS_*` are not set, and the instance metadata of EC2 (`http://HERE/latest/api/token`) cannot be reached: Connection refused (os error 111); give the backend a role, or set `passwordCommand: aws rds generate-db-auth-token ...` in place of `type: rds`");
    assert!(!error.is_transient());
    let off = [("AWS_PROFILE", "work"), ("HOME", "/nonexistent"), ("AWS_EC2_METADATA_DISABLED", "true")];
    insta::assert_snapshot!(Scene::new(&off).await.error(&source()).await.0, @"there are no credentials of AWS: `AWS_PROFILE` is set, profile `work` has no keys in `/nonexistent/.aws/credentials`, `AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_CONTAINER_CREDENTIALS_*` are not set, and the metadata of EC2 is switched off or names no role; give the backend a role, or set `passwordCommand: aws rds generate-db-auth-token ...` in place of `type: rds`");
}

#[tokio::test]
async fn an_instance_without_a_role_says_so() {
    let metadata = Fake::new(|asked, _| match asked.what.as_str() {
        "PUT /latest/api/token" => json(200, json!("t")),
        _ => json(404, json!({})),
    })
    .await;
    let mut scene = Scene::new(&[]).await;
    scene.outside.endpoints.aws_metadata = metadata.url();
    let (told, _) = scene.error(&source()).await;
    assert!(told.contains("the metadata of EC2 is switched off or names no role"), "{told}");
}

#[test]
fn each_host_has_its_own() {
    let PasswordSource::Rds(login) = source().at("other", 5433) else { panic!() };
    assert_eq!((login.host.as_str(), login.port, login.user.as_str()), ("other", 5433, "backstage"));
    assert_eq!(PasswordSource::None.at("other", 5433), PasswordSource::None);
}
