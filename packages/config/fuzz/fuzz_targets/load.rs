//! Loads whatever there is: a config, a file to include and a dotenv file, with a zero byte between them.
#![no_main]

use std::collections::BTreeMap;

use config::{Config, Sources};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut parts = data.split(|byte| *byte == 0);
    let (main, included, env_file) = (parts.next(), parts.next(), parts.next());
    let env = |name: &str| (name.len() == 1).then(|| format!("{name}1"));
    let variables = parts.filter_map(|part| {
        let (name, value) = std::str::from_utf8(part).ok()?.split_once('=')?;
        Some((format!("APP_CONFIG_{name}"), value.to_owned()))
    });
    let loaded = if included.is_none() {
        // Without files this is a hundred times as fast.
        let text = String::from_utf8_lossy(main.unwrap_or_default()).into_owned();
        let sources = Sources::targets(["https://config.example/"]).with_fetch(move |_| Ok(text.clone()));
        Config::load(&sources, &env)
    } else {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let write = |name: &str, bytes: Option<&[u8]>| {
            let path = directory.path().join(name);
            std::fs::write(&path, bytes.unwrap_or_default()).expect("a file");
            path
        };
        write("app-config.yaml", main);
        write("a.yaml", included);
        write("a.json", included);
        let env_file = write(".env", env_file);
        let sources = Sources::in_directory(directory.path()).with_variables(variables).with_env_files([env_file]);
        Config::load(&sources, &env)
    };
    match loaded {
        Ok(config) => {
            let _ = config.read::<serde_json::Value>("");
            let _ = config.read::<BTreeMap<String, BTreeMap<String, bool>>>("").map_err(|errors| errors.report(true));
            for key in config.keys("") {
                let _ = config.explain(&key);
            }
            let _ = (config.masked_json(), config.secrets(), config.unset_variables());
            assert!(config.changed_keys(&config).is_empty());
        }
        Err(errors) => assert!(!errors.report(false).is_empty()),
    }
});
