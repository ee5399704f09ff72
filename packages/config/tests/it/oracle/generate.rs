//! Cases that nobody would think of.

use std::collections::BTreeMap;

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngSeed, TestRunner},
};
use serde_json::{Map, Value};

use super::Case;

/// As many cases as are wanted, the same for the same seed.
pub(super) fn cases(seed: u64, count: usize) -> Vec<Case> {
    let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(seed), ..Config::default() });
    let strategy = case();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

fn case() -> impl Strategy<Value = Case> {
    prop_oneof![
        4 => layers(),
        3 => mistyped().prop_map(|text| with_files([("app-config.yaml", text)], Vec::new())),
        4 => text().prop_map(|text| with_files([("app-config.yaml", text)], Vec::new())),
        2 => includes(),
        2 => variables(),
        1 => scalar().prop_map(|text| with_files([("app-config.yaml", format!("a: {text}\nb: [{text}]\n"))], Vec::new())),
        1 => duration().prop_map(|value| Case { duration: Some(value), ..Case::default() }),
        1 => number().prop_map(|value| Case { number: Some(value), ..Case::default() }),
        1 => boolean().prop_map(|value| Case { boolean: Some(value), ..Case::default() }),
    ]
}

fn with_files<const N: usize>(files: [(&str, String); N], env: Vec<(String, String)>) -> Case {
    let files: BTreeMap<_, _> = files.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
    let env: Map<_, _> = env.into_iter().map(|(name, value)| (name, Value::from(value))).collect();
    Case { files: Some(files), env, ..Case::default() }
}

fn pick(texts: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    prop::sample::select(texts).prop_map(str::to_owned)
}

fn env() -> impl Strategy<Value = Vec<(String, String)>> {
    let value = pick(&["", "1", " spaced ", "true", "${B}", "a: b", "$x", "null", "{}"]);
    prop::collection::vec((pick(&["A", "B", "C", "A_B"]), value), 0..4)
}

/// A text with references.
fn reference() -> impl Strategy<Value = String> {
    let part = pick(&[
        "${A}",
        "${ B }",
        "${C:-d}",
        "${NONE}",
        "${NONE:-}",
        "${NONE:-x y}",
        "${A:-}",
        "$${A}",
        "$$${A}",
        "$",
        "{",
        "}",
        "${",
        "text",
        " ",
        ":-",
        "${A{B}}",
        "${}",
        "#",
        "${NONE:-${A}}",
        "é",
        "$A",
        "${A\n}",
    ]);
    prop::collection::vec(part, 1..4).prop_map(|parts| parts.concat())
}

fn key() -> impl Strategy<Value = String> {
    pick(&["a", "b", "c", "d", "a.b", "a-b", "1", "x y", ""])
}

/// A value as JSON, with `null` and references.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1000_i64..1000).prop_map(Value::from),
        pick(&[
            "0", "x", "", "true", "1e3", "- a", "a: b", "it's", "\"q\"", "# no", "a\nb", " a", "a ", "@", "[", "*a",
            "&a", "!x", "%", "~"
        ])
        .prop_map(Value::from),
        reference().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn object() -> impl Strategy<Value = Value> {
    prop::collection::vec((key(), json()), 0..5).prop_map(|entries| Value::Object(entries.into_iter().collect()))
}

/// An object as a file, in one of many ways to write it.
fn document() -> impl Strategy<Value = String> {
    (object(), 0..4_u8).prop_map(|(value, style)| match style {
        0 => value.to_string(),
        1 => serde_json::to_string_pretty(&value).unwrap(),
        _ => {
            let mut text = String::new();
            write_block(&value, 0, style == 3, &mut text);
            if text.is_empty() { "{}".to_owned() } else { text }
        }
    })
}

fn write_block(value: &Value, indent: usize, single: bool, out: &mut String) {
    let quote = |text: &str| match single && !text.contains('\n') {
        true => format!("'{}'", text.replace('\'', "''")),
        false => Value::from(text).to_string(),
    };
    let blank = " ".repeat(indent);
    let below = |value: &Value, out: &mut String| match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            write_block(value, indent + 2, single, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            write_block(value, indent + 2, single, out);
        }
        Value::String(text) => out.push_str(&format!(" {}\n", quote(text))),
        Value::Null => out.push('\n'),
        value => out.push_str(&format!(" {value}\n")),
    };
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                out.push_str(&format!("{blank}{}:", quote(name)));
                below(value, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                out.push_str(&format!("{blank}-"));
                below(item, out);
            }
        }
        _ => {}
    }
}

