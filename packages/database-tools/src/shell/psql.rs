//! libpq's variables.

use std::ffi::OsString;

use backend_defaults::database::PostgresPlan;
use backend_defaults::database::mysql::authorities;
use backend_defaults::database::postgres::{Host, Identity, PostgresServer, Roots, SslMode, quoted};
use backend_plugin_api::Secret;

use super::ShellError;
use super::files::Files;

/// Those that say where to connect to, and as whom. The plan has taken from them what it needs.
pub(super) const VARIABLES: [&str; 21] = [
    "PGHOST",
    "PGHOSTADDR",
    "PGPORT",
    "PGDATABASE",
    "PGUSER",
    "PGPASSWORD",
    "PGPASSFILE",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGOPTIONS",
    "PGAPPNAME",
    "PGSSLMODE",
    "PGREQUIRESSL",
    "PGSSLROOTCERT",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGSSLCRL",
    "PGSSLCRLDIR",
    "PGSSLSNI",
    "PGTARGETSESSIONATTRS",
    "PGCONNECT_TIMEOUT",
];

/// What the user is to know.
pub(super) fn note(plan: &PostgresPlan) -> Option<&'static str> {
    let is_pooled = plan.pooler.is_some() && plan.direct.is_none();
    let is_set = plan.schema.is_some() || plan.role.is_some();
    (is_pooled && is_set).then_some(
        "this goes through a pooler, which keeps nothing in a session: begin a transaction and `SET LOCAL search_path` and \
         `ROLE` there, or name a way past it in `backend.database.migrationConnection`",
    )
}

pub(super) async fn environment(
    plan: &PostgresPlan,
    server: &PostgresServer,
    password: Option<Secret<String>>,
    options: Option<String>,
    files: &Files,
) -> Result<Vec<(&'static str, OsString)>, ShellError> {
    let mut environment: Vec<(&'static str, OsString)> = vec![
        ("PGDATABASE", plan.migrations_database().into()),
        ("PGUSER", server.login.user.clone().into()),
        ("PGAPPNAME", server.session.application_name.clone().into()),
        ("PGTARGETSESSIONATTRS", server.target.to_string().into()),
        // None of the user's own.
        ("PGPASSFILE", files.nothing().into()),
    ];
    environment.extend(hosts(server).await?);
    if let Some(password) = password {
        environment.push(("PGPASSWORD", password.expose().into()));
    }
    if let Some(limit) = server.connect_timeout {
        // libpq: no less than 2.
        environment.push(("PGCONNECT_TIMEOUT", limit.as_secs().max(2).to_string().into()));
    }
    // Poolers refuse them.
    if plan.pooler.is_none() || plan.direct.is_some() {
        environment.push(("PGOPTIONS", session(plan, server, options).into()));
    }
    environment.extend(tls(server, files).await?);
    Ok(environment)
}

/// One of each for each host, with commas. The name that a certificate is to have stands in for the host's, which is looked
/// up then: libpq compares no other.
async fn hosts(server: &PostgresServer) -> Result<[(&'static str, OsString); 3], ShellError> {
    let (mut names, mut addresses, mut ports) = (Vec::new(), Vec::new(), Vec::new());
    for host in &server.hosts {
        match host {
            Host::Unix { directory, port } => {
                names.push(directory.clone().into_os_string());
                addresses.push(String::new());
                ports.push(port.to_string());
            }
            Host::Tcp { name, address, port } => {
                let plain = name.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(name);
                let address = match (&server.tls.server_name, address) {
                    (_, Some(address)) => address.to_string(),
                    (None, None) => String::new(),
                    (Some(_), None) => {
                        let found = tokio::net::lookup_host((plain, *port)).await.map(|mut it| it.next());
                        let failed = |cause| ShellError::File { what: format!("the address of `{plain}`"), cause };
                        found.map_err(failed)?.map(|it| it.ip().to_string()).unwrap_or_default()
                    }
                };
                names.push(server.tls.server_name.as_deref().unwrap_or(plain).into());
                addresses.push(address);
                ports.push(port.to_string());
            }
        }
    }
    let names = names.join(std::ffi::OsStr::new(","));
    let addresses = if addresses.iter().all(String::is_empty) { String::new() } else { addresses.join(",") };
    Ok([("PGHOST", names), ("PGHOSTADDR", addresses.into()), ("PGPORT", ports.join(",").into())])
}

/// The session of the plugin's connections: what is last has the last word.
fn session(plan: &PostgresPlan, server: &PostgresServer, options: Option<String>) -> String {
    let search_path = plan.schema.as_deref().map(|it| ("search_path", quoted(it)));
    let role = plan.role.as_ref().map(|it| ("role", it.clone()));
    let own = search_path.into_iter().chain(role);
    let configured = server.session.parameters.iter().map(|(name, value)| (name.as_str(), value.clone()));
    let set = configured.chain(own).map(|(name, value)| format!("-c {name}={}", escaped(&value)));
    options.filter(|it| !it.is_empty()).into_iter().chain(set).collect::<Vec<_>>().join(" ")
}

/// PostgreSQL: `pg_split_opts`.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for char in value.chars() {
        if char.is_whitespace() || char == '\\' {
            text.push('\\');
        }
        text.push(char);
    }
    text
}

