use config::{Config, Sources};
use insta::assert_snapshot;
use serde_json::json;

use crate::{load, load_error, load_files, load_sources, load_with, short, write};

#[test]
fn the_local_file_is_laid_over_the_main_one() {
    let main = "app:\n  title: Main\n  tags: [a, b]\nbackend:\n  listen: ':7007'\n  cors: {origin: x}\n";
    let local = "app:\n  tags: [c]\nbackend:\n  cors: null\n  extra: 1\n";
    let config = load_files(&[("app-config.yaml", main), ("app-config.local.yaml", local)], &[]).unwrap();
    assert_eq!(
        config.to_json(),
        json!({"app": {"title": "Main", "tags": ["c"]}, "backend": {"listen": ":7007", "extra": 1}})
    );
    assert!(!config.contains("backend.cors") && !config.contains("backend.cors.origin"));
    assert_eq!(short(config.origin("app.title").unwrap()), "app-config.yaml:2:10");
    assert_eq!(short(config.origin("app.tags").unwrap()), "app-config.local.yaml:2:3");
    assert_eq!(config.keys(""), ["app", "backend"]);
}

#[test]
fn null_hides_what_is_below_and_an_unset_variable_does_not() {
    let layers = [
        ("app-config.yaml", "a: {x: 1}\nb: main\nc: 1\n"),
        ("app-config.local.yaml", "a: null\nb: ${MISSING}\nc: {y: 2}\n"),
    ];
    let config = load_files(&layers, &[]).unwrap();
    assert_eq!(config.to_json(), json!({"b": "main", "c": {"y": 2}}));
    assert_snapshot!(
        short(&config.unset_variables()[0]),
        @"app-config.local.yaml:2:4 `b`: is as in app-config.yaml:2:4, because the environment variable `MISSING` is not set"
    );
}

#[test]
fn exactly_the_named_files_are_read() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "app-config.yaml", "a: 1\nb: 1\n");
    let files =
        [write(directory.path(), "one.yaml", "b: 2\nc: {d: 2}\n"), write(directory.path(), "two.yaml", "c: {e: 3}\n")];
    let config = load_sources(&Sources::files(files), &[]).unwrap();
    assert_eq!(config.to_json(), json!({"b": 2, "c": {"d": 2, "e": 3}}));
}

#[test]
fn yaml_is_1_2_core() {
    let config =
        load("a: no\nb: 017\nc: 1_000\nd: 0x10\ne: ~\nf: '5'\n8080: x\n<<: {g: 1}\nh: 1.5\ni: &i [1]\nj: *i\n");
    assert_eq!(
        config.to_json(),
        json!({"a": "no", "b": 17, "c": "1_000", "d": 16, "f": "5", "8080": "x", "<<": {"g": 1}, "h": 1.5, "i": [1], "j": [1]})
    );
}

#[test]
fn empty_files_and_byte_order_marks_are_fine() {
    for text in ["", "\n# nothing\n", "---\n", "null\n", "\u{feff}"] {
        assert_eq!(load(text).to_json(), json!({}), "{text:?}");
    }
    let config = load("\u{feff}a: 1\r\nb: 2\r\n");
    assert_eq!(config.to_json(), json!({"a": 1, "b": 2}));
    assert_eq!(short(config.origin("a").unwrap()), "app-config.yaml:1:4");
}

