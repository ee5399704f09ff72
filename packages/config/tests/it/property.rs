use std::collections::BTreeMap;

use config::{Config, ConfigErrors, Sources};
use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::{load_files, load_sources};

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (-(1_i64 << 53)..1 << 53).prop_map(Value::from),
        (-1e9_f64..1e9).prop_map(Value::from),
        "[^$]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("[a-zA-Z0-9 .\\[\"]{0,8}", inner), 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn no_text_breaks_the_loader(text in "[ \n\t\\-:{}\\[\\]'\"#&*!|>%@,?a-z0-9$\u{feff}é]{0,80}|\\PC{0,60}") {
        let files = [("app-config.yaml", text.as_str()), ("a.yaml", text.as_str())];
        check(load_files(&files, &[("a", "1"), ("BACKSTAGE_ENV", "a")]));
    }

    #[test]
    fn no_include_breaks_the_loader(
        entries in prop::collection::vec(("[a-c]", "[$](file|include|env): (a|b|app-config)[.](yaml|json)(#[a-c])?"), 1..4),
        included in "([a-c]: (1|[{][$]include: (a|b).yaml[}]|[$][{]a[}]|[&]x [a-c]|[*]x)\n){0,4}",
        env in "[A-Za-z=\"' \n#$]{0,30}",
    ) {
        let main: String = entries.iter().map(|(key, include)| format!("{key}: {{{include}}}\n")).collect();
        let directory = tempfile::tempdir().unwrap();
        for name in ["a.yaml", "b.yaml", "a.json"] {
            crate::write(directory.path(), name, &included);
        }
        crate::write(directory.path(), "app-config.yaml", &main);
        let env_file = crate::write(directory.path(), ".env", &env);
        check(load_sources(&Sources::in_directory(directory.path()).with_env_files([env_file]), &[("a", "1")]));
    }

    #[test]
    fn json_written_as_yaml_reads_back(entries in prop::collection::vec(("[a-z]{1,6}", json()), 0..5)) {
        let value = Value::Object(entries.into_iter().collect());
        let config = load_files(&[("app-config.yaml", &escape(&value.to_string()))], &[]).unwrap();
        prop_assert_eq!(&config.to_json(), &value);
        let read: Value = config.read("").unwrap();
        prop_assert_eq!(read, value);
    }
}

/// Asks for all there is to know.
fn check(loaded: Result<Config, ConfigErrors>) {
    match loaded {
        Ok(config) => {
            let _ = config.unset_variables();
            let _ = config.read::<BTreeMap<String, Vec<u8>>>("").map_err(|errors| errors.report(true));
            for key in config.keys("") {
                assert_eq!(config.explain(&key).key, key);
            }
            assert!(config.changed_keys(&config).is_empty());
            let masked = Config::from_json(config.masked_json());
            assert_eq!(masked.keys(""), config.keys(""));
        }
        Err(errors) => assert!(!errors.report(false).is_empty()),
    }
}

/// JSON is YAML but for the characters that YAML does not allow as they are.
fn escape(json: &str) -> String {
    json.chars()
        .map(|c| if c.is_ascii_graphic() || c == ' ' { c.to_string() } else { format!("\\U{:08x}", u32::from(c)) })
        .collect()
}
