//! How a crate is set up.

use toml::{Table, Value};

use super::{files, metadata, none_of, read};

const README_IS_DOCS: &str = "#![doc = include_str!(\"../README.md\")]";

/// What `manifest` should take from the workspace and does not.
fn not_inherited(manifest: &Table) -> Vec<String> {
    let mut mistakes = Vec::new();
    let inherits = |value: &Value| value.get("workspace").and_then(Value::as_bool) == Some(true);
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    for table in std::iter::once(manifest).chain(targets.filter_map(Value::as_table)) {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, value) in table.get(kind).and_then(Value::as_table).into_iter().flatten() {
                if !inherits(value) {
                    mistakes.push(format!(
                        "`{name}` stands in the root's [workspace.dependencies]: write `{name}.workspace = true`"
                    ));
                }
            }
        }
    }
    if !manifest.get("lints").is_some_and(inherits) {
        mistakes.push("has lints of its own: write `[lints] workspace = true`".to_owned());
    }
    mistakes
}

/// The crates that stand in `[workspace.dependencies]` under two names.
fn twice(dependencies: &Table) -> Vec<String> {
    let package =
        |name: &String, value: &Value| value.get("package").and_then(Value::as_str).unwrap_or(name).to_owned();
    let mut packages = dependencies.iter().map(|(name, value)| package(name, value)).collect::<Vec<_>>();
    packages.sort();
    packages.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone()).collect()
}

fn manifest(file: &str) -> Table {
    read(file).parse().unwrap()
}

#[test]
fn every_dependency_is_in_the_workspace_once() {
    let root = manifest("Cargo.toml");
    none_of(twice(root["workspace"]["dependencies"].as_table().unwrap()).into_iter().map(|it| format!("`{it}` twice")));
    // A fuzz target needs the nightly compiler and so is outside of the workspace.
    let manifests = files("*/Cargo.toml").into_iter().filter(|file| !file.contains("/fuzz/")).collect::<Vec<_>>();
    assert!(manifests.len() > 8, "hardly any crates were found: {manifests:?}");
    none_of(
        manifests.iter().flat_map(|file| {
            not_inherited(&manifest(file)).into_iter().map(move |mistake| format!("{file}: {mistake}"))
        }),
    );
}

#[test]
fn every_dependency_of_the_workspace_is_used() {
    let root = manifest("Cargo.toml");
    let packages = metadata().packages;
    let used = |name: &str| {
        packages.iter().flat_map(|it| &it.dependencies).any(|it| it.rename.as_deref().unwrap_or(&it.name) == name)
    };
    let dependencies = root["workspace"]["dependencies"].as_table().unwrap();
    let external = dependencies.iter().filter(|(_, value)| value.get("path").is_none());
    none_of(external.filter(|(name, _)| !used(name)).map(|(name, _)| format!("nothing uses `{name}`")));
}

#[test]
fn a_dependency_of_its_own_is_named() {
    let manifest = |text: &str| text.parse::<Table>().unwrap();
    let good = "[dependencies]\na.workspace = true\nb = { workspace = true, features = [] }\n[lints]\nworkspace = true";
    assert_eq!(not_inherited(&manifest(good)), [""; 0]);
    let bad = "[dev-dependencies]\na = '1'\n[target.'cfg(unix)'.dependencies]\nb = { version = '1' }";
    assert_eq!(
        not_inherited(&manifest(bad)),
        [
            "`a` stands in the root's [workspace.dependencies]: write `a.workspace = true`",
            "`b` stands in the root's [workspace.dependencies]: write `b.workspace = true`",
            "has lints of its own: write `[lints] workspace = true`",
        ]
    );
    assert_eq!(twice(&manifest("yaml = { package = 'serde_yaml_ng' }\nserde_yaml_ng = '1'")), ["serde_yaml_ng"]);
}

#[test]
fn the_readme_of_a_library_is_its_documentation() {
    let libraries = metadata().packages.into_iter().filter(|it| it.targets.iter().any(|target| target.is_lib()));
    none_of(libraries.filter_map(|library| {
        let folder = library.manifest_path.parent().unwrap();
        let documented = std::fs::read_to_string(folder.join("src/lib.rs")).unwrap().starts_with(README_IS_DOCS);
        let readme = folder.join("README.md").exists();
        (!documented || !readme).then(|| format!("{}: `src/lib.rs` begins with `{README_IS_DOCS}`", library.name))
    }));
}

/// Whether something may stand at the top of the repository.
fn belongs_at_the_top(name: &str) -> bool {
    const NAMES: [&str; 8] =
        ["Cargo.lock", "Cargo.toml", "README.md", "docs", "examples", "migrations", "packages", "plugins"];
    NAMES.contains(&name) || name.starts_with('.') || (name.starts_with("app-config.") && name.ends_with("yaml"))
}

#[test]
fn the_top_level_is_fixed() {
    let names = files(".").into_iter().filter_map(|file| Some(file.split('/').next()?.to_owned()));
    let mut strange = names.filter(|name| !belongs_at_the_top(name)).collect::<Vec<_>>();
    strange.dedup();
    none_of(strange.into_iter().map(|name| format!("`{name}` has no place at the top level")));
    for (name, belongs) in
        [("app-config.local.yaml", true), (".clippy.toml", true), ("deny.toml", false), ("src", false)]
    {
        assert_eq!(belongs_at_the_top(name), belongs, "{name}");
    }
}
