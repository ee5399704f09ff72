//! No secret of the config is told, whatever goes wrong.

use std::process::Command;

use serde_json::Value;

use crate::process::Home;

/// Part of every secret in these tests.
const MARK: &str = "Zx9-marked";

/// What the backend may have, with a secret wherever there may be one.
const EVERYWHERE: &str = r#"
backend:
  listen: 127.0.0.1:0
  auth:
    keys:
      - secret: Zx9-marked-keys
    externalAccess:
      - {type: static, options: {token: Zx9-marked-static, subject: ci}}
  cache: {store: redis, connection: 'redis://me:Zx9-marked-redis@localhost:6379'}
  logger: {level: trace}
  database: {plugin: {todo: {connection: {filename: ':memory:'}}}}
integrations:
  github:
    - {host: github.com, token: '${GITHUB}'}
  gitlab:
    - {host: gitlab.com, apiBaseUrl: 'https://Zx9-marked-user:Zx9-marked-url@gitlab.com', token: '${UNSET}'}
auth: {providers: {github: {development: {clientId: x, clientSecret: 'a ${OAUTH} b'}}}}
proxy: {endpoints: {/x: {target: 'https://x', headers: {Authorization: Bearer Zx9-marked-bearer}}}}
todo: {unknown: {password: Zx9-marked-unknown, list: [{apiKey: Zx9-marked-list}]}}
"#;

/// Configs that are wrong at a secret, beside one, or by one.
const WRONG: [&str; 14] = [
    "backend: {database: {connection: {password: [Zx9-marked-a]}}}",
    "backend: {database: {connection: 'postgres://me:Zx9-marked-a@db/x'}}",
    "backend: {database: {client: pg, connection: 'postgres://me:Zx9-marked-a@db/x'}}",
    "backend: {database: {client: 'postgres://me:Zx9-marked-a@db/x'}}",
    "backend: {database: {client: sqlite3, connection: {filename: 'Zx9-marked-a', password: Zx9-marked-b}}}",
    "backend: {https: {certificate: {cert: x, key: {Zx9: Zx9-marked-a}}}}",
    "backend: {https: {certificate: {cert: 3, key: Zx9-marked-a}}}",
    "backend: {https: {certificate: {key: Zx9-marked-a}}}",
    "backend: {https: {certificate: {cert: '-----BEGIN CERTIFICATE-----', key: '-----BEGIN PRIVATE KEY-----Zx9-marked-a'}}}",
    "backend: {baseUrl: 'https://me:Zx9-marked-a@localhost'}",
    "backend: {listen: '${DB_PASSWORD}', server: {timeout: '${DB_PASSWORD}'}}",
    "todo: {maxOpen: 'https://me:Zx9-marked-a@x', token: Zx9-marked-b}",
    "backend: {database: {connection: {password: Zx9-marked-a",
    "backend:\n  auth:\n    keys:\n      - secret: Zx9-marked-a\n     - secret: Zx9-marked-b\n",
];

fn with_secrets(command: &mut Command) -> &mut Command {
    command.envs([("GITHUB", "Zx9-marked-github"), ("OAUTH", "Zx9-marked-oauth"), ("DB_PASSWORD", "Zx9-marked-db")])
}

/// Everything that a command which ends by itself says.
#[track_caller]
fn tells_nothing(home: &Home, args: &[&str]) -> String {
    let output = with_secrets(&mut home.command()).args(args).env("RUST_BACKTRACE", "1").output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(!said.contains(MARK), "{args:?} says:\n{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

const COMMANDS: [&[&str]; 8] = [
    &["config", "print"],
    &["config", "print", "--format", "json", "--origin"],
    &["config", "print", "--frontend"],
    &["config", "check", "--strict"],
    &["config", "check", "--lax", "--frontend"],
    &["config", "explain", "backend"],
    &["config", "explain", "integrations"],
    &["config", "explain", "todo.unknown.password"],
];

#[test]
fn commands_tell_no_secret() {
    let home = Home::with_config(EVERYWHERE);
    for args in COMMANDS {
        assert!(!tells_nothing(&home, args).is_empty());
    }
    // And they would be found.
    let shown = with_secrets(&mut home.command()).args(["config", "print", "--with-secrets"]).output().unwrap();
    assert_eq!(String::from_utf8(shown.stdout).unwrap().matches(MARK).count(), 10);
}

#[test]
fn mistakes_tell_no_secret() {
    for config in WRONG {
        let home = Home::with_config(config);
        assert!(tells_nothing(&home, &["start", "--strict"]).contains("error: "), "{config}");
        for args in COMMANDS {
            tells_nothing(&home, args);
        }
    }
}

/// From a start over requests, good and bad, and changes of its config, to its end.
#[tokio::test]
async fn a_backend_that_runs_tells_no_secret() {
    let home = Home::with_config(EVERYWHERE);
    let mut backend = home.spawn(with_secrets(&mut home.command()).env("LOG_LEVEL", "trace"));
    let mut said: String = backend.started.iter().map(Value::to_string).collect();
    for path in ["/api/todo/todos", "/api/nothing?token=x", "/.backstage/health/v1/readiness", "/api/catalog/entities"]
    {
        said += &reqwest::get(backend.url(path)).await.unwrap().text().await.unwrap();
    }
    home.write("app-config.yaml", &EVERYWHERE.replace("keys:", "keys: ["));
    said += &backend.wait_for_message("cannot be read");
    home.write("app-config.yaml", &EVERYWHERE.replace("level: trace", "level: Zx9-loud").replace("-keys", "-new"));
    said += &backend.wait_for_message("is wrong");
    home.write("app-config.yaml", &EVERYWHERE.replace("-keys", "-new"));
    said += &backend.wait_for_message("needs a restart");
    backend.signal("TERM");
    said += &backend.ended().1;
    assert!(said.contains("stopping"), "{said}");
    assert!(!said.contains(MARK), "{said}");
}
