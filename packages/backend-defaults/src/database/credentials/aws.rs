//! Who this process is to AWS: the chain of AWS's SDK for JavaScript, without what only people at a terminal have.

use std::path::PathBuf;

use backend_plugin_api::Secret;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::http::{Request, is_safe, tagged};
use super::outside::World;
use super::{EndpointProblem, PasswordError, file};

const AWS: &str = "AWS";
const CONTAINER: &str = "the credentials endpoint of the container";
const METADATA: &str = "the instance metadata of EC2";
const STS: &str = "AWS STS";

/// Who asks.
#[derive(Clone, Debug)]
pub(super) struct AwsCredentials {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: Secret<String>,
    pub(super) session_token: Option<Secret<String>>,
    pub(super) expires: Option<DateTime<Utc>>,
}

/// The first of: variables (but not if `AWS_PROFILE` is set), a profile's keys in the shared file, a web identity,
/// the container's endpoint, the instance's metadata.
pub(super) async fn credentials(region: &str, world: &World) -> Result<AwsCredentials, PasswordError> {
    let profile = world.variable("AWS_PROFILE");
    if profile.is_none()
        && let Some(found) = of_variables(world)
    {
        return Ok(found);
    }
    let (profile, chosen) = (profile.as_deref().unwrap_or("default"), profile.is_some());
    if let Some(found) = of_profile(profile, world).await? {
        return Ok(found);
    }
    if let Some(found) = of_web_identity(region, world).await? {
        return Ok(found);
    }
    if let Some(found) = of_container(world).await? {
        return Ok(found);
    }
    let metadata = match of_instance(world).await {
        Ok(Some(found)) => return Ok(found),
        Ok(None) => "the metadata of EC2 is switched off or names no role".to_owned(),
        Err(error) if error.is_absence() => match error {
            PasswordError::Endpoint { problem: EndpointProblem::Slow(_), .. } => {
                format!("{error} (in a container, it takes an instance whose metadata have a hop limit of 2)")
            }
            _ => error.to_string(),
        },
        Err(error) => return Err(error),
    };
    let keys = match chosen {
        true => "`AWS_PROFILE` is set".to_owned(),
        false => "`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` are not set".to_owned(),
    };
    Err(PasswordError::NoCredentials {
        cloud: AWS,
        tried: format!(
            "{keys}, profile `{profile}` has no keys in `{}`, `AWS_WEB_IDENTITY_TOKEN_FILE` and \
             `AWS_CONTAINER_CREDENTIALS_*` are not set, and {metadata}; give the backend a role, or set \
             `passwordCommand: aws rds generate-db-auth-token ...` in place of `type: rds`",
            shared_file(world).unwrap_or_default().display()
        ),
    })
}

fn of_variables(world: &World) -> Option<AwsCredentials> {
    Some(AwsCredentials {
        access_key_id: world.variable("AWS_ACCESS_KEY_ID")?,
        secret_access_key: world.variable("AWS_SECRET_ACCESS_KEY")?.into(),
        session_token: world.variable("AWS_SESSION_TOKEN").map(Secret::new),
        expires: None,
    })
}

