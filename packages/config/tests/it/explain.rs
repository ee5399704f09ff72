//! What a config tells about itself.

use config::{Config, Explanation, Sources};
use insta::assert_snapshot;
use serde_json::json;

use crate::{load, load_files, load_sources, short, write};

/// One line for each thing it says.
fn told(explanation: &Explanation) -> String {
    let shown = |value: &Option<serde_json::Value>| value.as_ref().map_or("nothing".into(), ToString::to_string);
    let kind = explanation.kind.unwrap_or("absent");
    let mut lines = vec![format!("{} = {} ({kind})", explanation.key, shown(&explanation.value))];
    lines.extend(explanation.origin.as_ref().map(|origin| format!("at {origin}")));
    lines.extend((!explanation.from.is_empty()).then(|| format!("from {}", explanation.from.join(", "))));
    lines.extend(explanation.unset.as_ref().map(|it| format!("unset at {}: {}", it.origin, it.reason)));
    lines.extend(explanation.overrides.iter().map(|it| {
        let unset = it.unset.as_ref().map_or(String::new(), |unset| format!(", {}", unset.reason));
        format!("over {} at {}{unset}", shown(&it.value), it.origin)
    }));
    lines.extend(explanation.variable.as_ref().map(|name| format!("set by {name}")));
    short(lines.join("\n"))
}

fn layered() -> Config {
    let directory = tempfile::tempdir().unwrap();
    let file = |name, text| write(directory.path(), name, text);
    file("app-config.yaml", "a: {title: Main, token: hunter1, list: [1, 2]}\nb: {c: {d: 1}}\nport: 1\n");
    file("app-config.x.yaml", "a: {title: '${TITLE}', token: hunter2}\nb: {c: null}\nport: ${PORT}\n");
    file("app-config.local.yaml", "a: {title: Local, list: []}\nb: {e: '${NONE:-}'}\nport: ${OTHER} ${NONE}\n");
    let sources = Sources::in_directory(directory.path());
    let sources = sources.with_variables([("APP_CONFIG_a_token".into(), "hunter3".into())]);
    load_sources(&sources, &[("BACKSTAGE_ENV", "x"), ("TITLE", "Mine"), ("PORT", "2")]).unwrap()
}

