use std::path::Path;
use std::time::Duration;

use backend_defaults::database::credentials::{
    AzureLogin, IpAddressType, PasswordCommand, PasswordSource, RdsLogin, Target,
};
use serde_json::{Value, json};

const KEYS: [&str; 7] = PasswordSource::KEYS;
const RDS: &str = "db.abc.eu-central-1.rds.amazonaws.com";

fn target<'a>(host: Option<&'a str>) -> Target<'a> {
    Target { host, port: 5432, user: Some("backstage"), password_file: None }
}

fn parsed(connection: Value, target: Target<'_>) -> Result<PasswordSource, String> {
    let variable = |name: &str| (name == "AWS_REGION").then(|| "us-east-1".to_owned());
    with(connection, target, &variable)
}

fn with(
    connection: Value,
    target: Target<'_>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<PasswordSource, String> {
    let source = PasswordSource::of_connection(connection.as_object().unwrap(), target, variable);
    source.map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

#[test]
fn passwords_stand_there() {
    let read = |connection| parsed(connection, target(None)).unwrap();
    let literal = |text: &str| PasswordSource::Literal(text.to_owned().into());
    assert_eq!(read(json!({})), PasswordSource::None);
    assert_eq!(read(json!({"password": ""})), PasswordSource::None);
    assert_eq!(read(json!({"password": null, "type": null})), PasswordSource::None);
    assert_eq!(read(json!({"password": "s3cret", "host": "db"})), literal("s3cret"));
    // A plugin that undoes the base's type has the rest of its keys still.
    let undone = json!({"type": "default", "password": "s3cret", "instance": "p:r:i", "region": "r"});
    assert_eq!(read(undone), literal("s3cret"));
    let of_file = Target { password_file: Some(Path::new("/run/password")), ..target(None) };
    let source = parsed(json!({"password": "s3cret"}), of_file).unwrap();
    assert_eq!(source, PasswordSource::File("/run/password".into()));
}

#[test]
fn commands_are_lines_or_lists() {
    let read = |command: Value| parsed(json!({ "passwordCommand": command }), target(None));
    let line = read(json!("vault read x | tail -1")).unwrap();
    assert_eq!(line, PasswordSource::Command(PasswordCommand::shell("vault read x | tail -1")));
    let list = PasswordCommand { program: "pass".to_owned(), arguments: vec!["show".to_owned(), String::new()].into() };
    assert_eq!(read(json!(["pass", "show", ""])).unwrap(), PasswordSource::Command(list));
    for bad in [json!(""), json!([]), json!([""]), json!(["a", 1]), json!({"a": "b"}), json!(true)] {
        assert_eq!(
            read(bad.clone()).unwrap_err(),
            "`passwordCommand`: expected a line for the shell, or a list: a program and its arguments",
            "{bad}"
        );
    }
}

#[test]
fn rds_has_a_region() {
    let region = |connection: Value, host| match parsed(connection, target(Some(host))).unwrap() {
        PasswordSource::Rds(login) => {
            let expected =
                RdsLogin { host: host.to_owned(), port: 5432, user: "backstage".to_owned(), ..login.clone() };
            assert_eq!(login, expected);
            login.region
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(region(json!({"type": "rds", "region": "ap-south-1"}), RDS), "ap-south-1");
    assert_eq!(region(json!({"type": "rds"}), RDS), "eu-central-1");
    assert_eq!(region(json!({"type": "rds"}), "db.example.com"), "us-east-1");
    let default = |name: &str| (name == "AWS_DEFAULT_REGION").then(|| "us-west-2".to_owned());
    let source = with(json!({"type": "rds"}), target(Some("db.example.com")), &default).unwrap();
    assert!(matches!(source, PasswordSource::Rds(RdsLogin { region, .. }) if region == "us-west-2"));
}

#[test]
fn azure_has_a_credential() {
    let read = |connection| match parsed(connection, target(None)).unwrap() {
        PasswordSource::Azure(login) => login,
        other => panic!("{other:?}"),
    };
    let renew_before = Duration::from_secs(300);
    let none = AzureLogin { tenant_id: None, client_id: None, client_secret: None, renew_before };
    assert_eq!(read(json!({"type": "azure"})), none);
    let empty = json!({"type": "azure", "tokenCredential": {"clientId": "", "tokenRenewableOffsetTime": null}});
    assert_eq!(read(empty), none);
    let credential = json!({"tenantId": "t", "clientId": "c", "clientSecret": "s", "tokenRenewableOffsetTime": "PT1M"});
    let all = AzureLogin {
        tenant_id: Some("t".to_owned()),
        client_id: Some("c".to_owned()),
        client_secret: Some("s".to_owned().into()),
        renew_before: Duration::from_secs(60),
    };
    assert_eq!(read(json!({"type": "azure", "tokenCredential": credential})), all);
    for time in [json!("2 minutes"), json!({"minutes": 2})] {
        let connection = json!({"type": "azure", "tokenCredential": {"tokenRenewableOffsetTime": time}});
        assert_eq!(read(connection).renew_before, Duration::from_secs(120));
    }
}

#[test]
fn cloud_sql_has_an_instance_or_a_host() {
    let read = |connection, host| match parsed(connection, target(host)).unwrap() {
        PasswordSource::CloudSql(instance) => instance.map(|it| (it.to_string(), it.address)),
        other => panic!("{other:?}"),
    };
    let instance = |address| Some(("p:r:i".to_owned(), address));
    let connection = json!({"type": "cloudsql", "instance": "p:r:i"});
    assert_eq!(read(connection, None), instance(IpAddressType::Public));
    let connection = json!({"type": "cloudsql", "instance": "p:r:i", "ipAddressType": "PSC"});
    assert_eq!(read(connection, Some("10.0.0.1")), instance(IpAddressType::Psc));
    assert_eq!(read(json!({"type": "cloudsql"}), Some("10.0.0.1")), None);
}

proptest::proptest! {
    /// Whatever stands there, no text of it is told.
    #[test]
    fn values_are_never_told(
        values in proptest::collection::vec((0..KEYS.len(), 0..8_usize), 0..6),
        host in proptest::bool::ANY,
    ) {
        let mut connection = serde_json::Map::new();
        for (key, kind) in values {
            let value = match kind {
                0 => json!("s3cret"),
                1 => json!(["vault", "s3cret"]),
                2 => json!({"clientSecret": "s3cret", "tenantId": ["s3cret"], "tokenRenewableOffsetTime": "s3cret"}),
                3 => json!("rds"),
                4 => json!("azure"),
                5 => json!("cloudsql"),
                6 => json!({"tokenRenewableOffsetTime": {"s3cret": "s3cret"}}),
                _ => json!(7),
            };
            connection.insert(KEYS[key].to_owned(), value);
        }
        let target = if host { target(Some("s3cret")) } else { Target::default() };
        let told = match PasswordSource::of_connection(&connection, target, &|_| None) {
            Ok(PasswordSource::Rds(_) | PasswordSource::CloudSql(_)) => String::new(),
            Ok(source) => format!("{source:?}").replace("tenant_id: Some(\"s3cret\")", ""),
            Err(mistakes) => format!("{mistakes:?}"),
        };
        assert!(!told.contains("s3cret"), "{told}");
    }
}

#[test]
fn mistakes_are_told_all_at_once() {
    let cases = [
        json!({"type": "rdz", "password": 12345}),
        json!({"type": 1}),
        json!({"password": "s3cret", "passwordCommand": "x"}),
        json!({"type": "azure", "password": "s3cret", "passwordCommand": ["x"]}),
        json!({"tokenCredential": {}, "region": "r", "instance": "i", "ipAddressType": "PSC"}),
        json!({"type": "azure", "tokenCredential": "s3cret"}),
        json!({"type": "azure", "tokenCredential": {
            "clientSecret": "s3cret", "tenant": "s3cret", "tokenRenewableOffsetTime": 5,
        }}),
        json!({"type": "azure", "tokenCredential": {"clientId": 1, "tokenRenewableOffsetTime": "soon"}}),
        json!({"type": "cloudsql"}),
        json!({"type": "cloudsql", "instance": "db"}),
        json!({"type": "cloudsql", "instance": "p:r:i", "ipAddressType": "public"}),
        json!({"type": "rds", "region": "eu/central"}),
    ];
    let none = |_: &str| None;
    let told = cases.map(|connection| {
        let told = with(connection.clone(), Target::default(), &none).unwrap_err();
        assert!(!told.contains("s3cret"), "{told}");
        format!("{connection}\n{told}")
    });
    insta::assert_snapshot!(told.join("\n\n"), @r#"
    {"type":"rdz","password":12345}
    `password`: expected text: put it in quotes
    `type`: there is no such type: it is one of `azure`, `cloudsql`, `default`, `rds`

    {"type":1}
    `type`: expected text: put it in quotes

    {"password":"s3cret","passwordCommand":"x"}
    `passwordCommand`: there is a `password`, too: remove one of the two

    {"type":"azure","password":"s3cret","passwordCommand":["x"]}
    `passwordCommand`: there is a `password`, too: remove one of the two
    `password`: `type: azure` gets a password of its own: remove one of the two
    `passwordCommand`: `type: azure` gets a password of its own: remove one of the two

    {"tokenCredential":{},"region":"r","instance":"i","ipAddressType":"PSC"}
    `region`: has no effect without `type: rds`: set that, or remove this
    `tokenCredential`: has no effect without `type: azure`: set that, or remove this
    `instance`: has no effect without `type: cloudsql`: set that, or remove this
    `ipAddressType`: has no effect without `type: cloudsql`: set that, or remove this

    {"type":"azure","tokenCredential":"s3cret"}
    `tokenCredential`: expected an object

    {"type":"azure","tokenCredential":{"clientSecret":"s3cret","tenant":"s3cret","tokenRenewableOffsetTime":5}}
    `tokenCredential.tenant`: there is no such setting: it has `tenantId`, `clientId`, `clientSecret` and `tokenRenewableOffsetTime`
    `tokenCredential.tokenRenewableOffsetTime`: expected a duration such as `5m`, `30 seconds`, `PT5M` or `{ minutes: 5 }`
    `tokenCredential.tenantId`: expected whose `clientSecret` it is: set this, or remove that
    `tokenCredential.clientId`: expected whose `clientSecret` it is: set this, or remove that

    {"type":"azure","tokenCredential":{"clientId":1,"tokenRenewableOffsetTime":"soon"}}
    `tokenCredential.clientId`: expected text: put it in quotes
    `tokenCredential.tokenRenewableOffsetTime`: expected a duration such as `5m`, `30 seconds`, `PT5M` or `{ minutes: 5 }`

    {"type":"cloudsql"}
    `instance`: expected `project:region:instance`, or a `host`

    {"type":"cloudsql","instance":"db"}
    `instance`: expected the instance's connection name, `project:region:instance`

    {"type":"cloudsql","instance":"p:r:i","ipAddressType":"public"}
    `ipAddressType`: there is no such type: it is one of `PUBLIC`, `PRIVATE`, `PSC`

    {"type":"rds","region":"eu/central"}
    `host`: expected the endpoint of the server: tokens for RDS are for one host, port and user
    `user`: expected the user that has the role `rds_iam`: tokens for RDS are for one host, port and user
    `region`: expected the name of a region, such as `eu-central-1`
    "#);
    let told = with(json!({"type": "rds"}), target(Some("/var/run/postgresql")), &none).unwrap_err();
    insta::assert_snapshot!(told, @r"
    `host`: expected the endpoint of the server: tokens for RDS are for one host, port and user
    `region`: expected the region of the server, which its name does not tell: set this, or `AWS_REGION`
    ");
}