async fn tls(server: &PostgresServer, files: &Files) -> Result<Vec<(&'static str, OsString)>, ShellError> {
    let mode = match server.tls.mode {
        SslMode::Disable => "disable",
        SslMode::Allow => "allow",
        SslMode::Prefer => "prefer",
        SslMode::Require => "require",
        SslMode::VerifyCa => "verify-ca",
        SslMode::VerifyFull => "verify-full",
    };
    let roots = match &server.tls.roots {
        // Not those of the user's home.
        Roots::None => files.nothing(),
        Roots::LibpqFile(file) => file.clone(),
        Roots::Pem(pem) => files.copy("root.crt", pem).await?,
        // `system` is understood since version 16.
        Roots::System => files.write("root.crt", &authorities().await)?,
    };
    let (certificate, key) = match &server.tls.identity {
        None => (files.nothing(), files.nothing()),
        Some(Identity { certificate, key }) => {
            (files.copy("client.crt", certificate).await?, files.copy("client.key", key).await?)
        }
    };
    let paths = [("PGSSLROOTCERT", roots), ("PGSSLCERT", certificate), ("PGSSLKEY", key)];
    let paths = paths.into_iter().map(|(name, path)| (name, path.into_os_string()));
    Ok([("PGSSLMODE", mode.into())].into_iter().chain(paths).collect())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use backend_defaults::database::credentials::PasswordSource;
    use backend_defaults::database::postgres::{Login, SessionSettings, TargetSessionAttrs, TlsPlan};

    use super::*;

    fn server(hosts: Vec<Host>, tls: TlsPlan) -> PostgresServer {
        PostgresServer {
            hosts,
            target: TargetSessionAttrs::ReadWrite,
            login: Login { user: "u".to_owned(), password: PasswordSource::None },
            tls,
            session: SessionSettings::default(),
            connect_timeout: None,
            query_timeout: None,
            keepalive: None,
        }
    }

    async fn hosts_of(hosts: Vec<Host>, server_name: Option<&str>) -> Vec<String> {
        let tls = TlsPlan { server_name: server_name.map(str::to_owned), ..TlsPlan::default() };
        let variables = super::hosts(&server(hosts, tls)).await.unwrap();
        variables.into_iter().map(|(name, value)| format!("{name}={}", value.to_string_lossy())).collect()
    }

    #[tokio::test]
    async fn hosts_are_lists() {
        let tcp = |name: &str, address: Option<&str>, port| Host::Tcp {
            name: name.to_owned(),
            address: address.map(|it| it.parse().unwrap()),
            port,
        };
        let unix = Host::Unix { directory: "/run/x".into(), port: 1 };
        assert_eq!(
            hosts_of(vec![tcp("a", None, 1), tcp("b", None, 2), unix.clone()], None).await,
            ["PGHOST=a,b,/run/x", "PGHOSTADDR=", "PGPORT=1,2,1"]
        );
        assert_eq!(
            hosts_of(vec![tcp("a", Some("::1"), 1), tcp("[::2]", None, 2), unix], None).await,
            ["PGHOST=a,::2,/run/x", "PGHOSTADDR=::1,,", "PGPORT=1,2,1"]
        );
    }

    #[tokio::test]
    async fn a_name_for_the_certificate_alone_stands_in_for_the_host() {
        let host = Host::Tcp { name: "127.0.0.1".to_owned(), address: None, port: 5432 };
        assert_eq!(
            hosts_of(vec![host], Some("instance.example.com")).await,
            ["PGHOST=instance.example.com", "PGHOSTADDR=127.0.0.1", "PGPORT=5432"]
        );
    }

    #[test]
    fn blanks_in_settings_are_escaped() {
        assert_eq!(escaped(r#""a b\c""#), r#""a\ b\\c""#);
    }
}
