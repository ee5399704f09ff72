//! Where config comes from: directories, URLs, env files, includes.

use std::sync::Mutex;

use config::{Config, Sources};
use insta::assert_snapshot;
use serde_json::json;

use crate::{load_sources, short, write};

#[test]
fn the_default_files_are_looked_for_upwards() {
    let directory = tempfile::tempdir().unwrap();
    let below = directory.path().join("packages/backend");
    std::fs::create_dir_all(&below).unwrap();
    write(directory.path(), "app-config.yaml", "a: 1\nb: {$file: b.txt}\n");
    write(directory.path(), "b.txt", "two\n");
    write(directory.path(), "app-config.local.yaml", "c: 3\n");
    let config = load_sources(&Sources::upwards_from(&below), &[]).unwrap();
    assert_eq!(config.to_json(), json!({"a": 1, "b": "two", "c": 3}));
    // The nearest one is all there is.
    write(&below, "app-config.yaml", "a: 2\n");
    assert_eq!(load_sources(&Sources::upwards_from(&below), &[]).unwrap().to_json(), json!({"a": 2}));
    assert!(load_sources(&Sources::in_directory(directory.path().join("packages")), &[]).is_err());
}

#[test]
fn urls_are_fetched_and_include_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = write(directory.path(), "app-config.yaml", "a: 1\nb: {c: 1}\n");
    let targets = [file.to_str().unwrap(), "https://me:hunter2@config.example/app.yaml"];
    let sources = Sources::targets(targets);
    assert!(sources.has_urls() && !Sources::targets(["file:///x", "C:\\x", "a://", "x"]).has_urls());
    let asked = std::sync::Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    let sources = sources.with_fetch(move |url| {
        log.lock().unwrap().push(url.to_owned());
        Ok("b: {d: '${X}', e: {$env: X}}\nport: x\n".into())
    });
    let config = load_sources(&sources, &[("X", "1")]).unwrap();
    assert_eq!(config.to_json(), json!({"a": 1, "b": {"c": 1, "d": "1", "e": {"$env": "X"}}, "port": "x"}));
    assert_eq!(*asked.lock().unwrap(), ["https://me:hunter2@config.example/app.yaml"]);
    assert_snapshot!(config.read::<u16>("port").unwrap_err(), @r#"https://********@config.example/app.yaml:2:7 `port`: expected a number, got "x""#);
}

#[test]
fn urls_that_give_no_config_are_mistakes() {
    let error = |answer: Result<&'static str, &'static str>| {
        let sources = Sources::targets(["https://u:p@h/x"]);
        let sources = sources.with_fetch(move |_| answer.map(str::to_owned).map_err(str::to_owned));
        load_sources(&sources, &[]).unwrap_err().to_string()
    };
    let errors = [error(Err("answered 404")), error(Ok("")), error(Ok("- 1\n")), error(Ok("a: ["))];
    assert_snapshot!(errors.join("\n"), @r"
    https://********@h/x: answered 404
    https://********@h/x: is empty
    https://********@h/x:1:1: expected an object with sections such as `backend:` at the top
    https://********@h/x:2:1: is not valid YAML: while parsing a node, did not find expected node content
    ");
    assert_snapshot!(load_sources(&Sources::targets(["https://h/x"]), &[]).unwrap_err(), @"https://h/x: is a URL, and config is read from files alone here");
}

#[test]
fn env_files_give_variables_and_real_ones_win() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "app-config.yaml", "a: ${A}\nb: ${B}\nc: ${C}\nd: {$env: D}\ne: ${EMPTY}\n");
    let files = [
        write(directory.path(), "one.env", "A=one\nB=one\nC=one\nEMPTY=one\n"),
        write(directory.path(), "two.env", "export B=two\nC=two\nD='d # d'\nAPP_CONFIG_f=1\n"),
    ];
    let sources = Sources::in_directory(directory.path()).with_env_files(files);
    let config = load_sources(&sources, &[("C", "real"), ("EMPTY", "")]).unwrap();
    assert_eq!(config.to_json(), json!({"a": "one", "b": "two", "c": "real", "d": "d # d", "e": ""}));

    let bad = write(directory.path(), "app-config.env", "A=1\nhunter2\nB=\"hunter2\n");
    let sources =
        Sources::in_directory(directory.path()).with_env_files([bad, directory.path().join("app-config.none")]);
    let errors = load_sources(&sources, &[]).unwrap_err();
    assert_snapshot!(short(&errors), @r"
    app-config.env:2:1: expected `NAME=value`
    app-config.env:3:1: has a quote that does not end
    app-config.none: no such file
    ");
    assert!(!errors.report(false).contains("hunter2"));
}

#[test]
fn included_values_know_where_they_stand() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("sub")).unwrap();
    write(
        directory.path(),
        "app-config.yaml",
        "a: {$include: sub/app-config.one.yaml}\nb: {$include: 'sub/app-config.json#x'}\nc: {$file: sub/c.txt}\nd: {$env: D}\n",
    );
    write(directory.path(), "sub/app-config.one.yaml", "# one\nport: ${PORT}\nport2: y\n");
    write(directory.path(), "sub/app-config.json", "{\n  \"x\": {\n    \"port\": \"z\"\n  }\n}\n");
    write(directory.path(), "sub/c.txt", "text\n");
    let config = load_sources(&Sources::in_directory(directory.path()), &[("PORT", "x"), ("D", "d")]).unwrap();
    let errors = ["a.port", "a.port2", "b.port", "c", "d"].map(|key| short(config.read::<u16>(key).unwrap_err()));
    assert_snapshot!(errors.join("\n"), @r#"
    app-config.one.yaml:2:7 `a.port`: expected a number, got "x" (from PORT)
    app-config.one.yaml:3:8 `a.port2`: expected a number, got "y"
    app-config.json:3:13 `b.port`: expected a number, got "z"
    app-config.yaml:3:12 `c`: expected a number, got "text" (from sub/c.txt)
    app-config.yaml:4:11 `d`: expected a number, got "d" (from D)
    "#);
}

