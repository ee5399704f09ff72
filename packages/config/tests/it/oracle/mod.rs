//! Backstage's own loader as the judge.
//!
//! `tests/oracle/*.jsonl` has cases with its answers, which ours have to equal. With `CONFIG_ORACLE` set to a folder
//! that has the packages `answers.mjs` names, it is asked again: about these cases, and about fresh ones.
//! `CONFIG_ORACLE_WRITE=1` then writes its answers, and new generated cases.

mod generate;

use std::{
    collections::BTreeMap,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use config::{Config, ConfigErrors, HumanDuration, Sources};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle");
const FILES: [&str; 2] = ["handwritten.jsonl", "generated.jsonl"];

/// What to load or to read, and what comes of it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Case {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    files: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    env: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    targets: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duration: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    boolean: Option<Value>,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    answer: Value,
}

impl Case {
    fn answered(&self) -> Value {
        if let Some(files) = &self.files {
            return self.load(files);
        }
        let value = [&self.duration, &self.number, &self.boolean].into_iter().flatten().next().unwrap();
        let config = Config::from_json(json!({"it": value}));
        let read = match self {
            Self { duration: Some(_), .. } => {
                config.read::<HumanDuration>("it").map(|it| json!(it.get().as_secs_f64() * 1000.0))
            }
            Self { number: Some(_), .. } => config.read::<f64>("it").map(Value::from),
            _ => config.read::<bool>("it").map(Value::from),
        };
        read.map_or_else(|_| json!({"error": "value"}), |value| json!({"value": value}))
    }

    fn load(&self, files: &BTreeMap<String, String>) -> Value {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let sources = match self.targets.as_slice() {
            [] => Sources::in_directory(directory.path()),
            targets => Sources::files(targets.iter().map(|target| directory.path().join(target))),
        };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let variables = self.env.iter().map(|(name, value)| (name.clone(), text(value)));
        match Config::load(&sources.with_variables(variables), &|name| self.env.get(name).map(text)) {
            Ok(config) => json!({"config": config.to_json()}),
            Err(errors) => json!({"error": self.kinds(&errors)}),
        }
    }

    /// What the mistakes are called by `answers.mjs`.
    fn kinds(&self, errors: &ConfigErrors) -> Vec<&'static str> {
        let top = |file: &str| {
            let name = Path::new(file).file_name().unwrap().to_str().unwrap();
            name.starts_with("app-config") || self.targets.iter().any(|target| file.ends_with(target.as_str()))
        };
        let syntax = ["is not valid YAML", "is there twice", "holds more than one"];
        let kind = |error: &config::ConfigError| match error.origin().unwrap() {
            origin if origin.variable().is_some() => "variable",
            _ if error.message().starts_with("expected an object with sections") => "root",
            origin if origin.line() == 0 && error.key().is_empty() => "file",
            origin if !top(origin.file().unwrap()) => "include",
            _ if syntax.iter().any(|start| error.message().starts_with(start)) => "yaml",
            _ => "include",
        };
        errors.iter().map(kind).collect()
    }
}

/// Whether ours is right: numbers are compared as numbers, and of our mistakes one has to be the oracle's.
fn agree(ours: &Value, oracle: &Value) -> bool {
    match (ours, oracle) {
        (Value::Number(ours), Value::Number(oracle)) => {
            let (ours, oracle) = (ours.as_f64().unwrap(), oracle.as_f64().unwrap());
            (ours - oracle).abs() <= oracle.abs() * 1e-9
        }
        (Value::Array(ours), Value::Array(oracle)) => {
            ours.len() == oracle.len() && ours.iter().zip(oracle).all(|(ours, oracle)| agree(ours, oracle))
        }
        (Value::Object(ours), Value::Object(oracle)) => {
            let same = |(name, ours): (&String, &Value)| match (name.as_str(), ours, oracle.get(name)) {
                // What is no YAML to one may be a text to the other, which is no config.
                ("error", Value::Array(kinds), Some(kind)) => {
                    kinds.contains(kind) || (kind == "yaml" && kinds.contains(&"root".into()))
                }
                (_, ours, Some(oracle)) => agree(ours, oracle),
                _ => false,
            };
            ours.len() == oracle.len() && ours.iter().all(same)
        }
        (ours, oracle) => ours == oracle,
    }
}

fn read(file: &str) -> Vec<Case> {
    let text = std::fs::read_to_string(Path::new(FOLDER).join(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn disagreements<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Vec<String> {
    let wrong = cases.into_iter().filter_map(|case| {
        let ours = case.answered();
        let question = serde_json::to_string(&Case { answer: Value::Null, ..case.clone() }).unwrap();
        (!agree(&ours, &case.answer)).then(|| format!("{question}\n  oracle: {}\n  ours:   {ours}\n", case.answer))
    });
    wrong.collect()
}

#[track_caller]
fn none_of(disagreements: &[String]) {
    assert!(disagreements.is_empty(), "{} disagree:\n{}", disagreements.len(), disagreements.join("\n"));
}

#[test]
fn every_case_agrees_with_backstage() {
    let cases: Vec<_> = FILES.into_iter().flat_map(read).collect();
    assert!(cases.len() >= 300, "only {} cases", cases.len());
    none_of(&disagreements(&cases));
}

#[test]
fn the_oracle_itself_agrees() {
    let Ok(packages) = std::env::var("CONFIG_ORACLE") else { return };
    let write = std::env::var_os("CONFIG_ORACLE_WRITE").is_some();
    let mut wrong = Vec::new();
    for file in FILES {
        let mut cases = if write && file == "generated.jsonl" { generate::cases(0, 400) } else { read(file) };
        let answers = ask(&packages, &cases);
        for (case, answer) in cases.iter_mut().zip(answers) {
            let known = std::mem::replace(&mut case.answer, answer);
            if !write && known != case.answer {
                wrong.push(format!("{}\n  was: {known}", serde_json::to_string(case).unwrap()));
            }
        }
        if write {
            let lines: String = cases.iter().map(|case| serde_json::to_string(case).unwrap() + "\n").collect();
            std::fs::write(Path::new(FOLDER).join(file), lines).unwrap();
        }
        wrong.extend(disagreements(&cases));
    }
    let count = std::env::var("CONFIG_ORACLE_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(2000);
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let mut fresh = generate::cases(seed, count);
    let answers = ask(&packages, &fresh);
    fresh.iter_mut().zip(answers).for_each(|(case, answer)| case.answer = answer);
    wrong.extend(disagreements(&fresh));
    none_of(&wrong);
}

/// The oracle's answers.
fn ask(packages: &str, cases: &[Case]) -> Vec<Value> {
    let mut command = Command::new("node");
    command.arg(Path::new(FOLDER).join("answers.mjs")).arg(packages).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut node = command.spawn().unwrap();
    let mut input = node.stdin.take().unwrap();
    let questions: String = cases.iter().map(|case| serde_json::to_string(case).unwrap() + "\n").collect();
    let writer = std::thread::spawn(move || input.write_all(questions.as_bytes()).unwrap());
    let output = node.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "node failed: {}", output.status);
    let answers: Vec<_> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), cases.len());
    answers
}
