use std::fmt::Write as _;
use std::process::ExitCode;

use backend_app_api::{Backend, ConfigSchema, Visibility};

use super::{put, without_config};

/// The prose, in which this is where the keys come.
const PAGE: &str = include_str!("docs.md");
const KEYS: &str = "<!-- keys -->\n";
const UNUSED: &str = "<!-- unused -->\n";

pub(super) fn run(add_plugins: impl FnOnce(Backend) -> Backend) -> ExitCode {
    let schema = without_config(add_plugins).schema();
    put(&PAGE.replace(KEYS, &sections(&schema)).replace(UNUSED, &unused(&schema)))
}

/// A table for each section, of the keys that are read.
fn sections(schema: &ConfigSchema) -> String {
    let keys: Vec<String> = schema.keys().into_iter().filter(|key| is_used(schema, key)).collect();
    let mut text = String::new();
    for section in keys.iter().filter(|key| is_section(key)) {
        let _ = writeln!(text, "### `{section}`\n");
        if let Some(description) = schema.at(section).and_then(|it| it.description) {
            let _ = writeln!(text, "{}\n", sentence(&description));
        }
        text.push_str("| key | type | default | |\n|---|---|---|---|\n");
        let below = keys.iter().filter(|key| is_within(key, section));
        below.filter(|key| is_value(schema, key, &keys)).for_each(|key| text.push_str(&row(schema, section, key)));
        text.push('\n');
    }
    text
}

fn row(schema: &ConfigSchema, section: &str, key: &str) -> String {
    let Some(of_key) = schema.at(key) else { return String::new() };
    let default = of_key.default.map(|it| format!("`{}`", it.as_str().map_or_else(|| it.to_string(), str::to_owned)));
    // The section's own stands above the table.
    let description = of_key.description.filter(|_| key != section);
    let mut notes = description.map(|it| sentence(&it)).unwrap_or_default();
    match of_key.visibility {
        Visibility::Secret => notes.push_str(" Secret."),
        Visibility::Frontend => notes.push_str(" The frontend may see it."),
        Visibility::Backend => {}
    }
    if of_key.reload {
        notes.push_str(" A change holds at once.");
    }
    let cells = [of_key.kind, default.unwrap_or_default(), notes.trim().to_owned()];
    let cells = cells.map(|it| it.replace('|', "\\|").replace('\n', " "));
    format!("| `{key}` | {} |\n", cells.join(" | "))
}

/// The keys of Backstage's that have no effect, by the reason.
fn unused(schema: &ConfigSchema) -> String {
    let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
    for key in schema.keys() {
        let Some(reason) = schema.at(&key).and_then(|it| it.unused) else { continue };
        match reasons.iter_mut().find(|(it, _)| *it == reason) {
            Some((_, keys)) => keys.push(format!("`{key}`")),
            None => reasons.push((reason, vec![format!("`{key}`")])),
        }
    }
    let rows = reasons.into_iter().map(|(reason, keys)| format!("| {reason} | {} |\n", keys.join(", ")));
    format!("| why | keys |\n|---|---|\n{}", rows.collect::<String>())
}

fn is_used(schema: &ConfigSchema, key: &str) -> bool {
    schema.at(key).is_some_and(|it| it.unused.is_none())
}

/// Whether a key may have a value of its own, besides those of the keys in it.
fn is_value(schema: &ConfigSchema, key: &str, keys: &[String]) -> bool {
    let is_leaf = !keys.iter().any(|it| it != key && is_within(it, key));
    is_leaf || schema.at(key).is_some_and(|it| !matches!(it.kind.as_str(), "any" | "object"))
}

/// Top-level keys, and those right below `backend`.
fn is_section(key: &str) -> bool {
    let dots = key.matches('.').count();
    (dots == 0 && key != "backend") || (dots == 1 && key.starts_with("backend."))
}

fn is_within(key: &str, section: &str) -> bool {
    key.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// With a full stop.
fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || text.ends_with(['.', '`', ':']) { text.to_owned() } else { format!("{text}.") }
}
