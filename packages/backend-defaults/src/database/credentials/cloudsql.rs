//! `type: cloudsql` with an `instance` and no `host`: where the instance listens.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::http::Request;
use super::outside::World;
use super::{EndpointProblem, PasswordError, google};

const API: &str = "the Cloud SQL Admin API";
/// All but what a name has, and the colon after a domain.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b':');
const SCOPE: &str = "https://www.googleapis.com/auth/sqlservice.admin";

/// An instance of Cloud SQL, by its connection name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudSqlInstance {
    /// May have the domain of an organisation in front: `example.com:project`.
    pub project: String,
    /// Such as `europe-west1`.
    pub region: String,
    /// Within the project.
    pub name: String,
    /// Backstage: `connection.ipAddressType`.
    pub address: IpAddressType,
}

/// Which of an instance's addresses is connected to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpAddressType {
    /// From wherever the instance's authorised networks allow.
    #[default]
    Public,
    /// Within the VPC.
    Private,
    /// By Private Service Connect.
    Psc,
}

/// Where an instance listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudSqlServer {
    /// An address, or a name with [`IpAddressType::Psc`].
    pub host: String,
    /// The certificate to trust, as PEM.
    pub ca: String,
    /// The name in the server's certificate; `None` if the instance's own CA issued it, which puts no usable one in.
    pub server_name: Option<String>,
}

impl FromStr for CloudSqlInstance {
    type Err = &'static str;

    /// `project:region:instance`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.rsplitn(3, ':');
        let (name, region, project) = (parts.next(), parts.next(), parts.next());
        let part = |text: Option<&str>| {
            text.filter(|it| !it.is_empty() && !it.contains(char::is_whitespace)).map(str::to_owned)
        };
        match (part(project), part(region), part(name)) {
            (Some(project), Some(region), Some(name)) if project.matches(':').count() < 2 => {
                Ok(Self { project, region, name, address: IpAddressType::default() })
            }
            _ => Err("expected the instance's connection name, `project:region:instance`"),
        }
    }
}

impl fmt::Display for CloudSqlInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.project, self.region, self.name)
    }
}

impl IpAddressType {
    /// Backstage's names.
    pub(super) const NAMES: [(&'static str, Self); 3] =
        [("PUBLIC", Self::Public), ("PRIVATE", Self::Private), ("PSC", Self::Psc)];

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, it)| *it == self).map_or("", |(name, _)| name)
    }
}

pub(super) async fn locate(instance: &CloudSqlInstance, world: &World) -> Result<CloudSqlServer, PasswordError> {
    let token = google::token(SCOPE, world).await?;
    let part = |text: &str| utf8_percent_encode(text, ESCAPED).to_string();
    let url = format!(
        "{}/v1/projects/{}/instances/{}/connectSettings",
        world.outside.endpoints.google_sql_admin,
        part(&instance.project),
        part(&instance.name)
    );
    let token = token.password.expose().as_str();
    let request = Request::get(API, url)
        .header("authorization", format!("Bearer {token}"))
        .secret(token)
        .advice("check `instance`, that the API is enabled, and that the account has the role `roles/cloudsql.client`");
    let text = world.http.text(&request).await?;
    let settings: Value = serde_json::from_str(&text).unwrap_or_default();
    server(instance, &settings).map_err(|problem| request.error(EndpointProblem::Answer(problem)))
}

fn server(instance: &CloudSqlInstance, settings: &Value) -> Result<CloudSqlServer, String> {
    let text = |value: &Value| value.as_str().filter(|it| !it.is_empty()).map(str::to_owned);
    let region = text(&settings["region"]).ok_or("it is about no instance")?;
    if region != instance.region {
        return Err(format!("`{instance}` is in `{region}`"));
    }
    let ca = text(&settings["serverCaCert"]["cert"]).ok_or("it has no certificate of the server")?;
    let name = text(&settings["dnsName"]).map(|it| it.trim_end_matches('.').to_owned());
    let of_type = |wanted: &str| {
        let addresses = settings["ipAddresses"].as_array().into_iter().flatten();
        addresses.filter(|it| it["type"] == wanted).find_map(|it| text(&it["ipAddress"]))
    };
    let host = match instance.address {
        IpAddressType::Public => of_type("PRIMARY"),
        IpAddressType::Private => of_type("PRIVATE"),
        IpAddressType::Psc => name.clone().filter(|_| settings["pscEnabled"] == true),
    };
    let host = host.ok_or_else(|| {
        let wanted = instance.address.name();
        format!("`{instance}` has no address of `ipAddressType: {wanted}`; set another one")
    })?;
    let own_ca = settings["serverCaMode"].as_str().is_none_or(|it| it == "GOOGLE_MANAGED_INTERNAL_CA");
    Ok(CloudSqlServer { host, ca, server_name: name.filter(|_| !own_ca) })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn connection_names_are_read() {
        let instance: CloudSqlInstance = "example.com:my-project:europe-west1:db".parse().unwrap();
        assert_eq!(instance.project, "example.com:my-project");
        assert_eq!((instance.region.as_str(), instance.name.as_str()), ("europe-west1", "db"));
        assert_eq!(instance.to_string(), "example.com:my-project:europe-west1:db");
        for text in ["", "db", "region:db", ":region:db", "project::db", "project:region:", "a:b:c:d:e", "p p:r:i"] {
            assert!(text.parse::<CloudSqlInstance>().is_err(), "{text}");
        }
    }

    #[test]
    fn servers_are_found_in_settings() {
        let settings = json!({
            "region": "europe-west1",
            "serverCaCert": {"cert": "PEM"},
            "ipAddresses": [
                {"type": "OUTGOING", "ipAddress": "192.0.2.9"},
                {"type": "PRIMARY", "ipAddress": "192.0.2.1"},
                {"type": "PRIVATE", "ipAddress": "10.0.0.1"},
            ],
            "dnsName": "abc.europe-west1.sql.goog.",
        });
        let of = |address, change: Value| {
            let mut settings = settings.clone();
            settings.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            server(&CloudSqlInstance { address, ..INSTANCE.parse().unwrap() }, &settings)
        };
        const INSTANCE: &str = "p:europe-west1:db";
        let found = |host: &str, name: Option<&str>| {
            Ok(CloudSqlServer { host: host.into(), ca: "PEM".into(), server_name: name.map(str::to_owned) })
        };
        let dns = "abc.europe-west1.sql.goog";
        assert_eq!(of(IpAddressType::Public, json!({})), found("192.0.2.1", None));
        assert_eq!(of(IpAddressType::Private, json!({})), found("10.0.0.1", None));
        let shared = json!({"pscEnabled": true, "serverCaMode": "GOOGLE_MANAGED_CAS_CA"});
        assert_eq!(of(IpAddressType::Psc, shared), found(dns, Some(dns)));
        assert_eq!(
            of(IpAddressType::Psc, json!({})).unwrap_err(),
            "`p:europe-west1:db` has no address of `ipAddressType: PSC`; set another one"
        );
        assert_eq!(
            of(IpAddressType::Public, json!({"region": "us-east1"})).unwrap_err(),
            "`p:europe-west1:db` is in `us-east1`"
        );
        assert_eq!(
            of(IpAddressType::Public, json!({"serverCaCert": {}})).unwrap_err(),
            "it has no certificate of the server"
        );
        assert_eq!(of(IpAddressType::Public, json!({"region": null})).unwrap_err(), "it is about no instance");
    }
}
