//! An option file of MySQL's and MariaDB's programs.

use std::path::Path;

use backend_defaults::database::MySqlPlan;
use backend_defaults::database::mysql::{MySqlAddress, MySqlTlsMode, authorities};
use backend_defaults::database::postgres::Identity;
use backend_plugin_api::Secret;

use super::ShellError;
use super::files::Files;

/// Whose program it is: they differ in their options for TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    MySql,
    MariaDb,
}

/// By what it says of its version. `mysql` is MariaDB's on some systems.
pub(super) async fn flavour(program: &Path) -> Flavour {
    let said = tokio::process::Command::new(program).args(["--no-defaults", "--version"]).output().await;
    let said = said.map(|it| String::from_utf8_lossy(&it.stdout).into_owned()).unwrap_or_default();
    if said.contains("MariaDB") { Flavour::MariaDb } else { Flavour::MySql }
}

/// The text of the file.
pub(super) async fn defaults(
    plan: &MySqlPlan,
    password: Option<Secret<String>>,
    flavour: Flavour,
    files: &Files,
) -> Result<String, ShellError> {
    let server = &plan.server;
    let mut options = vec![
        ("user", server.login.user.clone()),
        ("default-character-set", "utf8mb4".to_owned()),
        ("connect-timeout", server.connect_timeout.as_secs().max(1).to_string()),
    ];
    match &server.address {
        MySqlAddress::Tcp { host, port } => {
            options.extend([("host", host.clone()), ("port", port.to_string()), ("protocol", "tcp".to_owned())]);
        }
        MySqlAddress::Unix(path) => {
            options.extend([("socket", path.display().to_string()), ("protocol", "socket".to_owned())]);
        }
    }
    if let Some(password) = password {
        options.push(("password", password.expose().clone()));
    }
    if server.cleartext {
        options.push(("loose-enable-cleartext-plugin", "1".to_owned()));
    }
    let authority = match (&server.tls.ca, server.tls.mode) {
        (Some(ca), _) => Some(files.copy("ca.pem", ca).await?),
        (None, MySqlTlsMode::Verified) => Some(files.write("ca.pem", &authorities().await)?),
        _ => None,
    };
    options.extend(authority.map(|it| ("ssl-ca", it.display().to_string())));
    if let Some(Identity { certificate, key }) = &server.tls.identity {
        let (certificate, key) = (files.copy("client.crt", certificate).await?, files.copy("client.key", key).await?);
        options.extend([("ssl-cert", certificate.display().to_string()), ("ssl-key", key.display().to_string())]);
    }
    let mut text = "[client]\n".to_owned();
    for (name, value) in options {
        text.push_str(&format!("{name}={}\n", quoted(name, &value)?));
    }
    text.push_str(tls(server.tls.mode, flavour));
    text.push_str(&format!("\n[mysql]\ndatabase={}\n", quoted("database", &plan.database)?));
    Ok(text)
}

fn tls(mode: MySqlTlsMode, flavour: Flavour) -> &'static str {
    use Flavour::{MariaDb, MySql};

    match (mode, flavour) {
        (MySqlTlsMode::Disabled, MySql) => "ssl-mode=DISABLED\n",
        (MySqlTlsMode::Preferred, MySql) => "ssl-mode=PREFERRED\n",
        (MySqlTlsMode::Unverified, MySql) => "ssl-mode=REQUIRED\n",
        (MySqlTlsMode::Verified, MySql) => "ssl-mode=VERIFY_IDENTITY\n",
        (MySqlTlsMode::Disabled, MariaDb) => "skip-ssl\n",
        // Since version 11.4 it is on, and certificates are verified, unless it is told not to.
        (MySqlTlsMode::Preferred, MariaDb) => "loose-disable-ssl-verify-server-cert\n",
        (MySqlTlsMode::Unverified, MariaDb) => "ssl\nloose-disable-ssl-verify-server-cert\n",
        (MySqlTlsMode::Verified, MariaDb) => "ssl\nssl-verify-server-cert\n",
    }
}

/// In quotes, in which `\` escapes, and `#` begins no comment.
fn quoted(name: &'static str, value: &str) -> Result<String, ShellError> {
    if value.contains(['\n', '\r', '\0']) {
        return Err(ShellError::LineBreak(name));
    }
    Ok(format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")))
}