fn layers() -> impl Strategy<Value = Case> {
    let names = ["app-config.yaml", "app-config.local.yaml", "app-config.x.yaml", "app-config.x.local.yaml"];
    let environment = pick(&["", "x", " x ,y", "x,x"]);
    (prop::collection::vec(document(), 1..5), env(), environment).prop_map(move |(texts, mut env, environment)| {
        env.push(("BACKSTAGE_ENV".into(), environment));
        let mut case = with_files([], env);
        case.files = Some(names.into_iter().map(str::to_owned).zip(texts).collect());
        case
    })
}

/// Lines that may be YAML.
fn text() -> impl Strategy<Value = String> {
    let token = pick(&[
        "a",
        "b",
        "c",
        ":",
        ": ",
        "- ",
        "-",
        "? ",
        "?",
        ", ",
        ",",
        "[",
        "]",
        "{",
        "}",
        "'",
        "\"",
        "'x'",
        "\"y\"",
        "#",
        " # c",
        "|",
        ">",
        "|-",
        ">+",
        "&a ",
        "*a",
        "*b",
        "!!str ",
        "!x ",
        "!!int ",
        "1",
        "0x1F",
        "0o17",
        "1.5",
        ".5",
        "1e3",
        "-1",
        "+1",
        "~",
        "null",
        "true",
        "no",
        ".inf",
        "---",
        "...",
        "%YAML 1.2",
        "@",
        "`",
        "x y",
        "<<",
        "=",
        "\t",
        "  ",
        " ",
        "\\",
        "http://x:1",
        "a: 1",
        "b: x",
        "c:",
        "${A}",
        "é",
    ]);
    let line = (0..5_usize, prop::collection::vec(token, 0..5))
        .prop_map(|(indent, tokens)| format!("{}{}", " ".repeat(indent), tokens.concat()));
    let entry = (pick(&["a", "b", "c", "d", "'e'", "\"f\"", "1"]), prop_oneof![scalar(), document()], 0..3_usize)
        .prop_map(|(key, value, indent)| {
            format!("{}{key}: {}", "  ".repeat(indent), value.trim_end().replace('\n', " "))
        });
    prop_oneof![
        3 => prop::collection::vec(line.clone(), 1..5),
        3 => prop::collection::vec(prop_oneof![2 => entry, 1 => line], 1..6),
    ]
    .prop_flat_map(|lines| (Just(lines), pick(&["\n", "\n", "\n", "\r\n", "\n\n"])))
    .prop_map(|(lines, end)| lines.join(&end) + &end)
    // Keys that are none are read in too many ways.
    .prop_filter("no key", |text| !text.lines().any(|line| line.trim_start().starts_with(['?', ':'])))
}