#[test]
fn every_key_can_be_explained() {
    let config = layered();
    let keys = ["a.title", "a.token", "a.list", "b.c.d", "b.c", "b.e", "port", "none.at.all", "a.title.x", "b", ""];
    let explanations = keys.map(|key| told(&config.explain(key)));
    assert_snapshot!(explanations.join("\n\n"), @r#"
    a.title = "Local" (string)
    at app-config.local.yaml:1:12
    over "Mine" at app-config.x.yaml:1:12
    over "Main" at app-config.yaml:1:12
    set by APP_CONFIG_a_title

    a.token = "********" (string)
    at environment variable `APP_CONFIG_a_token`
    over "********" at app-config.x.yaml:1:31
    over "********" at app-config.yaml:1:25
    set by APP_CONFIG_a_token

    a.list = [] (list)
    at app-config.local.yaml:1:19
    over [1,2] at app-config.yaml:1:34
    set by APP_CONFIG_a_list

    b.c.d = nothing (absent)
    at app-config.x.yaml:2:8
    over 1 at app-config.yaml:2:12
    set by APP_CONFIG_b_c_d

    b.c = nothing (absent)
    at app-config.x.yaml:2:8
    over {"d":1} at app-config.yaml:2:5
    set by APP_CONFIG_b_c

    b.e = nothing (absent)
    unset at app-config.local.yaml:2:8: the environment variable `NONE` is not set
    set by APP_CONFIG_b_e

    port = "2" (string)
    at app-config.x.yaml:3:7
    from PORT
    unset at app-config.local.yaml:3:7: the environment variables `OTHER` and `NONE` are not set
    over 1 at app-config.yaml:3:7
    set by APP_CONFIG_port

    none.at.all = nothing (absent)
    set by APP_CONFIG_none_at_all

    a.title.x = nothing (absent)
    at app-config.local.yaml:1:12
    set by APP_CONFIG_a_title_x

    b = {} (object)
    at app-config.local.yaml:2:1
    set by APP_CONFIG_b

     = {"a":{"title":"Local","token":"********","list":[]},"b":{},"port":"2"} (object)
    at app-config.yaml
    "#);
    assert!(config.explain("a.token").secret && !config.explain("a.title").secret);
    assert_eq!(config.explain("a.list[0]").variable, None);
    assert_eq!(
        config.explain("port").unset.unwrap().variables,
        ["NONE", "OTHER"].map(String::from).into_iter().rev().collect::<Vec<_>>()
    );
}

#[test]
fn changed_keys_are_the_outermost_that_came_or_went() {
    let old = load("a: {b: 1, c: {d: 1, e: [1]}, f: 1}\ng: {h: 1}\ni: null\nj: [1, {k: 1}]\n");
    let new = load("a: {b: 2, c: {d: 1, e: [1, 2]}, f: null}\ni: 1\nj: [1, {k: 2}]\nl: {m: {n: 1}}\n");
    assert_eq!(new.changed_keys(&old), ["a.b", "a.c.e", "a.f", "g", "i", "j", "l"]);
    assert!(new.changed_keys(&new).is_empty());
    assert_eq!(load("a: 1").changed_keys(&load("a: '1'")), ["a"]);
    assert!(load("a: 1\nb: 2\n").changed_keys(&load("b: 2\na: 1\nc:\n")).is_empty());
}

#[test]
fn secrets_are_masked_by_name_by_place_and_in_urls() {
    let text = "backend:
  database: {client: pg, connection: {host: h, port: 5432, password: hunter2, ssl: {ca: x}}}
  cache: {connection: 'redis://u:hunter2@h'}
  auth: {keys: [{secret: hunter2}]}
proxy: {target: 'https://u:hunter2@h/x?y=1', pin: 12345678}
certificate: |
  hunter2
  more
";
    let config = load(text);
    assert_eq!(
        config.masked_json(),
        json!({
            "backend": {
                "database": {"client": "pg", "connection": {"host": "********", "port": 5432, "password": "********", "ssl": {"ca": "********"}}},
                "cache": {"connection": "********"},
                "auth": {"keys": [{"secret": "********"}]},
            },
            "proxy": {"target": "https://********@h/x?y=1", "pin": 12345678},
            "certificate": "hunter2\nmore\n",
        })
    );
    let marked = config.clone().with_secret_keys(["certificate", "proxy.pi*n", "proxy.pin", "backend.auth.keys[*]"]);
    assert_eq!(marked.masked_json()["certificate"], "********");
    assert_eq!(marked.masked_json()["proxy"]["pin"], "********");
    assert!(marked.is_secret("proxy.pin") && !config.is_secret("proxy.pin"));
    let secrets = |config: &Config| config.secrets().iter().map(|it| it.expose().clone()).collect::<Vec<_>>();
    assert_eq!(secrets(&config), ["hunter2", "redis://u:hunter2@h"]);
    assert_eq!(secrets(&marked), ["12345678", "hunter2", "hunter2\nmore\n", "redis://u:hunter2@h"]);

    let error = config.read::<u8>("certificate").unwrap_err();
    assert!(error.report(false).contains("7 │   hunter2") && error.to_string().contains("hunter2"));
    let error = marked.read::<u8>("certificate").unwrap_err();
    assert_snapshot!(short(error.report(false)), @"  × app-config.yaml:7:3 `certificate`: expected a number, got a string");
}

#[test]
fn lines_of_marked_keys_in_every_layer_are_hidden() {
    let layers = [("app-config.yaml", "pin: hunter2\n"), ("app-config.local.yaml", "pin: hunter3\n")];
    let config = load_files(&layers, &[]).unwrap().with_secret_keys(["pin"]);
    let explanation = config.explain("pin");
    assert!(!format!("{explanation:?}").contains("hunter"), "{explanation:?}");
    assert!(!config.error("pin", "is wrong").report(false).contains("hunter"));
}

#[test]
fn an_option_of_the_command_line_wins_over_all() {
    let directory = tempfile::tempdir().unwrap();
    let yaml = "db: {client: pg, at: {host: h}, plugin: {a: {client: x, pool: 1}, b: null, c: {pool: 2}}}\nflat: 1\n";
    write(directory.path(), "app-config.yaml", yaml);
    let sources =
        Sources::in_directory(directory.path()).with_variables([("APP_CONFIG_db_client".into(), "mysql".into())]);
    let overrides = [
        ("db.client", json!("sqlite")),
        ("db.at", json!({"directory": "data"})),
        ("db.plugin.*.client", json!(null)),
        ("db.none", json!(null)),
        ("none.at.all", json!(null)),
        ("new.key", json!(true)),
        ("flat.below", json!(2)),
    ];
    let sources = overrides.into_iter().fold(sources, |it, (key, value)| it.with_override("--store fs", key, value));
    let config = load_sources(&sources, &[]).unwrap();
    assert_eq!(
        config.to_json(),
        json!({
            "db": {"client": "sqlite", "at": {"directory": "data"}, "plugin": {"a": {"pool": 1}, "c": {"pool": 2}}},
            "flat": {"below": 2},
            "new": {"key": true},
        })
    );
    let keys = ["db.client", "db.at", "db.at.host", "db.plugin.a.client", "db.none", "flat.below"];
    let explanations = keys.map(|key| told(&config.explain(key)));
    assert_snapshot!(explanations.join("\n\n"), @r#"
    db.client = "sqlite" (string)
    at `--store fs`
    over "mysql" at environment variable `APP_CONFIG_db_client`
    over "pg" at app-config.yaml:1:14
    set by APP_CONFIG_db_client

    db.at = {"directory":"data"} (object)
    at `--store fs`
    over {"host":"h"} at app-config.yaml:1:18
    set by APP_CONFIG_db_at

    db.at.host = nothing (absent)
    over "h" at app-config.yaml:1:29
    set by APP_CONFIG_db_at_host

    db.plugin.a.client = nothing (absent)
    at `--store fs`
    over "x" at app-config.yaml:1:54
    set by APP_CONFIG_db_plugin_a_client

    db.none = nothing (absent)
    set by APP_CONFIG_db_none

    flat.below = 2 (number)
    at `--store fs`
    set by APP_CONFIG_flat_below
    "#);
    let origin = config.origin("db.client").unwrap();
    assert_eq!((origin.file(), origin.variable(), origin.line()), (None, None, 0));
}
