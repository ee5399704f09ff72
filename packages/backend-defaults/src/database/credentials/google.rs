//! Access tokens of Google: `type: cloudsql` has one as the password.

use std::path::{Path, PathBuf};

use backend_plugin_api::Secret;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::http::{Request, encoded, is_safe};
use super::outside::World;
use super::passwords::Token;
use super::{PasswordError, file};

/// Logging in to Cloud SQL as a database user.
pub(super) const LOGIN_SCOPE: &str = "https://www.googleapis.com/auth/sqlservice.login";

const GOOGLE: &str = "Google Cloud";
const KEY_FILE: &str = "the credentials of Google Cloud";
const OAUTH: &str = "the token endpoint of Google";
const METADATA: &str = "the metadata server of Google Cloud";
/// As Google's libraries do; the metadata server has no new token earlier.
const RENEWED_BEFORE: TimeDelta = TimeDelta::seconds(225);

/// A token by what `GOOGLE_APPLICATION_CREDENTIALS` names, else by the application default credentials of `gcloud`,
/// else of the metadata server.
pub(super) async fn token(scope: &str, world: &World) -> Result<Token, PasswordError> {
    if let Some(path) = world.variable("GOOGLE_APPLICATION_CREDENTIALS").map(PathBuf::from) {
        let text = file::read(&path, KEY_FILE).await?;
        return of_file(&path, text.expose(), scope, world).await;
    }
    let default = default_file(world);
    if let Some(path) = &default {
        match file::read(path, KEY_FILE).await {
            Ok(text) => return of_file(path, text.expose(), scope, world).await,
            Err(PasswordError::File { cause, .. }) if cause.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    of_metadata(scope, world).await.map_err(|error| match error.is_absence() {
        true => PasswordError::NoCredentials {
            cloud: GOOGLE,
            tried: format!(
                "`GOOGLE_APPLICATION_CREDENTIALS` is not set, there is no `{}`, and {error}; give the backend a \
                 service account",
                default.unwrap_or_default().display()
            ),
        },
        false => error,
    })
}

fn default_file(world: &World) -> Option<PathBuf> {
    let home = || world.variable("HOME").map(|it| Path::new(&it).join(".config/gcloud"));
    let folder = world.variable("CLOUDSDK_CONFIG").map(PathBuf::from).or_else(home);
    folder.map(|it| it.join("application_default_credentials.json"))
}

async fn of_file(path: &Path, text: &str, scope: &str, world: &World) -> Result<Token, PasswordError> {
    let content =
        |problem: &str| PasswordError::Content { path: path.to_owned(), what: KEY_FILE, problem: problem.to_owned() };
    let key: Value = serde_json::from_str(text).map_err(|_| content("is no JSON"))?;
    let field = |name: &str| match key[name].as_str() {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(content(&format!("has no `{name}`"))),
    };
    match field("type")? {
        "service_account" => {
            let url = field("token_uri")?;
            if !is_safe(url) {
                return Err(content("has a `token_uri` that is no `https` URL"));
            }
            let account = Account { email: field("client_email")?, key_id: key["private_key_id"].as_str(), scope, url };
            let now = world.now().timestamp();
            let assertion = account.assertion(field("private_key")?, now).map_err(content)?;
            let form = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &*assertion)];
            let request = Request::post(OAUTH, url, &form).secret(&assertion);
            let advice = "check that the service account and its key are there still, and this machine's clock";
            answer(request.advice(advice), world).await
        }
        "authorized_user" => {
            let (secret, refresh) = (field("client_secret")?, field("refresh_token")?);
            let form = [
                ("grant_type", "refresh_token"),
                ("client_id", field("client_id")?),
                ("client_secret", secret),
                ("refresh_token", refresh),
            ];
            let url = format!("{}/token", world.outside.endpoints.google_oauth);
            let request = Request::post(OAUTH, url, &form).secret(secret).secret(refresh);
            answer(request.advice("log in again with `gcloud auth application-default login`"), world).await
        }
        other => Err(content(&format!(
            "is of type `{other}`, not `service_account` or `authorized_user`; set `passwordCommand: gcloud sql \
             generate-login-token` in place of `type: cloudsql`"
        ))),
    }
}