/// A config with a few mistakes in typing.
fn mistyped() -> impl Strategy<Value = String> {
    const GOOD: &str = "# The portal.
app:
  title: Example App   # shown
  baseUrl: http://localhost:3000
organization: {name: 'My ${COMPANY:-Company}', tags: [a, b]}

backend:
  auth:
    keys:
      - secret: ${BACKEND_SECRET}
      - secret: \"x\\ny\"
  listen:
    port: 7007
  csp:
    connect-src: [\"'self'\", 'http:', 'https:']
  cors:
    methods:
    - GET
    - HEAD
  description: |
    several
      lines
  folded: >-
    one
    two

    three
catalog:
  rules:
    - allow: [Component, System]
      type: &type file
  locations:
    -
      type: *type
      target: ../../a.yaml
";
    let edit = (
        any::<prop::sample::Index>(),
        0..3_u8,
        pick(&[" ", "  ", ":", "-", "'", "\"", "[", "}", ",", "#", "\n", "\t", "&", "x", ""]),
    );
    prop::collection::vec(edit, 1..4)
        .prop_map(|edits| {
            let mut text: Vec<char> = GOOD.chars().collect();
            for (index, remove, insert) in edits {
                let at = index.index(text.len());
                let end = (at + usize::from(remove)).min(text.len());
                text.splice(at..end, insert.chars());
            }
            text.into_iter().collect()
        })
        .prop_filter("no key", |text: &String| {
            let no_key =
                |line: &str| line.trim_start().starts_with(['?', ':']) || line.contains("]:") || line.contains("}:");
            !text.lines().any(no_key)
        })
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        pick(&[
            "0",
            "-0",
            "+12",
            "0123",
            "0o17",
            "0o8",
            "0x1F",
            "0xg",
            "-0x1",
            "1_000",
            "1.",
            ".5",
            "-.5",
            "1.5e3",
            "1e",
            "1e+3",
            "1E-3",
            "12e03",
            ".e1",
            ".inf",
            "-.Inf",
            "+.INF",
            ".nan",
            ".NaN",
            "-.nan",
            "~",
            "null",
            "Null",
            "NULL",
            "nUll",
            "true",
            "True",
            "TRUE",
            "tRue",
            "yes",
            "No",
            "on",
            "OFF",
            "y",
            "2001-12-14",
            "12:30:45",
            "9007199254740993",
            "18446744073709551616",
            "123456789012345678901234567890",
            "0b11",
            "''",
            "\"\"",
            "'it''s'",
            "\"\\u00e9\\x41\\n\"",
            "\"\\ud83d\\ude00\"",
            "!!str 12",
            "!!int '12'",
            "!!int x",
            "!!float 5",
            "!!float 5.0",
            "!!bool yes",
            "!!null x",
            "!!bool 'true'",
            "! 12",
            "!foo bar",
            "&x 1",
            "a b",
            "a#b",
            "a #b",
            "a:b",
            ":a",
            "-a",
            "?a",
            "- a",
            "a,b",
            "http://h/p?q=1#f",
            "<<",
            "=",
            "%x",
            "@x",
            "`x`",
            "*",
            "&",
            "\u{a0}",
            "\u{2028}",
            "1 ",
            "'a\\b'",
            "\"a\\/b\"",
            "\"\\q\"",
            "[",
            "]",
            "{}",
            "[]",
            "[a, b]",
            "[a, ]",
            "{a: 1, }",
            "[a: 1]",
            "{a, b: }",
            "[,]",
            "|",
            ">-",
        ]),
        "[-+.0-9eExo_]{1,8}",
        "[a-z ]{1,6}",
    ]
}