fn shared_file(world: &World) -> Option<PathBuf> {
    let home = || world.variable("HOME").map(|it| PathBuf::from(it).join(".aws/credentials"));
    world.variable("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from).or_else(home)
}

async fn of_profile(profile: &str, world: &World) -> Result<Option<AwsCredentials>, PasswordError> {
    let Some(path) = shared_file(world) else { return Ok(None) };
    match file::read(&path, "the shared credentials of AWS").await {
        Ok(text) => Ok(in_profile(text.expose(), profile)),
        Err(PasswordError::File { cause, .. }) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The keys below `[profile]`, in the format of `~/.aws/credentials`.
fn in_profile(text: &str, profile: &str) -> Option<AwsCredentials> {
    let section = |line: &str| Some(line.strip_prefix('[')?.split(']').next()?.trim().to_owned());
    let lines = text.lines().map(str::trim).filter(|it| !it.starts_with(['#', ';']));
    let mut inside = false;
    let (mut id, mut key, mut token) = (None, None, None);
    for line in lines {
        if let Some(name) = section(line) {
            inside = name == profile;
        } else if let Some((name, value)) = line.split_once('=').filter(|_| inside) {
            let value = Some(value.trim().to_owned()).filter(|it| !it.is_empty());
            match name.trim() {
                "aws_access_key_id" => id = value,
                "aws_secret_access_key" => key = value,
                "aws_session_token" => token = value,
                _ => {}
            }
        }
    }
    Some(AwsCredentials {
        access_key_id: id?,
        secret_access_key: key?.into(),
        session_token: token.map(Secret::new),
        expires: None,
    })
}

/// IAM roles for service accounts: EKS.
async fn of_web_identity(region: &str, world: &World) -> Result<Option<AwsCredentials>, PasswordError> {
    let Some(path) = world.variable("AWS_WEB_IDENTITY_TOKEN_FILE") else { return Ok(None) };
    let Some(role) = world.variable("AWS_ROLE_ARN") else {
        let problem = "is not set, and `AWS_WEB_IDENTITY_TOKEN_FILE` needs it".to_owned();
        return Err(PasswordError::Variable { name: "AWS_ROLE_ARN", problem });
    };
    let token = file::read(path.as_ref(), "the web identity's token").await?;
    let token = token.expose().trim();
    let session = world.variable("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "greenroom".to_owned());
    let form = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role.as_str()),
        ("RoleSessionName", &session),
        ("WebIdentityToken", token),
    ];
    // The cluster's region is near, the database's may be another.
    let own = world.variable("AWS_REGION").or_else(|| world.variable("AWS_DEFAULT_REGION"));
    let region = own.as_deref().unwrap_or(region);
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    let endpoint = match world.variable("AWS_ENDPOINT_URL_STS") {
        Some(url) if is_safe(&url) => url,
        Some(_) => return Err(unsafe_url("AWS_ENDPOINT_URL_STS")),
        None => format!("https://sts.{region}.amazonaws.com{suffix}/"),
    };
    let request = Request::post(STS, endpoint, &form)
        .secret(token)
        .advice("check that the role in `AWS_ROLE_ARN` trusts this service account");
    let xml = world.http.text(&request).await?;
    let answer = |name: &str| tagged(&xml, name).filter(|it| !it.is_empty());
    let credentials = || {
        Some(AwsCredentials {
            access_key_id: answer("AccessKeyId")?,
            secret_access_key: answer("SecretAccessKey")?.into(),
            session_token: Some(answer("SessionToken")?.into()),
            expires: Some(time(&answer("Expiration")?)?),
        })
    };
    let problem = EndpointProblem::Answer("it has no credentials".to_owned());
    credentials().map(Some).ok_or_else(|| request.error(problem))
}

/// Roles of tasks in ECS, and EKS pod identities.
async fn of_container(world: &World) -> Result<Option<AwsCredentials>, PasswordError> {
    let relative = world.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    let url = match (relative, world.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
        (Some(path), _) => format!("{}{path}", world.outside.endpoints.aws_containers),
        (None, Some(url)) if is_safe(&url) => url,
        (None, Some(_)) => return Err(unsafe_url("AWS_CONTAINER_CREDENTIALS_FULL_URI")),
        (None, None) => return Ok(None),
    };
    let token = match world.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(path) => {
            let token = file::read(path.as_ref(), "the authorization token of the container").await?;
            Some(token.expose().trim().to_owned())
        }
        None => world.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    };
    let mut request = Request::get(CONTAINER, url).advice("check the role of the task or pod");
    if let Some(token) = &token {
        request = request.header("authorization", token.as_str()).secret(token);
    }
    world.http.json(request, of_json).await.map(Some)
}

/// The role of an EC2 instance, by version 2 of its metadata service.
async fn of_instance(world: &World) -> Result<Option<AwsCredentials>, PasswordError> {
    if world.variable("AWS_EC2_METADATA_DISABLED").is_some_and(|it| it.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    let base = world.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    let base = base.unwrap_or_else(|| world.outside.endpoints.aws_metadata.clone());
    let base = base.trim_end_matches('/');
    let put = Request { method: reqwest::Method::PUT, ..Request::get(METADATA, format!("{base}/latest/api/token")) };
    let token = world.http.text(&put.header("x-aws-ec2-metadata-token-ttl-seconds", "300")).await?;
    let request = |path: &str| {
        let url = format!("{base}/latest/meta-data/iam/security-credentials/{path}");
        Request::get(METADATA, url).header("x-aws-ec2-metadata-token", token.trim()).secret(&token)
    };
    let roles = match world.http.text(&request("")).await {
        Ok(roles) => roles,
        Err(PasswordError::Endpoint { problem: EndpointProblem::Refused { status: 404, .. }, .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    match roles.lines().map(str::trim).find(|it| !it.is_empty()) {
        Some(role) => world.http.json(request(role), of_json).await.map(Some),
        None => Ok(None),
    }
}

fn of_json(answer: &Value) -> Result<AwsCredentials, &'static str> {
    let text = |name: &str| answer[name].as_str().filter(|it| !it.is_empty()).map(str::to_owned);
    let credentials = || {
        Some(AwsCredentials {
            access_key_id: text("AccessKeyId")?,
            secret_access_key: text("SecretAccessKey")?.into(),
            session_token: text("Token").map(Secret::new),
            expires: text("Expiration").and_then(|it| time(&it)),
        })
    };
    credentials().ok_or("it has no credentials")
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|it| it.to_utc())
}

fn unsafe_url(name: &'static str) -> PasswordError {
    let problem = "has to be an `https` URL, or one of this machine: secrets are sent there".to_owned();
    PasswordError::Variable { name, problem }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_read() {
        let text = "# keys\naws_access_key_id = stray\n[default]\naws_access_key_id=A\naws_secret_access_key = b=c\n\
                    [ other ] ; people\n;aws_access_key_id = no\naws_access_key_id = D\naws_secret_access_key = e\n\
                    aws_session_token = f\nregion = x\n[half]\naws_access_key_id = G\naws_secret_access_key =\n";
        let read = |profile| {
            let found = in_profile(text, profile)?;
            let token = found.session_token.map(|it| it.expose().clone());
            Some((found.access_key_id, found.secret_access_key.expose().clone(), token))
        };
        assert_eq!(read("default").unwrap(), ("A".to_owned(), "b=c".to_owned(), None));
        assert_eq!(read("other").unwrap(), ("D".to_owned(), "e".to_owned(), Some("f".to_owned())));
        assert_eq!(read("half"), None);
        assert_eq!(read("none"), None);
    }
}