#[test]
fn a_missing_variable_takes_away_the_whole_value() {
    let config = load_with(
        "a: x${A}y\nb: pre ${NONE} post\nc: ['${NONE}', 1, \"${A}\"]\nd:\n  e: ${NONE:-5}\n  f: ${NONE}${OTHER}\n  g: ${NONE:-}\n",
        &[("A", "1")],
    );
    assert_eq!(config.to_json(), json!({"a": "x1y", "c": [1, "1"], "d": {"e": "5"}}));
    let unset: Vec<_> = config.unset_variables().iter().map(short).collect();
    assert_snapshot!(unset.join("\n"), @r"
    app-config.yaml:2:4 `b`: is not set, because the environment variable `NONE` is not set
    app-config.yaml:3:5 `c[0]`: is not set, because the environment variable `NONE` is not set
    app-config.yaml:6:6 `d.f`: is not set, because the environment variables `NONE` and `OTHER` are not set
    ");
}

#[test]
fn app_config_variables_win_over_files() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "app-config.yaml", "backend: {listen: ':1', port: 1}\n");
    let variables = [
        ("APP_CONFIG_backend_listen", ":2"),
        ("APP_CONFIG_backend_list", "[1, {\"a\": true}]"),
        ("APP_CONFIG_app_title", "${A}"),
        ("OTHER", "1"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config =
        load_sources(&Sources::in_directory(directory.path()).with_variables(variables), &[("A", "x")]).unwrap();
    assert_eq!(
        config.to_json(),
        json!({"backend": {"listen": ":2", "port": 1, "list": [1, {"a": true}]}, "app": {"title": "${A}"}})
    );
    assert_eq!(
        config.origin("backend.listen").unwrap().to_string(),
        "environment variable `APP_CONFIG_backend_listen`"
    );
}

#[test]
fn bad_app_config_variables_are_all_reported() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "app-config.yaml", "");
    let variables = [
        ("APP_CONFIG_a", "1"),
        ("APP_CONFIG_a_b", "1"),
        ("APP_CONFIG_c_d", "1"),
        ("APP_CONFIG_c", "{}"),
        ("APP_CONFIG_e", "null"),
        ("APP_CONFIG_1", "1"),
        ("APP_CONFIG_", "1"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let sources = Sources::in_directory(directory.path()).with_variables(variables);
    assert_snapshot!(load_sources(&sources, &[]).unwrap_err(), @r#"
    environment variable `APP_CONFIG_a_b` `a.b`: another variable sets a value above it
    environment variable `APP_CONFIG_c` `c`: another variable already sets it or something below it
    environment variable `APP_CONFIG_e` `e`: cannot be set to null by a variable
    environment variable `APP_CONFIG_1` `1`: `1` cannot be a key: it has to be letters and digits after a letter
    environment variable `APP_CONFIG_` `[""]`: `` cannot be a key: it has to be letters and digits after a letter
    "#);
}

#[test]
fn broken_files_are_errors_with_a_place() {
    let found = |texts: &[&str]| texts.iter().map(|text| load_error(text)).collect::<Vec<_>>().join("\n");
    assert_snapshot!(found(&[
        "a: 1\nb: [1, 2\nc: 3\n",
        "a: 1\na: {b: 1, b: 2}\n",
        "a: 1\n---\nb: 2\n",
        "- a\n- b\n",
        "just text\n",
        "a: !!binary x\n1: a\n1: b\n",
        "a:\n\tb: 1\n",
        "a: [1,\n2]\n",
        "a: @x\n",
    ]), @r"
    app-config.yaml:3:2: is not valid YAML: illegal placement of ':' indicator
    app-config.yaml:2:1 `a`: is there twice
    app-config.yaml:2:11 `a.b`: is there twice
    app-config.yaml:2:1: holds more than one YAML document
    app-config.yaml:1:1: expected an object with sections such as `backend:` at the top
    app-config.yaml:1:1: expected an object with sections such as `backend:` at the top
    app-config.yaml:1:4 `a`: has a YAML tag for something that config cannot hold
    app-config.yaml:3:1 `1`: is there twice
    app-config.yaml:2:2: is not valid YAML: tabs disallowed within this context (block indentation)
    app-config.yaml:2:1: is not valid YAML: invalid indentation in flow construct
    app-config.yaml:1:4: is not valid YAML: unexpected character: `@'
    ");
    assert_snapshot!(found(&[
        &format!("a: {}", "[".repeat(10_000)),
        &format!("{}x", "- ".repeat(10_000)),
        &format!("a: &a [{}]\nb: &b [{}]\nc: [{}]\n", ["x"; 9].join(", "), ["*a"; 90].join(", "), ["*b"; 90].join(", ")),
        "a: &a [*a]\n",
    ]), @r"
    app-config.yaml:1:259: is not valid YAML: more than 200 levels deep
    app-config.yaml:1:401: is not valid YAML: more than 200 levels deep
    app-config.yaml:3:5: is not valid YAML: aliases repeat a value more than 100 times
    app-config.yaml:1:8: is not valid YAML: an alias stands in what it repeats
    ");
}

#[test]
fn what_the_parser_does_not_take_is_mended_in_time() {
    let config = load("a: {b:[1], c:{d: 1}}\ne:\tf\ng:\n-\th\ni: \"\\ud83d\\ude00\\u00e9\\uD83D\\uDE80\"\n");
    assert_eq!(config.to_json(), json!({"a": {"b": [1], "c": {"d": 1}}, "e": "f", "g": ["h"], "i": "😀é🚀"}));
    assert!(load_error("%\u{692}]`\n:\tJ&\t:\t1\u{fffd}:\t\u{fffd}994").contains("is not valid YAML"));
    let many = format!("a: [{}]\n", "\"\\ud83d\\ude00\", {b:[1]}, ".repeat(100));
    assert_eq!(load(&many).to_json()["a"].as_array().unwrap().len(), 200);
}

#[test]
fn every_broken_file_is_reported_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let broken = write(directory.path(), "app-config.yaml", "a: 'x\n");
    let other = write(directory.path(), "app-config.other.yaml", "a: 1\nb: {\n");
    std::fs::write(directory.path().join("app-config.bytes.yaml"), [0xff, 0xfe]).unwrap();
    let files =
        [broken, other, directory.path().join("app-config.none.yaml"), directory.path().join("app-config.bytes.yaml")];
    assert_snapshot!(short(load_sources(&Sources::files(files), &[]).unwrap_err()), @r"
    app-config.yaml:1:4: is not valid YAML: while scanning a quoted scalar, found unexpected end of stream
    app-config.other.yaml:3:1: is not valid YAML: while parsing a node, did not find expected node content
    app-config.none.yaml: no such file
    app-config.bytes.yaml: is not UTF-8 text
    ");
    let empty = tempfile::tempdir().unwrap();
    let error = load_sources(&Sources::in_directory(empty.path()), &[]).unwrap_err();
    assert_snapshot!(short(error), @"app-config.yaml: no such file in ``; create it, or name files with `--config`");
}

#[test]
fn an_empty_config_has_nothing_and_debug_shows_no_value() {
    assert_eq!(Config::empty().to_json(), json!({}));
    assert!(Config::empty().keys("").is_empty());
    let config = Config::from_json(json!({"app": {"title": "hidden"}, "none": null}));
    assert_eq!(format!("{config:?}"), r#"Config { keys: ["app"], .. }"#);
}
