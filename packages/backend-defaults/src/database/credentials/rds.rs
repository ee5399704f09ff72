//! `type: rds`: a presigned URL of AWS is the password, made here without asking anybody but for credentials.

use backend_plugin_api::Secret;
use chrono::TimeDelta;

use super::outside::World;
use super::passwords::Token;
use super::sigv4::Presign;
use super::{PasswordError, PasswordSource, aws};

/// What AWS allows.
const VALID: TimeDelta = TimeDelta::minutes(15);
/// Backstage: `renewalOffsetMs`.
const RENEWED_BEFORE: TimeDelta = TimeDelta::minutes(1);

/// Logging in to RDS or Aurora with IAM. The user has `rds_iam`, the backend's role `rds-db:connect`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RdsLogin {
    /// The endpoint that RDS gives, not another name of it: tokens are for one.
    pub host: String,
    /// Part of what the token is for.
    pub port: u16,
    /// Part of what the token is for.
    pub user: String,
    /// Where the server is, such as `eu-central-1`.
    pub region: String,
}

impl PasswordSource {
    /// The same for another host of several: a token for RDS is for one.
    #[must_use]
    pub fn at(&self, host: &str, port: u16) -> Self {
        match self {
            Self::Rds(login) => Self::Rds(RdsLogin { host: host.to_owned(), port, ..login.clone() }),
            other => other.clone(),
        }
    }
}

/// Backstage: `@aws-sdk/rds-signer`.
pub(super) async fn token(login: &RdsLogin, world: &World) -> Result<Token, PasswordError> {
    let credentials = aws::credentials(&login.region, world).await?;
    let now = world.now();
    let host = format!("{}:{}", login.host, login.port);
    let query = [("Action", "connect"), ("DBUser", login.user.as_str())];
    let presign =
        Presign { host: &host, query: &query, region: &login.region, service: "rds-db", time: now, valid: VALID };
    let token = format!("{host}/?{}", presign.query(&credentials));
    let expires = credentials.expires.map_or(now + VALID, |it| it.min(now + VALID));
    Ok(Token { password: Secret::new(token), renew: expires - RENEWED_BEFORE, expires })
}

/// The region in the name that RDS gives a server, if it is one.
pub(super) fn region_of(host: &str) -> Option<&str> {
    let host = host.trim_end_matches('.');
    let region = match (host.strip_suffix(".rds.amazonaws.com"), host.strip_suffix(".amazonaws.com.cn")) {
        (Some(name), _) => name.rsplit('.').next(),
        // `<name>.rds.<region>` in China.
        (None, Some(name)) => name.rsplit_once(".rds.").map(|(_, region)| region),
        (None, None) => None,
    };
    // A writer endpoint of a global database moves between regions.
    region.filter(|it| *it != "global" && it.contains('-'))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Arc;

    use chrono::{DateTime, Utc};

    use super::super::Outside;
    use super::*;

    #[test]
    fn regions_are_taken_from_names() {
        let cases = [
            ("mydb.123456789012.us-east-1.rds.amazonaws.com", Some("us-east-1")),
            ("proxy.proxy-abc.eu-central-1.rds.amazonaws.com.", Some("eu-central-1")),
            ("mydb.abc.rds.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("db.global-abc.global.rds.amazonaws.com", None),
            ("us-east-1.example.com", None),
            ("rds.amazonaws.com", None),
            ("10.0.0.1", None),
        ];
        for (host, expected) in cases {
            assert_eq!(region_of(host), expected, "{host}");
        }
    }

    /// `generate_db_auth_token` of botocore 1.44.5, with its clock at 2026-02-03T04:05:06Z.
    #[tokio::test]
    async fn tokens_are_those_of_botocore() {
        let token = async |host: &str, port, user: &str, region: &str, session: Option<&str>| {
            let session = session.map(str::to_owned);
            let mut outside = Outside::new(move |name| match name {
                "AWS_ACCESS_KEY_ID" => Some("AKIAIOSFODNN7EXAMPLE".to_owned()),
                "AWS_SECRET_ACCESS_KEY" => Some("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
                "AWS_SESSION_TOKEN" => session.clone(),
                _ => None,
            });
            let now: DateTime<Utc> = "2026-02-03T04:05:06Z".parse().unwrap();
            outside.clock = Arc::new(move || now);
            let (host, user, region) = (host.to_owned(), user.to_owned(), region.to_owned());
            let token = token(&RdsLogin { host, port, user, region }, &World::new(outside)).await.unwrap();
            assert_eq!(token.expires, now + TimeDelta::minutes(15));
            assert_eq!(token.renew, now + TimeDelta::minutes(14));
            token.password.expose().clone()
        };
        assert_eq!(
            token("mydb.123456789012.us-east-1.rds.amazonaws.com", 5432, "jane_doe", "us-east-1", None).await,
            "mydb.123456789012.us-east-1.rds.amazonaws.com:5432/?Action=connect&DBUser=jane_doe&\
             X-Amz-Algorithm=AWS4-HMAC-SHA256&\
             X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20260203%2Fus-east-1%2Frds-db%2Faws4_request&\
             X-Amz-Date=20260203T040506Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&\
             X-Amz-Signature=d72f1435aa72bde2db53e6a437403983b810015c86fee7b63b721def1f013b06"
        );
        assert_eq!(
            token("rds.cn-north-1.rds.amazonaws.com.cn", 5432, "u", "cn-north-1", None).await,
            "rds.cn-north-1.rds.amazonaws.com.cn:5432/?Action=connect&DBUser=u&X-Amz-Algorithm=AWS4-HMAC-SHA256&\
             X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20260203%2Fcn-north-1%2Frds-db%2Faws4_request&\
             X-Amz-Date=20260203T040506Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&\
             X-Amz-Signature=1b93457a7a3e4b0e588bfd8febb75390497a4a44e346acf9d18f8ab40508ed69"
        );
        // botocore puts the session's token after `X-Amz-SignedHeaders`; the order is not part of the signature.
        let session = "FwoGZXIvYXdzEXAMPLE//token+with=signs==";
        let host = "db.cluster-abc.eu-central-1.rds.amazonaws.com";
        assert_eq!(
            token(host, 3306, "back stage+/@é", "eu-central-1", Some(session)).await,
            "db.cluster-abc.eu-central-1.rds.amazonaws.com:3306/?Action=connect&DBUser=back%20stage%2B%2F%40%C3%A9&\
             X-Amz-Algorithm=AWS4-HMAC-SHA256&\
             X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20260203%2Feu-central-1%2Frds-db%2Faws4_request&\
             X-Amz-Date=20260203T040506Z&X-Amz-Expires=900&\
             X-Amz-Security-Token=FwoGZXIvYXdzEXAMPLE%2F%2Ftoken%2Bwith%3Dsigns%3D%3D&X-Amz-SignedHeaders=host&\
             X-Amz-Signature=545cccac95b14bf005095c9078fc12fa3c891012a5c270f4ea29ff82e4206e37"
        );
    }
}
