//! The crate as its users see it: files in, typed sections and messages out.
#![expect(clippy::unwrap_used, reason = "tests")]

mod explain;
mod load;
mod oracle;
mod property;
mod read;
mod report;
mod sources;
mod watch;

use std::path::Path;

use config::{Config, ConfigErrors, Sources};

/// Writes the files into a directory of their own and loads it.
fn load_files(files: &[(&str, &str)], env: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    load_sources(&Sources::in_directory(directory.path()), env)
}

fn load_sources(sources: &Sources, env: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let env = |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Config::load(sources, &env)
}

fn load(text: &str) -> Config {
    load_with(text, &[])
}

fn load_with(text: &str, env: &[(&str, &str)]) -> Config {
    load_files(&[("app-config.yaml", text)], env).unwrap()
}

fn load_error(text: &str) -> String {
    short(load_files(&[("app-config.yaml", text)], &[]).unwrap_err())
}

/// Texts without the name of the temporary directory.
fn short(text: impl ToString) -> String {
    let text = text.to_string();
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("/tmp") {
        let end = rest[at..].find("app-config").map_or(rest.len(), |end| at + end);
        let end = rest[at..end].find('`').map_or(end, |tick| at + tick);
        out.push_str(&rest[..at]);
        rest = &rest[end..];
    }
    out + rest
}

fn write(directory: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path
}
