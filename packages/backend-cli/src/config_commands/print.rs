use std::process::ExitCode;

use backend_app_api::{Backend, ConfigSchema, Visibility};
use clap::Args;
use config::{Config, key};
use serde_json::{Map, Value, json};

use super::{OutputFormat, put, yaml};
use crate::args::ConfigArgs;
use crate::{load, report};

/// What to print, and how.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = "Example:\n  backend config print --format json | jq .backend.database")]
pub struct PrintArgs {
    /// How to write it.
    #[arg(long, value_enum, default_value_t = OutputFormat::Yaml)]
    pub format: OutputFormat,
    /// Show secrets, which are `********` else.
    #[arg(long, conflicts_with = "frontend")]
    pub with_secrets: bool,
    /// Only what the frontend may see.
    #[arg(long)]
    pub frontend: bool,
    /// With where each value is from: as a comment, or in JSON as an object by key.
    #[arg(long)]
    pub origin: bool,
    /// Take `x` for variables that are not set.
    #[arg(long)]
    pub lax: bool,
}

pub(super) fn run(args: &PrintArgs, sources: &ConfigArgs, add_plugins: impl FnOnce(Backend) -> Backend) -> ExitCode {
    let lax = |name: &str| load::env(name).filter(|it| !it.is_empty()).or_else(|| Some("x".to_owned()));
    let env: &dyn Fn(&str) -> Option<String> = if args.lax { &lax } else { &load::env };
    let config = match Config::load(&sources.sources(), env) {
        Ok(config) => config,
        Err(errors) => return report::unreadable(&errors),
    };
    let schema = load::backend(config.clone(), add_plugins).schema();
    let config = config.with_secret_keys(schema.secret_keys().iter().map(String::as_str));
    let mut value = if args.with_secrets { config.to_json() } else { config.masked_json() };
    if args.frontend {
        value = of_frontend(&schema, "", &value).unwrap_or_else(|| json!({}));
    }
    put(&match (args.format, args.origin) {
        (format, false) => format.write(&value),
        (OutputFormat::Yaml, true) => yaml::write(&value, &|key| Some(config.origin(key)?.to_string())),
        (OutputFormat::Json, true) => {
            let mut values = Map::new();
            with_origins(&config, "", &value, &mut values);
            OutputFormat::Json.write(&Value::Object(values))
        }
    })
}

/// What of a value is marked for the frontend. Backstage: `filterByVisibility`.
fn of_frontend(schema: &ConfigSchema, path: &str, value: &Value) -> Option<Value> {
    let own = schema.at(path).is_some_and(|it| it.visibility == Visibility::Frontend);
    match value {
        Value::Object(object) => {
            let below = |(name, value): (&String, &Value)| {
                Some((name.clone(), of_frontend(schema, &key::join(path, name), value)?))
            };
            let object: Map<_, _> = object.iter().filter_map(below).collect();
            (own || !object.is_empty()).then_some(Value::Object(object))
        }
        Value::Array(items) => {
            let below = |(index, value)| of_frontend(schema, &format!("{path}[{index}]"), value);
            let items: Vec<_> = items.iter().enumerate().filter_map(below).collect();
            (own || !items.is_empty()).then_some(Value::Array(items))
        }
        value => own.then(|| value.clone()),
    }
}

/// Each value that has none in it, by its key.
fn with_origins(config: &Config, path: &str, value: &Value, found: &mut Map<String, Value>) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            object.iter().for_each(|(name, value)| with_origins(config, &key::join(path, name), value, found));
        }
        Value::Array(items) if !items.is_empty() => {
            let items = items.iter().enumerate();
            items.for_each(|(index, value)| with_origins(config, &format!("{path}[{index}]"), value, found));
        }
        value => {
            let origin = config.origin(path).map(|it| it.to_string());
            found.insert(path.to_owned(), json!({ "value": value, "origin": origin }));
        }
    }
}
