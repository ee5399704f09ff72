use std::fmt::Write as _;
use std::process::ExitCode;

use backend_app_api::{Backend, ConfigSchema, KeySchema, Visibility};
use clap::Args;
use config::{Config, Explanation, UnsetValue, key};
use serde_json::Value;

use super::{put, yaml};
use crate::args::ConfigArgs;
use crate::{load, report};

/// What to explain.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = "Example:\n  backend config explain backend.database.client --store fs")]
pub struct ExplainArgs {
    /// The key, as `backend.database.client` or `catalog.locations[0].target`.
    pub key: String,
}

pub(super) fn run(args: &ExplainArgs, sources: &ConfigArgs, add_plugins: impl FnOnce(Backend) -> Backend) -> ExitCode {
    let config = match Config::load(&sources.sources(), &load::env) {
        Ok(config) => config,
        Err(errors) => return report::unreadable(&errors),
    };
    let schema = load::backend(config.clone(), add_plugins).schema();
    let config = config.with_secret_keys(schema.secret_keys().iter().map(String::as_str));
    let (explanation, described) = (config.explain(&args.key), schema.at(&args.key));
    let is_known = described.is_some() || explanation.origin.is_some() || explanation.unset.is_some();
    if !is_known && explanation.overrides.is_empty() {
        let near = did_you_mean(&args.key, &config, &schema);
        return report::failure(&format!("there is no key `{}`{near}", args.key));
    }
    put(&explain(&explanation, described.as_ref()))
}

/// What people are told: a line for each fact.
fn explain(config: &Explanation, schema: Option<&KeySchema>) -> String {
    let mut text = format!("{}\n\n", config.key);
    let mut line = |name: &str, fact: &str| {
        let fact = fact.trim_end().replace('\n', "\n    ");
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}", format!("  {name:<11}  {fact}").replace(" \n", "\n"));
    };
    line("value", &config.value.as_ref().map_or_else(|| "absent".to_owned(), written));
    if let Some(schema) = schema {
        line("type", &schema.kind);
    } else if let Some(kind) = config.kind {
        line("type", kind);
    }
    if let Some(origin) = &config.origin {
        line("origin", &format!("{origin}{}", from(&config.from)));
    }
    if let Some(unset) = &config.unset {
        line("unset", &absent(unset));
    }
    for overridden in &config.overrides {
        let value = match (&overridden.value, &overridden.unset) {
            (Some(value), _) => written(value).trim_end().to_owned(),
            (None, Some(unset)) => format!("nothing, because {}", unset.reason),
            (None, None) => "null".to_owned(),
        };
        let separator = if value.contains('\n') { "\n" } else { ", " };
        line("overrides", &format!("{value}{separator}{}{}", overridden.origin, from(&overridden.from)));
    }
    line("variable", config.variable.as_deref().unwrap_or("none can set it"));
    let Some(schema) = schema else {
        line("description", "nothing describes this key");
        return text;
    };
    if let Some(description) = &schema.description {
        line("description", description);
    }
    line("default", &schema.default.as_ref().map_or_else(|| "none".to_owned(), written));
    let visibility = match schema.visibility {
        _ if config.secret => "secret",
        Visibility::Frontend => "frontend",
        Visibility::Backend => "backend",
        Visibility::Secret => "secret",
    };
    line("visibility", visibility);
    match &schema.unused {
        Some(reason) => line("no effect", reason),
        None if schema.reload => line("change", "holds at once"),
        None => line("change", "needs a restart"),
    }
    text
}

fn written(value: &Value) -> String {
    let text = yaml::write(value, &|_| None);
    match value {
        Value::Object(object) if !object.is_empty() => format!("\n{text}"),
        Value::Array(items) if !items.is_empty() => format!("\n{text}"),
        _ => text,
    }
}

fn from(from: &[String]) -> String {
    if from.is_empty() { String::new() } else { format!(" (from {})", from.join(", ")) }
}

fn absent(unset: &UnsetValue) -> String {
    format!("{}, because {}", unset.origin, unset.reason)
}

/// The nearest key beside or below what of the key there is.
fn did_you_mean(wanted: &str, config: &Config, schema: &ConfigSchema) -> String {
    let mut known = schema.keys();
    schema.walk(&config.to_json(), &mut |key, _, _| known.push(key.to_owned()));
    let last = |key: &str| key::parse(key).len();
    let near =
        known.iter().filter(|it| last(it) == last(wanted)).map(|it| (strsim::damerau_levenshtein(it, wanted), it));
    let near = near.min().filter(|(distance, _)| *distance <= 3);
    near.map(|(_, it)| format!("; did you mean `{it}`?")).unwrap_or_default()
}