#[test]
fn includes_that_cannot_be_are_all_named() {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        "app-config.yaml",
        "a: {$include: none.yaml}
b: {$include: app-config.broken.yaml}
c: {$file: app-config.yaml, more: 1}
d: [{$env: 5}]
e: {$include: app-config.broken.json}
f: {$include: '${NONE}'}
g: {$include: 'app-config.good.yaml#x.y'}
h: {$include: 'app-config.good.yaml#none'}
i: {$include: app-config.txt}
j: {$include: 'app-config.broken.yaml#again'}
",
    );
    write(directory.path(), "app-config.broken.yaml", "ok: 1\na: 'x\n");
    write(directory.path(), "app-config.broken.json", "{\"a\": 1,}");
    write(directory.path(), "app-config.good.yaml", "x: 1\n");
    let errors = load_sources(&Sources::in_directory(directory.path()), &[]).unwrap_err();
    assert_snapshot!(short(errors), @r"
    app-config.yaml:1:4 `a`: `none.yaml`: no such file
    app-config.yaml:2:4 `b`: `app-config.broken.yaml` has mistakes of its own
    app-config.yaml:3:4 `c`: has other keys beside `$file`, which has to stand alone
    app-config.yaml:4:5 `d[0]`: `$env` has to be a string
    app-config.yaml:5:4 `e`: `app-config.broken.json` is not valid JSON: trailing comma at line 1 column 9
    app-config.yaml:6:4 `f`: `$include` has no value, because the environment variable `NONE` is not set
    app-config.yaml:7:4 `g`: `x` in `app-config.good.yaml` is not an object
    app-config.yaml:9:4 `i`: `app-config.txt` cannot be included: its name has to end in .json, .yaml or .yml
    app-config.yaml:10:4 `j`: `app-config.broken.yaml` has mistakes of its own
    app-config.broken.yaml:2:4: is not valid YAML: while scanning a quoted scalar, found unexpected end of stream
    ");
}

#[test]
fn includes_in_a_circle_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name, text| write(directory.path(), name, text);
    file(
        "app-config.yaml",
        "a: {b: {$include: app-config.one.yaml}}\nself: {x: {$include: 'app-config.yaml#self'}}\nok: {$include: 'app-config.yaml#fine'}\nfine: 1\n",
    );
    file("app-config.one.yaml", "x: {$include: app-config.two.yaml}\n");
    file("app-config.two.yaml", "y: {$include: app-config.one.yaml}\n");
    let errors = load_sources(&Sources::in_directory(directory.path()), &[]).unwrap_err();
    assert_snapshot!(short(errors), @r"
    app-config.two.yaml:1:4 `a.b.x.y`: files include each other: `app-config.one.yaml` -> `app-config.two.yaml` -> `app-config.one.yaml`
    app-config.yaml:2:11 `self.x.x`: files include each other: `app-config.yaml` -> `app-config.yaml`
    ");
}

#[test]
fn what_includes_multiply_is_bounded() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "app-config.yaml", "a: {$include: 0.yaml}\n");
    for level in 0..10 {
        let next = format!("{{$include: {}.yaml}}", level + 1);
        write(directory.path(), &format!("{level}.yaml"), &format!("x: [{}]\n", [next.as_str(); 10].join(", ")));
    }
    write(directory.path(), "10.yaml", "end: 1\n");
    let errors = load_sources(&Sources::in_directory(directory.path()), &[]).unwrap_err();
    assert!(errors.to_string().contains("more than 1000000 values in all files"), "{errors}");
    assert!(errors.len() < 10, "{}", errors.len());
}

#[test]
fn large_and_deep_files_are_refused_with_the_limit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app-config.yaml");
    // A sparse file: 100 MB that are not there.
    std::fs::File::create(&path).unwrap().set_len(100 << 20).unwrap();
    let errors = load_sources(&Sources::files([&path]), &[]).unwrap_err();
    assert!(errors.to_string().ends_with("is larger than 16 MB, which config is at most"), "{errors}");
    std::fs::write(&path, format!("a: [{}]\n", "1,".repeat(1_100_000))).unwrap();
    let errors = load_sources(&Sources::files([&path]), &[]).unwrap_err();
    assert!(errors.to_string().contains("more than 1000000 values in all files"), "{errors}");
    // As deep as it may be, everything works.
    std::fs::write(&path, format!("a: {}1{}\n", "{a: ".repeat(198), "}".repeat(198))).unwrap();
    let config = load_sources(&Sources::files([&path]), &[]).unwrap();
    assert_eq!(config.read::<serde_json::Value>("").unwrap(), config.to_json());
    assert_eq!(config.masked_json(), config.to_json());
    assert!(config.changed_keys(&Config::empty()) == ["a"]);
}

#[test]
fn a_variable_may_be_required_with_a_message() {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        "app-config.yaml",
        "a:\n  host: ${HOST:?set HOST to the name of the database's machine}\n  port: ${PORT:?}\n  user: ${USER:?why}\n",
    );
    let errors = load_sources(&Sources::in_directory(directory.path()), &[("HOST", ""), ("USER", "me")]).unwrap_err();
    assert_snapshot!(short(errors), @r"
    app-config.yaml:2:9 `a.host`: set HOST to the name of the database's machine (`HOST` is not set)
    app-config.yaml:3:9 `a.port`: needs the environment variable `PORT`
    ");
}
