use std::collections::BTreeMap;

use config::{Config, ConfigErrors, Duration, Located, Secret, Sources};
use insta::assert_snapshot;
use serde::Deserialize;
use serde_json::json;

use crate::{load, load_with, short};

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Section {
    listen: Listen,
    #[serde(default)]
    max_open: Option<u8>,
    #[serde(default)]
    verbose: bool,
    #[serde(default)]
    level: Level,
    #[serde(default)]
    targets: Vec<Target>,
    #[serde(default)]
    ratios: BTreeMap<u16, f64>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Listen {
    host: String,
    port: u16,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    #[default]
    Info,
    Debug,
    Custom(u8),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Target {
    File {
        target: String,
    },
    Url {
        port: u16,
        #[serde(default)]
        tls: bool,
    },
}

fn errors<T>(result: Result<T, ConfigErrors>) -> String {
    short(result.err().unwrap())
}

#[test]
fn numbers_and_booleans_may_be_strings() {
    let text = "s:
  listen: {host: h, port: '${PORT}'}
  maxOpen: 5.0
  verbose: ${VERBOSE}
  level: {custom: '7'}
  targets:
    - {type: file, target: '80'}
    - {type: url, port: '${PORT}', tls: 'true'}
  ratios: {1: '0.5', '2': 1}
";
    let section: Section = load_with(text, &[("PORT", " 7007 "), ("VERBOSE", "true")]).read("s").unwrap();
    let expected = Section {
        listen: Listen { host: "h".into(), port: 7007 },
        max_open: Some(5),
        verbose: true,
        level: Level::Custom(7),
        targets: vec![Target::File { target: "80".into() }, Target::Url { port: 7007, tls: true }],
        ratios: [(1, 0.5), (2, 1.0)].into(),
    };
    assert_eq!(section, expected);
}

#[test]
fn every_mistake_of_a_section_is_reported_at_once() {
    let text = "s:
  listen:
    port: ${PORT}
  maxOpen: 300
  verbose: perhaps
  level: debgu
  targets:
    - {type: url, port: nine}
    - {type: flie, target: x}
    - 5
    - {type: file}
  ratios: {x: 1, 1: y}
";
    assert_snapshot!(errors(load_with(text, &[("PORT", "abc")]).read::<Section>("s")), @r#"
    app-config.yaml:2:3 `s.listen.host`: is required, but not set
    app-config.yaml:3:11 `s.listen.port`: expected a number, got "abc" (from PORT)
    app-config.yaml:4:12 `s.maxOpen`: expected a whole number from 0 to 255, got 300
    app-config.yaml:5:12 `s.verbose`: expected a boolean, got "perhaps"
    app-config.yaml:6:10 `s.level`: expected `info`, `debug` or `custom`, got "debgu", did you mean `debug`?
    app-config.yaml:8:25 `s.targets[0].port`: expected a number, got "nine"
    app-config.yaml:9:14 `s.targets[1].type`: expected `file` or `url`, got "flie", did you mean `file`?
    app-config.yaml:10:7 `s.targets[2]`: expected an object, got 5
    app-config.yaml:11:7 `s.targets[3].target`: is required, but not set
    app-config.yaml:12:15 `s.ratios.x`: expected a whole number from 0 to 65535, got "x"
    app-config.yaml:12:21 `s.ratios.1`: expected a number, got "y"
    "#);
}

#[test]
fn a_required_value_says_which_variable_is_missing() {
    let text = "s:\n  listen:\n    host: ${POSTGRES_HOST}\n    port: 1.5\n";
    assert_snapshot!(errors(load(text).read::<Section>("s")), @r"
    app-config.yaml:3:11 `s.listen.host`: is not set, because the environment variable `POSTGRES_HOST` is not set
    app-config.yaml:4:11 `s.listen.port`: expected a whole number from 0 to 65535, got 1.5
    ");
    assert_snapshot!(errors(load("").read::<Section>("s")), @"`s.listen`: is required, but not set");
    assert_snapshot!(errors(load("s: 5\n").read::<Section>("s")), @"app-config.yaml:1:4 `s`: expected an object, got 5");
    assert_snapshot!(errors(load("s: 5\n").read::<u16>("s.port")), @"app-config.yaml:1:4 `s.port`: is required, but not set");
}

#[test]
fn absent_sections_read_as_empty() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(default)]
    struct Defaults {
        size: u8,
    }
    impl Default for Defaults {
        fn default() -> Self {
            Self { size: 3 }
        }
    }
    for text in ["", "s:\n", "s: {}\n", "s: {size: null}\n", "s: ${NONE}\n"] {
        assert_eq!(load(text).read::<Defaults>("s").unwrap(), Defaults { size: 3 }, "{text:?}");
    }
    assert_eq!(load("").read::<Option<Defaults>>("s").unwrap(), None);
    assert_eq!(load("a: [1, x]").read::<(u8, String)>("a").unwrap(), (1, "x".to_owned()));
    assert_eq!(load("a: {b: [{c: 7}]}").read::<u8>("a.b[0].c").unwrap(), 7);
}

#[test]
fn strict_structs_name_the_key_they_do_not_know() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its errors matter")]
    struct Strict {
        listen: Option<String>,
        count: u8,
    }
    assert_snapshot!(errors(load("s:\n  lisen: x\n  zzz: 1\n  count: no\n").read::<Strict>("s")), @r#"
    app-config.yaml:2:3 `s.lisen`: is not a known key, did you mean `listen`?
    app-config.yaml:3:3 `s.zzz`: is not a known key
    app-config.yaml:4:10 `s.count`: expected a number, got "no"
    "#);
}

#[test]
fn flattened_and_untagged_values_are_kept() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Outer {
        name: String,
        #[serde(flatten)]
        limits: Limits,
        #[serde(flatten)]
        rest: BTreeMap<String, serde_json::Value>,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Limits {
        max: u16,
        on: bool,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Listen(Listen),
    }
    let config =
        load("s: {name: n, max: '5', on: 'true', other: [1, {a: b}]}\ne: ':7007'\nf: {host: h, port: 1}\ng: [1]\n");
    let outer: Outer = config.read("s").unwrap();
    assert_eq!(outer.limits, Limits { max: 5, on: true });
    assert_eq!(outer.rest, [("other".to_owned(), json!([1, {"a": "b"}]))].into());
    assert_eq!(config.read::<Either>("e").unwrap(), Either::Text(":7007".into()));
    assert_eq!(config.read::<Either>("f").unwrap(), Either::Listen(Listen { host: "h".into(), port: 1 }));
    assert_snapshot!(errors(config.read::<Either>("g")), @"app-config.yaml:4:1 `g`: has none of the forms it may have");
    assert_snapshot!(errors(load("s: {name: n, max: many, on: 'true'}").read::<Outer>("s")), @r#"app-config.yaml:1:19 `s.max`: expected a number, got "many""#);
}

#[test]
fn keys_nobody_reads_are_found_across_readers() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its keys matter")]
    struct Module {
        interval: Option<Duration>,
        providers: Option<BTreeMap<String, Listen>>,
    }
    let text = "s:
  listen: {host: h, port: 1, prot: 2}
  interval: {minutes: 5}
  intervall: {minutes: 5}
  targets: [{type: file, target: x, whatever: 1}]
  providers:
    any: {host: h, port: 1, hosst: x}
  ratios: {1: 1}
  nothingLikeIt: ${NONE}
";
    let config = load(text);
    let (section, first) = config.read_tracked::<Section>("s");
    let (module, second) = config.read_tracked::<Module>("s");
    section.unwrap();
    module.unwrap();
    let unknown: ConfigErrors = config.unknown_keys("s", &[first.clone(), second]).into();
    assert_snapshot!(short(unknown), @r"
    app-config.yaml:2:30 `s.listen.prot`: is not a known key, did you mean `port`?
    app-config.yaml:4:3 `s.intervall`: is not a known key, did you mean `interval`?
    app-config.yaml:7:29 `s.providers.any.hosst`: is not a known key, did you mean `host`?
    app-config.yaml:9:3 `s.nothingLikeIt`: is not a known key
    ");
    assert_eq!(config.unknown_keys("s", &[first]).len(), 5);
    assert!(config.unknown_keys("s", &[]).is_empty());
}

#[test]
fn mistakes_found_later_get_their_place() {
    let config =
        load_with("catalog:\n  locations:\n    - target: ./a.yaml\n    - target: ${B}\n", &[("B", "./b.yaml")]);
    let found: ConfigErrors = vec![
        config.error("catalog.locations[1].target", "no such file"),
        config.error("catalog.locations[1].rules", "are needed"),
        config.error("other.thing", "is needed"),
    ]
    .into();
    assert_snapshot!(short(found), @r"
    app-config.yaml:4:7 `catalog.locations[1].rules`: are needed
    app-config.yaml:4:15 `catalog.locations[1].target`: no such file (from B)
    `other.thing`: is needed
    ");
    assert_eq!(Config::from_json(json!({"a": 1})).error("a", "is wrong").to_string(), "`a`: is wrong");
}

#[test]
fn secrets_stay_secret() {
    #[derive(Debug, Deserialize)]
    struct Client {
        token: Secret<String>,
        #[serde(rename = "apiKey")]
        api_key: Secret<u16>,
    }
    let config = load("c: {token: hunter2, apiKey: '12'}\n");
    let client: Client = config.read("c").unwrap();
    assert_eq!((client.token.expose().as_str(), *client.api_key.expose()), ("hunter2", 12));
    assert_eq!(format!("{client:?}"), "Client { token: ********, api_key: ******** }");
    assert_eq!(serde_json::to_string(&client.token).unwrap(), "\"********\"");
}

#[test]
fn durations_are_read_as_backstage_does() {
    let cases = [
        ("{minutes: 5, seconds: 3}", 303_000),
        ("{milliseconds: '20'}", 20),
        ("{hours: 1.5}", 5_400_000),
        ("5m", 300_000),
        ("30s", 30_000),
        ("100ms", 100),
        ("' 1.5 hours '", 5_400_000),
        ("2 Seconds", 2000),
        ("1d", 86_400_000),
        ("1y", 31_536_000_000),
        ("PT5M", 300_000),
        ("P2DT6H", 194_400_000),
        ("PT0.5S", 500),
        ("P1W", 604_800_000),
        ("P1M", 2_592_000_000),
        ("5000", 5000),
        ("'5000'", 5000),
        ("0", 0),
    ];
    for (text, milliseconds) in cases {
        let duration: Duration = load(&format!("d: {text}\n")).read("d").unwrap();
        assert_eq!(duration, Duration::from_millis(milliseconds), "{text}");
    }
}

#[test]
fn bad_durations_say_what_is_expected() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its errors matter")]
    struct Durations {
        a: Duration,
        b: Duration,
        c: Duration,
        d: Duration,
        e: Duration,
        f: Duration,
        g: Duration,
        h: Duration,
    }
    let text = "a: soon\nb: -5s\nc: {}\nd: {minuts: 5}\ne: {minutes: x}\nf: [1]\ng: P\nh: 9999999999999999999999y\n";
    assert_snapshot!(errors(load(text).read::<Durations>("")), @r#"
    app-config.yaml:1:4 `a`: expected a duration such as `5m`, `30 seconds`, `PT5M` or `{ minutes: 5 }`, got "soon"
    app-config.yaml:2:4 `b`: a duration cannot be negative
    app-config.yaml:3:1 `c`: needs one or more of `years`, `months`, `weeks`, `days`, `hours`, `minutes`, `seconds`, `milliseconds`
    app-config.yaml:4:5 `d.minuts`: is not a known key, did you mean `minutes`?
    app-config.yaml:5:14 `e.minutes`: expected a number, got "x"
    app-config.yaml:6:1 `f`: expected a duration such as `5m`, `PT5M` or `{ minutes: 5 }`, got a list
    app-config.yaml:7:4 `g`: expected a duration such as `5m`, `30 seconds`, `PT5M` or `{ minutes: 5 }`, got "P"
    app-config.yaml:8:4 `h`: is too long for a duration
    "#);
}

#[test]
fn values_that_nothing_can_stand_in_for_hide_no_other_mistake() {
    use std::num::{NonZeroI8, NonZeroU16};
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its errors matter")]
    struct Pool {
        min: NonZeroU16,
        max: NonZeroU16,
        step: NonZeroI8,
        size: i8,
    }
    let text = "pools:\n  - {min: 0, max: -1, step: x, size: 200}\n  - {min: 1, max: 1, step: 0, size: y}\n";
    assert_snapshot!(errors(load(text).read::<Vec<Pool>>("pools")), @r#"
    app-config.yaml:2:11 `pools[0].min`: expected a whole number above 0, got 0
    app-config.yaml:2:19 `pools[0].max`: expected a whole number above 0, got -1
    app-config.yaml:2:29 `pools[0].step`: expected a number, got "x"
    app-config.yaml:2:38 `pools[0].size`: expected a whole number from -128 to 127, got 200
    app-config.yaml:3:28 `pools[1].step`: expected a whole number, got 0
    app-config.yaml:3:37 `pools[1].size`: expected a number, got "y"
    "#);
}

#[test]
fn a_located_value_knows_its_file() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("sub")).unwrap();
    let file = crate::write(directory.path(), "sub/app-config.yaml", "targets:\n  - ./a.yaml\nport: x\n");
    let config = crate::load_sources(&Sources::files([file.clone()]), &[]).unwrap();
    let targets: Vec<Located<String>> = config.read("targets").unwrap();
    assert_eq!((targets[0].get().as_str(), targets[0].directory()), ("./a.yaml", file.parent().unwrap()));
    assert!(targets[0].place().unwrap().ends_with("sub/app-config.yaml:2:5"), "{targets:?}");
    let error = config.read::<Located<u16>>("port").unwrap_err();
    assert!(error.to_string().ends_with("app-config.yaml:3:7 `port`: expected a number, got \"x\""), "{error}");
    assert_eq!(serde_json::from_str::<Located<u16>>("1").unwrap(), Located::new(1, ""));
}

#[test]
fn a_located_value_knows_the_file_whose_text_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let secret = crate::write(directory.path(), "secret.txt", "hunter2\n");
    let file = crate::write(directory.path(), "app-config.yaml", "a: {$file: ./secret.txt}\nb: hunter2\n");
    let config = crate::load_sources(&Sources::files([file]), &[]).unwrap();
    let read = |key| config.read::<Located<String>>(key).unwrap();
    assert_eq!((read("a").get().as_str(), read("a").text_of()), ("hunter2", Some(secret.as_path())));
    assert_eq!((read("b").get().as_str(), read("b").text_of()), ("hunter2", None));
}

#[test]
fn secrets_are_listed_by_the_names_of_their_keys() {
    let config = load("a: {password: hunter2, token: [t1]}\nconnection: {host: h}\n");
    let secrets = config.secrets();
    assert_eq!(secrets.iter().map(|it| it.expose().as_str()).collect::<Vec<_>>(), ["hunter2", "t1"]);
}