async fn of_metadata(scope: &str, world: &World) -> Result<Token, PasswordError> {
    let host = world.variable("GCE_METADATA_HOST").map(|it| format!("http://{it}"));
    let base = host.unwrap_or_else(|| world.outside.endpoints.google_metadata.clone());
    let query = encoded(&[("scopes", scope)]);
    let url = format!("{base}/computeMetadata/v1/instance/service-accounts/default/token?{query}");
    let request = Request::get(METADATA, url).header("metadata-flavor", "Google");
    answer(request.advice("check that this machine has a service account"), world).await
}

async fn answer(request: Request<'_>, world: &World) -> Result<Token, PasswordError> {
    let now = world.now();
    let read = |answer: &Value| {
        let token = answer["access_token"].as_str().filter(|it| !it.is_empty()).ok_or("it has no `access_token`")?;
        let seconds = answer["expires_in"].as_u64().and_then(|it| u32::try_from(it).ok());
        let expires = now + TimeDelta::seconds(seconds.ok_or("it does not say when the token expires")?.into());
        Ok(Token { password: Secret::new(token.to_owned()), renew: expires - RENEWED_BEFORE, expires })
    };
    world.http.json(request, read).await
}

/// What a service account says of itself.
struct Account<'a> {
    email: &'a str,
    key_id: Option<&'a str>,
    scope: &'a str,
    url: &'a str,
}

impl Account<'_> {
    /// A JSON Web Token for an hour from `now`, signed with RS256.
    fn assertion(&self, private_key: &str, now: i64) -> Result<String, &'static str> {
        let key = PrivateKeyDer::from_pem_slice(private_key.as_bytes()).ok();
        let key = key.and_then(|it| any_supported_type(&it).ok()).ok_or("has a `private_key` that is no PEM")?;
        let signer = key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]);
        let signer = signer.ok_or("has a `private_key` that is not for RSA")?;
        let header = match self.key_id {
            Some(id) => json!({"alg": "RS256", "typ": "JWT", "kid": id}),
            None => json!({"alg": "RS256", "typ": "JWT"}),
        };
        let claims = json!({
            "iss": self.email, "scope": self.scope, "aud": self.url, "iat": now, "exp": now + 3600,
        });
        let base64 = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let text = format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()));
        let signature = signer.sign(text.as_bytes()).map_err(|_| "has a `private_key` that cannot sign")?;
        Ok(format!("{text}.{}", base64(&signature)))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const KEY: &str = include_str!("../../../tests/it/credentials/service-account.pem");

    /// By `openssl dgst -sha256 -sign`.
    #[test]
    fn assertions_are_signed_as_openssl_does() {
        let account = Account {
            email: "backstage@p.iam.gserviceaccount.com",
            key_id: Some("k1"),
            scope: LOGIN_SCOPE,
            url: "https://oauth2.googleapis.com/token",
        };
        let assertion = account.assertion(KEY, 1_770_091_506).unwrap();
        let (text, signature) = assertion.rsplit_once('.').unwrap();
        let parts = text.split('.').map(|it| String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(it).unwrap()).unwrap());
        assert_eq!(
            parts.collect::<Vec<_>>(),
            [
                r#"{"alg":"RS256","typ":"JWT","kid":"k1"}"#,
                concat!(
                    r#"{"iss":"backstage@p.iam.gserviceaccount.com","#,
                    r#""scope":"https://www.googleapis.com/auth/sqlservice.login","#,
                    r#""aud":"https://oauth2.googleapis.com/token","iat":1770091506,"exp":1770095106}"#
                ),
            ]
        );
        let expected = "Ha0hx8_Z8hPv4NyNUJjSUK49-818efZC9itLjGeak7VX2qGY5SfnxKIgVCLbYpF0CPV862DflVcUJaitKUlxdp5mNj\
             J3hAxq4DRSjEqKXsip_8NMIpHBf2CVt_wDt1WPvnQUbKXibD9CejEx-dDpxZGytdMNPucfggMsBWyFnmpe4_dOZjrX\
             dLd9PyddsXdFfYMWojBwK2_nnMFCZ4pngpNe-WZi2bOxfrTxlstA5Ld4_SI11sGGqso0US9dtF860RFkkFq3hujlyb\
             sVqZEZ7QiA4CuwMJ4RnSaW7t1si4FSOti32Oxo0IdO8778rrviKzPCINJQL4rtXjekh_gglQ";
        assert_eq!(signature, expected);
        assert_eq!(account.assertion("no key", 0), Err("has a `private_key` that is no PEM"));
    }
}
