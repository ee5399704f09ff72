//! Dependencies point down, and never from plugin to plugin.

use cargo_metadata::{DependencyKind, Package};

use super::{metadata, none_of};

/// What a crate that is no plugin may name, of ours. `backend` names plugins, too.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("backend", &["backend-cli", "test-servers"]),
    ("backend-app-api", &["backend-plugin-api", "config"]),
    ("backend-cli", &["backend-app-api", "backend-defaults", "backend-plugin-api", "config", "database-tools"]),
    (
        "backend-defaults",
        &["backend-app-api", "backend-plugin-api", "config", "embedded-postgres", "migrations", "test-servers"],
    ),
    ("backend-plugin-api", &["config"]),
    ("backend-test-utils", &["backend-app-api", "backend-defaults", "backend-plugin-api", "config", "migrations"]),
    ("catalog-model", &[]),
    ("config", &[]),
    (
        "database-tools",
        &["backend-app-api", "backend-defaults", "backend-plugin-api", "config", "migrations", "test-servers"],
    ),
    ("embedded-postgres", &[]),
    ("migrations", &[]),
    ("test-servers", &["embedded-postgres"]),
    ("xtask", &["embedded-postgres", "test-servers"]),
];

/// What opens connections, and the only crates that may have it.
const CONNECTS: &[&str] =
    &["deadpool", "deadpool-postgres", "libsqlite3-sys", "rusqlite", "sea-query-sqlx", "sqlx", "tokio-postgres"];
const CONNECTORS: &[&str] = &["backend-defaults", "database-tools"];

/// A dependency, as the rules see it.
#[derive(Clone, Copy)]
struct Edge<'a> {
    from: &'a str,
    /// Whether `from` stands in `plugins/`.
    from_plugin: bool,
    to: &'a str,
    to_plugin: bool,
    /// Whether it is for tests alone.
    dev: bool,
}

/// The rule that it breaks.
fn broken_rule(edge: Edge<'_>) -> Option<String> {
    let Edge { from, to, .. } = edge;
    if CONNECTS.contains(&to) {
        return (!CONNECTORS.contains(&from))
            .then(|| format!("only `{}` have connections", CONNECTORS.join("` and `")));
    }
    let shared = to.ends_with("-model") || (edge.to_plugin && to.ends_with("-api"));
    if edge.from_plugin {
        let allowed = shared || to == "backend-plugin-api" || (edge.dev && to == "backend-test-utils");
        let rule = "a plugin names `backend-plugin-api`, `-api` and `-model` crates, and `backend-test-utils` in tests";
        return (!allowed).then(|| rule.to_owned());
    }
    if edge.to_plugin {
        return (from != "backend").then(|| "only `backend` names plugins".to_owned());
    }
    match MAY_NAME.iter().find(|(name, _)| *name == from) {
        Some((_, may_name)) if may_name.contains(&to) => None,
        Some((_, [])) => Some(format!("`{from}` names no other crate of ours")),
        Some((_, may_name)) => Some(format!("of ours, `{from}` names only `{}`", may_name.join("`, `"))),
        None => Some(format!("`{from}` is new: add to `MAY_NAME` what it may name")),
    }
}

#[test]
fn dependencies_point_down() {
    let packages = metadata().packages;
    let in_plugins = |package: &Package| package.manifest_path.as_str().contains("/plugins/");
    let is_plugin = |name: &str| packages.iter().any(|it| it.name == name && in_plugins(it));
    let (mut edges, mut mistakes) = (0, Vec::new());
    for package in &packages {
        for it in &package.dependencies {
            let (from, to) = (package.name.as_str(), it.name.as_str());
            if it.path.is_none() && !CONNECTS.contains(&to) {
                continue;
            }
            let dev = it.kind == DependencyKind::Development;
            let edge = Edge { from, from_plugin: is_plugin(from), to, to_plugin: is_plugin(to), dev };
            mistakes.extend(broken_rule(edge).map(|rule| format!("{from} -> {to}: {rule}")));
            edges += 1;
        }
    }
    assert!(edges > 15, "hardly any dependencies were found: {edges}");
    none_of(mistakes);
}

#[test]
fn an_edge_against_the_direction_is_named_with_its_rule() {
    let plugins = ["catalog", "catalog-api", "catalog-module-github", "todo"];
    let check = |from, to, dev| {
        let is_plugin = |name| plugins.contains(&name);
        broken_rule(Edge { from, from_plugin: is_plugin(from), to, to_plugin: is_plugin(to), dev })
    };
    for (from, to) in [
        ("backend", "todo"),
        ("catalog", "backend-plugin-api"),
        ("catalog", "catalog-api"),
        ("catalog-module-github", "catalog-api"),
        ("catalog-api", "catalog-model"),
        ("backend-defaults", "sqlx"),
    ] {
        assert_eq!(check(from, to, false), None, "{from} -> {to}");
    }
    assert_eq!(check("todo", "backend-test-utils", true), None);

    let broken = |from, to| check(from, to, false).unwrap();
    let plugin_rule =
        "a plugin names `backend-plugin-api`, `-api` and `-model` crates, and `backend-test-utils` in tests";
    assert_eq!(broken("todo", "catalog"), plugin_rule);
    assert_eq!(broken("catalog-module-github", "catalog"), plugin_rule);
    assert_eq!(broken("todo", "backend-test-utils"), plugin_rule);
    assert_eq!(broken("todo", "backend-app-api"), plugin_rule);
    assert_eq!(broken("todo", "config"), plugin_rule);
    assert_eq!(broken("backend-cli", "todo"), "only `backend` names plugins");
    assert_eq!(broken("backend-defaults", "catalog-api"), "only `backend` names plugins");
    assert_eq!(broken("config", "backend-plugin-api"), "`config` names no other crate of ours");
    assert_eq!(broken("backend-plugin-api", "backend-app-api"), "of ours, `backend-plugin-api` names only `config`");
    assert_eq!(
        broken("backend-app-api", "backend-defaults"),
        "of ours, `backend-app-api` names only `backend-plugin-api`, `config`"
    );
    assert_eq!(broken("todo", "sqlx"), "only `backend-defaults` and `database-tools` have connections");
    assert_eq!(broken("brand-new", "config"), "`brand-new` is new: add to `MAY_NAME` what it may name");
}
