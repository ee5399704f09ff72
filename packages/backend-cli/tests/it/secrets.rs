//! A plugin that tells its password wherever it can.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use backend_cli::Cli;
use backend_plugin_api::services::{Database, HttpRouter};
use backend_plugin_api::{ApiError, Config, Plugin, PluginId, Result, Secret};
use clap::Parser;
use schemars::JsonSchema;
use serde::Deserialize;

const PASSWORD: &str = "Zx9-marked-password";
/// Says which file to read as the config, to the process that is to be a backend.
const CONFIG: &str = "LEAKY_CONFIG";

#[derive(Deserialize, JsonSchema)]
struct LeakyConfig {
    /// Secret by its type, though not by its name.
    phrase: Secret<String>,
    fails: Option<String>,
}

struct Leaky;

impl Plugin for Leaky {
    const ID: PluginId = PluginId::new("leaky");
    type Deps = (Config<LeakyConfig>, HttpRouter, Database);

    async fn init(self, (Config(config), http, _): Self::Deps) -> Result<()> {
        let phrase = config.phrase.expose().clone();
        tracing::info!(phrase, "the config is {:?}, the phrase is {phrase}", config.phrase);
        match config.fails.as_deref() {
            Some("error") => anyhow::bail!("cannot log in with `{phrase}`"),
            Some("panic") => panic!("cannot log in with `{phrase}`"),
            _ => {}
        }
        let again = phrase.clone();
        let error = async move || -> Result<(), ApiError> { Err(anyhow::anyhow!("not with `{again}`").into()) };
        let panic = async move || -> () { panic!("not with `{phrase}`") };
        http.mount(
            axum::Router::new().route("/error", axum::routing::get(error)).route("/panic", axum::routing::get(panic)),
        )?;
        Ok(())
    }
}

/// Not a test but the backend that the tests start: this program, told so by a variable.
#[test]
fn backend() {
    if let Ok(config) = std::env::var(CONFIG) {
        let _ = backend_cli::run(Cli::parse_from(["backend", "--config", &config]), |backend| backend.plugin(Leaky));
    }
}

fn start(directory: &tempfile::TempDir, more: &str) -> Child {
    let config = directory.path().join("a.yaml");
    std::fs::write(&config, format!("backend: {{listen: '127.0.0.1:0'}}\nleaky:\n  phrase: {PASSWORD}\n{more}"))
        .unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "secrets::backend", "--nocapture"]).env(CONFIG, config).env("LOG_LEVEL", "trace");
    command.env("RUST_BACKTRACE", "1").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn all(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[test]
fn a_plugin_that_fails_tells_no_secret() {
    for (fails, said) in [("error", "cannot log in with `***`"), ("panic", "cannot log in with `***`")] {
        let directory = tempfile::tempdir().unwrap();
        let output = all(start(&directory, &format!("  fails: {fails}\n")));
        assert!(output.contains(said), "{output}");
        assert!(!output.contains(PASSWORD), "{output}");
    }
}

#[test]
fn a_mistake_beside_a_secret_tells_none() {
    let directory = tempfile::tempdir().unwrap();
    let output = all(start(&directory, "  fails: [1]\n"));
    assert!(output.contains("`leaky.fails`: expected a string"), "{output}");
    assert!(!output.contains(PASSWORD), "{output}");
}

#[tokio::test]
async fn neither_the_log_nor_an_answer_tells_a_secret() {
    let directory = tempfile::tempdir().unwrap();
    let mut backend = start(&directory, "");
    let mut log = BufReader::new(backend.stdout.take().unwrap());
    let mut said = String::new();
    let address = loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0, "{said}");
        said += &line;
        let address = line.split_once(r#""address":""#).and_then(|(_, rest)| rest.split('"').next());
        if let Some(address) = address {
            break address.to_owned();
        }
    };
    for path in ["error", "panic"] {
        let response = reqwest::get(format!("http://{address}/api/leaky/{path}")).await.unwrap();
        assert_eq!(response.status(), 500);
        said += &response.text().await.unwrap();
    }
    Command::new("kill").arg(backend.id().to_string()).status().unwrap();
    log.read_to_string(&mut said).unwrap();
    backend.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    backend.wait().unwrap();
    assert!(said.matches("not with `***`").count() >= 2, "{said}");
    assert!(!said.contains(PASSWORD), "{said}");
}
