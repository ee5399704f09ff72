#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::Write;
use std::sync::{Arc, Mutex};

use ::config::Config;
use backend_plugin_api::PluginId;
use backend_plugin_api::services::Logger;
use indexmap::IndexMap;
use serde_json::{Value, json};
use tracing::subscriber::with_default;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use super::*;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// What is written of what `log` logs, with `<time>` for the time.
fn written(config: Value, level: Option<Level>, format: Format, secrets: &[&str], log: impl FnOnce()) -> String {
    let config: LoggerConfig = Config::from_json(json!({ "logger": config })).read("logger").unwrap();
    let settings = LogSettings::new(config.filter(level), config.meta);
    let redactor = Redactor::new(secrets.iter().copied());
    let lines = Lines::default();
    let layer = LogLayer::new(lines.clone(), settings, format, redactor);
    with_default(tracing_subscriber::registry().with(layer), log);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let time = regex::Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z").unwrap();
    time.replace_all(&text, "<time>").into_owned()
}

fn messages(config: Value, level: Option<Level>, log: impl FnOnce()) -> Vec<String> {
    let lines = written(config, level, Format::Json, &[], log);
    let message = |line: &str| serde_json::from_str::<Value>(line).unwrap()["message"].as_str().unwrap().to_owned();
    lines.lines().map(message).collect()
}

const CATALOG: PluginId = PluginId::new("catalog");

fn some_lines() {
    tracing::info!("started");
    Logger::new(CATALOG).span().in_scope(|| {
        tracing::warn!(file = "a b.yaml", count = 3, "skipped \"one\"");
        tracing::debug!("not shown");
    });
}

#[test]
fn pretty() {
    insta::assert_snapshot!(written(json!({}), None, Format::Pretty { color: false }, &[], some_lines), @r#"
    <time> backend info started
    <time> catalog warn skipped "one" file="a b.yaml" count=3
    "#);
}

#[test]
fn colors_are_for_terminals() {
    let lines = written(json!({}), None, Format::Pretty { color: true }, &[], some_lines);
    assert!(lines.contains("\x1b[33mwarn\x1b[0m"), "{lines}");
}

#[test]
fn json_with_meta_and_the_plugin() {
    let lines = written(json!({ "meta": { "env": "prod" } }), None, Format::Json, &[], some_lines);
    insta::assert_snapshot!(lines, @r#"
    {"timestamp":"<time>","level":"info","message":"started","env":"prod"}
    {"timestamp":"<time>","level":"warn","message":"skipped \"one\"","env":"prod","plugin":"catalog","file":"a b.yaml","count":3}
    "#);
}

#[test]
fn the_environments_level_overrides_the_configs() {
    let log = || {
        tracing::debug!("debug");
        tracing::error!("error");
    };
    assert_eq!(messages(json!({ "level": "debug" }), None, log), ["debug", "error"]);
    assert_eq!(messages(json!({ "level": "debug" }), Some("warn".parse().unwrap()), log), ["error"]);
}

#[test]
fn the_first_override_that_matches_decides() {
    let overrides = json!([
        { "matchers": { "plugin": "catalog", "message": "/^PROCESSED/i" }, "level": "error" },
        { "matchers": { "plugin": ["todo", "catalog"] }, "level": "debug" },
        { "matchers": { "count": 3 }, "level": "error" },
    ]);
    let log = || {
        tracing::info!("info");
        tracing::debug!("debug");
        tracing::info!(count = 3, "count");
        Logger::new(CATALOG).span().in_scope(|| {
            tracing::debug!("catalog debug");
            tracing::info!("processed");
            tracing::error!("processed badly");
        });
    };
    let lines = messages(json!({ "overrides": overrides }), None, log);
    assert_eq!(lines, ["info", "catalog debug", "processed badly"]);
}

#[test]
fn libraries_are_quiet_unless_asked() {
    let log = || {
        tracing::info!(target: "sqlx::query", "select");
        tracing::warn!(target: "sqlx::query", "slow");
    };
    assert_eq!(messages(json!({}), None, log), ["slow"]);
    assert_eq!(messages(json!({ "level": "debug" }), None, log), ["select", "slow"]);
    let overrides = json!({ "overrides": [{ "matchers": { "target": "sqlx" }, "level": "info" }] });
    assert_eq!(messages(overrides, None, log), ["select", "slow"]);
}

#[test]
fn secrets_are_hidden_but_not_every_short_word() {
    let log = || tracing::info!(url = "postgres://u:hunter2hunter2@h", "us and hunter2hunter2");
    let lines = written(json!({}), None, Format::Pretty { color: false }, &["hunter2hunter2", "us"], log);
    assert_eq!(lines, "<time> backend info us and *** url=postgres://u:***@h\n");
}

#[test]
fn a_level_that_is_none_is_refused_by_name() {
    let read = Config::from_json(json!({ "level": "loud" })).read::<LoggerConfig>("");
    insta::assert_snapshot!(read.unwrap_err(), @"`level`: `loud` is not a log level; use `error`, `warn`, `info`, `debug` or `trace`");
}

#[test]
fn a_change_of_the_settings_holds_for_what_comes_after_it() {
    let settings = LogSettings::new(Filter::new(Level::INFO, Vec::new()), IndexMap::new());
    let lines = Lines::default();
    let layer = LogLayer::new(lines.clone(), settings.clone(), Format::Json, Redactor::new(["old-secret"]));
    let log = || tracing::debug!("one line with new-secret and old-secret");
    with_default(tracing_subscriber::registry().with(layer), || {
        log();
        let changed: LoggerConfig =
            Config::from_json(json!({ "level": "debug", "meta": { "a": 1 } })).read("").unwrap();
        settings.apply(&changed, None, Redactor::new(["new-secret"]));
        log();
        settings.apply(&changed, Some(Level(tracing::Level::WARN)), Redactor::default());
        log();
    });
    let lines = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(lines.lines().count() == 1 && lines.contains(r#""a":1"#), "{lines}");
    assert!(lines.contains("one line with *** and ***"), "{lines}");
}