fn includes() -> impl Strategy<Value = Case> {
    let value = prop_oneof![
        8 => pick(&[
            "{$file: text.txt}", "{$file: sub/text.txt}", "{$file: none.txt}", "{$file: '${FILE}'}", "{$file: ${NONE}}",
            "{$env: A}", "{$env: NONE}", "{$env: ' A'}", "{$env: '${NAME}'}", "{$env: 1}", "{$env: A, b: 1}",
            "{$include: one.yaml}", "{$include: 'one.yaml#a'}", "{$include: 'one.yaml#a.b'}", "{$include: 'one.yaml#none'}",
            "{$include: 'one.yaml#a.b.c'}", "{$include: 'one.yaml#none.x'}", "{$include: 'one.yaml#'}", "{$include: two.json}",
            "{$include: 'two.json#x.y'}", "{$include: sub/three.yml}", "{$include: text.txt}", "{$include: none.yaml}",
            "{$include: '${FILE:-one.yaml}'}", "{$include: broken.yaml}", "{$include: broken.json}", "{$include: empty.yaml}",
            "{$include: 'empty.yaml#a'}", "{$include: list.yaml}", "{$include: [one.yaml]}", "{$include: one.yaml, $env: A}",
            "[{$env: A}, {$env: NONE}, {$include: 'two.json#x'}]", "{x: {$include: 'sub/three.yml#up'}}", "{$other: 1}",
        ]),
        1 => reference().prop_map(|text| Value::from(text).to_string()),
    ];
    let root = prop_oneof![
        6 => prop::collection::vec((pick(&["a", "b", "c", "d"]), value.clone()), 1..4)
            .prop_map(|entries| entries.into_iter().collect::<BTreeMap<_, _>>())
            .prop_map(|entries| entries.iter().map(|(key, value)| format!("{key}: {value}\n")).collect::<String>()),
        1 => value,
    ];
    (root, document(), env()).prop_map(|(root, one, mut env)| {
        env.extend([("NAME".into(), "A".into()), ("FILE".into(), "text.txt".into())]);
        with_files(
            [
                ("app-config.yaml", root),
                ("text.txt", "  text ${A} \n\n".into()),
                (
                    "one.yaml",
                    format!(
                        "a: {{b: '${{A}}', c: {{$env: A}}, d: {{$include: sub/three.yml}}}}\none: {}\n",
                        flat(&one)
                    ),
                ),
                ("two.json", r#"{"x": {"y": "${A}", "z": null, "z": [1, {"$file": "text.txt"}]}, "x2": 1.0}"#.into()),
                (
                    "sub/three.yml",
                    "up: {$file: ../text.txt}\nhere: {$file: text.txt}\nnested: {$include: four.json}\n".into(),
                ),
                ("sub/text.txt", "sub\t\n".into()),
                ("sub/four.json", r#"{"$file": "text.txt"}"#.into()),
                ("broken.yaml", "a: [\n".into()),
                ("broken.json", "{a: 1}".into()),
                ("empty.yaml", "# nothing\n".into()),
                ("list.yaml", "- {$env: A}\n- ${NONE}\n- [x]\n".into()),
            ],
            env,
        )
    })
}

/// A document that fits into a line.
fn flat(document: &str) -> String {
    match serde_json::from_str::<Value>(document) {
        Ok(value) => value.to_string(),
        Err(_) => "x".to_owned(),
    }
}

fn variables() -> impl Strategy<Value = Case> {
    let name = pick(&[
        "a",
        "b",
        "a_b",
        "a_b_c",
        "A",
        "a-b",
        "a:b",
        "a-",
        "-a",
        "1a",
        "a1",
        "",
        "_a",
        "a__b",
        "a_1",
        "a.b",
        "APP_CONFIG_a",
        "é",
        "c_x-y",
    ])
    .prop_map(|name| format!("APP_CONFIG_{name}"));
    let value = pick(&[
        "1",
        "x",
        "",
        "null",
        "true",
        "{}",
        "{\"b\": 1}",
        "{\"b\": {\"d\": 2}}",
        "[1]",
        "\"q\"",
        " 5 ",
        "1.0",
        "{a: 1}",
        "[",
        "${A}",
        "01",
        "-0",
        "1e2",
        "9007199254740993",
        "{\"b\": null}",
    ]);
    (document(), prop::collection::vec((name, value), 1..5))
        .prop_map(|(text, env)| with_files([("app-config.yaml", text)], env))
}

fn duration() -> impl Strategy<Value = Value> {
    let number = pick(&["1", "0", "5", "1.5", ".5", "1.", "-1", "100", "0.1", "1,5", "1e3", ""]);
    let unit = pick(&[
        "", "ms", "s", "sec", "seconds", " m", "  Min", "h", "hrs", "d", "day", "w", "weeks", "mo", "month", "y",
        "years", "x", "ms ",
    ]);
    let iso = (
        pick(&["P", "-P", "p", "PT"]),
        prop::collection::vec((number.clone(), pick(&["Y", "M", "W", "D", "T", "H", "S", "TM"])), 0..4),
    );
    let object = prop::collection::vec(
        (
            pick(&["years", "months", "weeks", "days", "hours", "minutes", "seconds", "milliseconds", "minute"]),
            prop_oneof![
                (0..100_i64).prop_map(Value::from),
                pick(&["5", "1.5", "x", "0x10", " 7 "]).prop_map(Value::from)
            ],
        ),
        0..3,
    );
    prop_oneof![
        (number, unit).prop_map(|(number, unit)| (number + &unit).into()),
        iso.prop_map(|(start, parts)| {
            (start + &parts.into_iter().map(|(number, unit)| number + &unit).collect::<String>()).into()
        }),
        object.prop_map(|entries| Value::Object(entries.into_iter().collect())),
        (0..100_i64).prop_map(Value::from),
    ]
    // We know no duration below zero.
    .prop_filter("negative", |value| !value.to_string().contains('-'))
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        pick(&[
            "1", " 5 ", "1.5", "0x1F", "0b101", "0o17", "1e3", "1_000", "x", "Infinity", "inf", "nan", "NaN", ".5",
            "5.", "+5", "-5", "0x", "1 2"
        ])
        .prop_map(Value::from),
        (-1000_i64..1000).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        "[0-9.eE+-]{1,5}".prop_map(Value::from),
    ]
}

fn boolean() -> impl Strategy<Value = Value> {
    prop_oneof![
        pick(&[
            "true", "TRUE", "True", "yes", "Y", "on", "1", "false", "no", "N", "off", "0", " true ", "x", "2", "t",
            "f", "yess", "01"
        ])
        .prop_map(Value::from),
        (-1_i64..3).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
    ]
}
