//! Checks the config: each section by all who read it, and what nobody reads.

use std::collections::BTreeMap;

use backend_plugin_api::host::{ConfigNeed, Factory};
use backend_plugin_api::{CheckContext, ConfigError, Needs, PluginId};
use config::{Config, ConfigErrors, Usage};
use serde::de::IgnoredAny;

use crate::backend::ConfigCheck;
use crate::check::needs_database;
use crate::warning::{CheckOptions, ConfigWarning, WarningKind};
use crate::{Backend, ConfigSchema, Visibility};

/// All that checks a config: who reads which section, and how.
pub struct ConfigChecker {
    needs: Vec<(&'static str, ConfigNeed)>,
    checks: Vec<ConfigCheck>,
    schema: ConfigSchema,
    plugins: Vec<PluginId>,
    databases: Vec<PluginId>,
    modules: Vec<(PluginId, &'static str)>,
}

/// What is wrong with a config.
pub(crate) struct Checked {
    pub(crate) errors: Vec<ConfigError>,
    pub(crate) warnings: Vec<ConfigWarning>,
}

impl ConfigChecker {
    /// For what was added to the backend, with all its factories. Takes the backend's checks.
    pub(crate) fn new<'a>(backend: &mut Backend, factories: impl Iterator<Item = &'a Factory>) -> Self {
        let needs = needs(backend, factories);
        Self {
            schema: schema(backend, &needs),
            needs,
            checks: std::mem::take(&mut backend.config_checks),
            plugins: backend.plugins.iter().map(|it| it.id).collect(),
            databases: backend.plugins.iter().filter(|it| needs_database(&it.needs)).map(|it| it.id).collect(),
            modules: backend.modules.iter().map(|it| (it.extends.plugin, it.id)).collect(),
        }
    }

    /// What the config may have.
    pub fn schema(&self) -> &ConfigSchema {
        &self.schema
    }

    /// Whether a backend would start with another config.
    ///
    /// # Errors
    /// Every mistake there is.
    pub fn check(&self, config: &Config) -> Result<(), ConfigErrors> {
        let errors = self.check_with(config, CheckOptions::default()).errors;
        if errors.is_empty() { Ok(()) } else { Err(errors.into()) }
    }

    /// Reads every section as everybody who asked for it would.
    pub(crate) fn check_with(&self, config: &Config, options: CheckOptions) -> Checked {
        let Self { plugins, databases, modules, .. } = self;
        let cx = CheckContext { config, plugins, databases, modules };
        let mut errors = Vec::new();
        let mut usages: BTreeMap<&str, Vec<Usage>> = plugins.iter().map(|it| (it.as_str(), Vec::new())).collect();
        for (key, need) in &self.needs {
            let (found, usage) = (need.check)(key, &cx);
            errors.extend(found);
            usages.entry(key).or_default().push(usage);
        }
        errors.extend(self.checks.iter().flat_map(|check| check(&cx)));
        errors.extend(config.read::<BTreeMap<String, IgnoredAny>>("backend").err().into_iter().flatten());
        let sections = Sections { config, schema: &self.schema, usages: &usages };
        errors.extend(sections.unknown_sections());
        let warnings = sections.warnings(&errors);
        Checked { errors, warnings }.with(options, config, &self.schema)
    }
}

/// The schema of all sections that something asks for, and of what others read.
pub(crate) fn schema(backend: &Backend, needs: &[(&'static str, ConfigNeed)]) -> ConfigSchema {
    let mut schema = ConfigSchema::new();
    needs.iter().for_each(|(key, need)| schema.add(key, (need.schema)().to_value()));
    backend.described.iter().for_each(|(key, described)| schema.add(key, described.clone()));
    schema
}

/// Every section that something asks for, by key.
pub(crate) fn needs<'a>(
    backend: &Backend,
    factories: impl Iterator<Item = &'a Factory>,
) -> Vec<(&'static str, ConfigNeed)> {
    let keyed = |plugin: &'static str, needs: &Needs| {
        let needs = needs.configs().iter().map(|need| (need.key.unwrap_or(plugin), *need));
        needs.collect::<Vec<_>>()
    };
    let mut all: Vec<_> = backend.sections.iter().filter_map(|need| Some((need.key?, *need))).collect();
    // A factory of plugins' services reads root sections alone: whose section else?
    let mut root: Vec<_> =
        factories.flat_map(|it| it.needs.configs()).filter_map(|need| Some((need.key?, *need))).collect();
    // Factories come in no order.
    root.sort_by_key(|(key, _)| *key);
    all.extend(root);
    all.extend(backend.plugins.iter().flat_map(|it| keyed(it.id.as_str(), &it.needs)));
    all.extend(backend.modules.iter().flat_map(|it| keyed(it.extends.plugin.as_str(), &it.needs)));
    all
}

impl Checked {
    /// Makes errors of warnings, or nothing of either, as was asked for.
    fn with(mut self, options: CheckOptions, config: &Config, schema: &ConfigSchema) -> Self {
        let unset = config.unset_variables();
        let counts = |error: &ConfigError| {
            let of_frontend = || schema.at(error.key()).is_some_and(|it| it.visibility == Visibility::Frontend);
            let is_unset = || unset.iter().any(|it| it.key() == error.key());
            !(options.lax && is_unset()) && (!options.frontend || of_frontend())
        };
        self.errors.retain(&counts);
        self.warnings.retain(|it| counts(&it.what));
        if options.strict {
            let mistakes = self.warnings.extract_if(.., |it| it.kind != WarningKind::Unused);
            self.errors.extend(mistakes.map(|it| it.what));
        }
        // In the order of the files.
        let places: ConfigErrors = self.warnings.iter().map(|it| it.what.clone()).collect();
        self.warnings.sort_by_key(|it| places.iter().position(|place| *place == it.what));
        self
    }
}

struct Sections<'a> {
    config: &'a Config,
    schema: &'a ConfigSchema,
    /// What the readers of each section know.
    usages: &'a BTreeMap<&'a str, Vec<Usage>>,
}

