//! `type: azure`: an access token of Microsoft Entra is the password.

use std::time::Duration;

use backend_plugin_api::Secret;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::http::{Request, encoded, is_safe};
use super::outside::World;
use super::passwords::Token;
use super::{PasswordError, file};

const AZURE: &str = "Azure";
const ENTRA: &str = "the token endpoint of Microsoft Entra";
const APP_SERVICE: &str = "the identity endpoint of Azure's App Service";
const METADATA: &str = "the instance metadata of Azure";
/// Azure Database for PostgreSQL and MySQL.
const RESOURCE: &str = "https://ossrdbms-aad.database.windows.net";
const SCOPE: &str = "https://ossrdbms-aad.database.windows.net/.default";
const CHECK_IDENTITY: &str = "check that the identity is assigned here, and `tokenCredential.clientId`";

/// Logging in to Azure Database with Microsoft Entra. Backstage: `connection.tokenCredential`.
///
/// With `client_secret`, that of an app. Else the first of: an app's in `AZURE_CLIENT_SECRET` (unless `client_id` is
/// set), a workload identity, a managed identity, as `DefaultAzureCredential` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureLogin {
    /// Default: `AZURE_TENANT_ID`.
    pub tenant_id: Option<String>,
    /// Default: `AZURE_CLIENT_ID`.
    pub client_id: Option<String>,
    /// Never without the other two.
    pub client_secret: Option<Secret<String>>,
    /// How long before a token expires another one is asked for. Backstage: `tokenRenewableOffsetTime`, 5 minutes.
    pub renew_before: Duration,
}

pub(super) async fn token(login: &AzureLogin, world: &World) -> Result<Token, PasswordError> {
    let tenant = login.tenant_id.clone().or_else(|| world.variable("AZURE_TENANT_ID"));
    let client = login.client_id.clone().or_else(|| world.variable("AZURE_CLIENT_ID"));
    let secret = match (&login.client_secret, &login.client_id) {
        (Some(secret), _) => Some(secret.clone()),
        (None, None) => world.variable("AZURE_CLIENT_SECRET").map(Secret::new),
        (None, Some(_)) => None,
    };
    let answer = if let (Some(tenant), Some(client), Some(secret)) = (&tenant, &client, &secret) {
        of_app(tenant, client, secret.expose(), world).await?
    } else if let (Some(tenant), Some(client), Some(path)) =
        (&tenant, &client, world.variable("AZURE_FEDERATED_TOKEN_FILE"))
    {
        let assertion = file::read(path.as_ref(), "the federated token of Azure").await?;
        of_workload(tenant, client, assertion.expose().trim(), world).await?
    } else {
        of_managed(client.as_deref(), world).await?
    };
    let renew_before = TimeDelta::from_std(login.renew_before).unwrap_or(TimeDelta::MAX);
    let renew = answer.expires.checked_sub_signed(renew_before).unwrap_or_default();
    Ok(Token { password: answer.token, renew, expires: answer.expires })
}

struct Answer {
    token: Secret<String>,
    expires: DateTime<Utc>,
}

async fn of_app(tenant: &str, client: &str, secret: &str, world: &World) -> Result<Answer, PasswordError> {
    let form =
        [("grant_type", "client_credentials"), ("client_id", client), ("client_secret", secret), ("scope", SCOPE)];
    let request = Request::post(ENTRA, endpoint(tenant, world)?, &form)
        .secret(secret)
        .advice("check the tenant, the client and the client secret, and whether the secret has expired");
    answer(request, world).await
}

async fn of_workload(tenant: &str, client: &str, assertion: &str, world: &World) -> Result<Answer, PasswordError> {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
        ("scope", SCOPE),
    ];
    let request = Request::post(ENTRA, endpoint(tenant, world)?, &form)
        .secret(assertion)
        .advice("check that the identity has a federated credential for this service account");
    answer(request, world).await
}

fn endpoint(tenant: &str, world: &World) -> Result<String, PasswordError> {
    let authority = match world.variable("AZURE_AUTHORITY_HOST") {
        Some(url) if is_safe(&url) => url,
        Some(_) => {
            let problem = "has to be an `https` URL: secrets are sent there".to_owned();
            return Err(PasswordError::Variable { name: "AZURE_AUTHORITY_HOST", problem });
        }
        None => world.outside.endpoints.azure_authority.clone(),
    };
    Ok(format!("{}/{tenant}/oauth2/v2.0/token", authority.trim_end_matches('/')))
}

async fn of_managed(client: Option<&str>, world: &World) -> Result<Answer, PasswordError> {
    let of_client = |query: String| match client {
        Some(client) => format!("{query}&{}", encoded(&[("client_id", client)])),
        None => query,
    };
    if let (Some(url), Some(header)) = (world.variable("IDENTITY_ENDPOINT"), world.variable("IDENTITY_HEADER")) {
        let query = of_client(encoded(&[("api-version", "2019-08-01"), ("resource", RESOURCE)]));
        let request = Request::get(APP_SERVICE, format!("{url}?{query}"));
        return answer(request.header("x-identity-header", &header).secret(&header).advice(CHECK_IDENTITY), world)
            .await;
    }
    let base = world.variable("AZURE_POD_IDENTITY_AUTHORITY_HOST");
    let base = base.unwrap_or_else(|| world.outside.endpoints.azure_metadata.clone());
    let query = of_client(encoded(&[("api-version", "2018-02-01"), ("resource", RESOURCE)]));
    let url = format!("{}/metadata/identity/oauth2/token?{query}", base.trim_end_matches('/'));
    let request = Request::get(METADATA, url).header("metadata", "true").advice(CHECK_IDENTITY);
    answer(request, world).await.map_err(|error| match error.is_absence() {
        true => PasswordError::NoCredentials {
            cloud: AZURE,
            tried: format!(
                "there is no `tokenCredential.clientSecret`, the variables `AZURE_CLIENT_SECRET`, \
                 `AZURE_FEDERATED_TOKEN_FILE` and `IDENTITY_ENDPOINT` are not all there, and {error}; give the backend \
                 an identity, or set `passwordCommand: az account get-access-token --resource-type oss-rdbms --query \
                 accessToken -o tsv` in place of `type: azure`"
            ),
        },
        false => error,
    })
}

async fn answer(request: Request<'_>, world: &World) -> Result<Answer, PasswordError> {
    let now = world.now();
    let read = |answer: &Value| {
        let token = answer["access_token"].as_str().filter(|it| !it.is_empty()).ok_or("it has no `access_token`")?;
        // App Service says only when, the others how long.
        let in_seconds = seconds(&answer["expires_in"]).map(|it| now + it);
        let at = || seconds(&answer["expires_on"]).map(|it| DateTime::UNIX_EPOCH + it);
        let expires = in_seconds.or_else(at).ok_or("it does not say when the token expires")?;
        Ok(Answer { token: Secret::new(token.to_owned()), expires })
    };
    world.http.json(request, read).await
}

/// Seconds, which metadata services write as strings.
fn seconds(value: &Value) -> Option<TimeDelta> {
    let seconds = value.as_i64().or_else(|| value.as_str()?.parse().ok())?;
    // As far as anybody's token lives, so that sums do not overflow.
    TimeDelta::try_seconds(seconds.clamp(0, i64::from(u32::MAX)))
}