impl Sections<'_> {
    /// What is not wrong by itself; `errors` are told already.
    fn warnings(&self, errors: &[ConfigError]) -> Vec<ConfigWarning> {
        let unread = self.unread_sections().chain(self.unread_keys()).collect::<Vec<_>>();
        let unset = self.config.unset_variables().into_iter().filter(|error| {
            let told = errors.iter().any(|it| is_at_or_below(error.key(), it.key()));
            !told && !unread.iter().any(|it| is_at_or_below(error.key(), it.key()))
        });
        let warning = |kind| move |what| ConfigWarning { kind, what };
        let unset = unset.map(warning(WarningKind::Unset)).collect::<Vec<_>>();
        let unread = unread.into_iter().map(warning(WarningKind::Unread));
        unset
            .into_iter()
            .chain(unread)
            .chain(self.unused_keys().into_iter().map(warning(WarningKind::Unused)))
            .collect()
    }

    /// Sections of plugins that are not there: a plugin is missing, or its name is misspelt. Neither
    /// is what whoever wrote it wanted to run.
    fn unknown_sections(&self) -> impl Iterator<Item = ConfigError> {
        let unknown = self.config.keys("").into_iter().filter(|key| key != "backend" && !self.is_known(key));
        unknown.map(|key| self.config.error(&key, self.unread(&key)))
    }

    /// Keys right below `backend` that nobody reads.
    fn unread_sections(&self) -> impl Iterator<Item = ConfigError> {
        let unread = self.config.keys("backend").into_iter().filter(|key| !self.is_known(key));
        unread.map(|key| self.config.error(&key, self.unread(&key)))
    }

    /// Keys in sections that none of the section's readers knows.
    fn unread_keys(&self) -> impl Iterator<Item = ConfigError> {
        let unread = self.usages.iter().flat_map(|(key, usages)| self.config.unknown_keys(key, usages));
        unread.filter(|error| self.schema.at(error.key()).is_none())
    }

    /// Keys of Backstage's that have no effect here.
    fn unused_keys(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        self.schema.walk(&self.config.to_json(), &mut |key, _, schema| {
            if let Some(reason) = schema.and_then(|it| it.unused.as_ref()) {
                errors.push(self.config.error(key, format!("has no effect: {reason}")));
            }
        });
        errors
    }

    fn is_known(&self, key: &str) -> bool {
        self.usages.keys().any(|it| is_at_or_below(it, key)) || self.schema.at(key).is_some()
    }

    fn unread(&self, key: &str) -> String {
        let who = if key.starts_with("backend.") { "nothing" } else { "no plugin of this backend" };
        let names = |schema: &serde_json::Value, prefix: &str| {
            let names = schema["properties"].as_object().into_iter().flat_map(|it| it.keys());
            names.map(|name| format!("{prefix}{name}")).collect::<Vec<_>>()
        };
        let schema = self.schema.as_json();
        let known = match key.starts_with("backend.") {
            true => names(&schema["properties"]["backend"], "backend."),
            false => names(schema, ""),
        };
        let known = known.iter().map(String::as_str).chain(self.usages.keys().copied());
        let near = did_you_mean(key, known);
        format!("{who} reads this{}", if near.is_empty() { "; remove it, or add what reads it" } else { &near })
    }
}

/// Whether `key` is `section` or inside it.
fn is_at_or_below(key: &str, section: &str) -> bool {
    key.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// "; did you mean `x`?", if one of `candidates` is near.
pub(crate) fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let near = candidates.into_iter().map(|it| (strsim::damerau_levenshtein(it, name), it)).min();
    let near = near.filter(|(distance, _)| *distance <= 2);
    near.map(|(_, it)| format!("; did you mean `{it}`?")).unwrap_or_default()
}
