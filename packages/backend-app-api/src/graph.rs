//! The graph of services: what each needs, and whether that can be had.

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use backend_plugin_api::Needs;
use backend_plugin_api::host::{Factory, ModuleFeature, PluginFeature, ServiceKey};

use crate::WiringError;

/// Adds default factories for what is needed and was not given; reports what has none.
pub(crate) fn add_defaults(
    factories: &mut HashMap<TypeId, Factory>,
    plugins: &[PluginFeature],
    modules: &[ModuleFeature],
) -> Vec<WiringError> {
    let mut queue: Vec<(String, ServiceKey)> = Vec::new();
    let mut ask = |by: String, needs: &Needs| queue.extend(needs.services().iter().map(|key| (by.clone(), *key)));
    plugins.iter().for_each(|it| ask(format!("plugin `{}`", it.id), &it.needs));
    modules.iter().for_each(|it| ask(format!("module `{}`", it.id), &it.needs));
    factories.values().for_each(|it| ask(format!("service `{}`", it.service.id), &it.needs));

    let mut missing: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    while let Some((by, key)) = queue.pop() {
        if factories.contains_key(&key.type_id) {
            continue;
        }
        match (key.default_factory)() {
            Some(factory) => {
                let by = format!("service `{}`", key.id);
                queue.extend(factory.needs.services().iter().map(|need| (by.clone(), *need)));
                factories.insert(key.type_id, factory);
            }
            None => {
                missing.entry(key.id).or_default().insert(by);
            }
        }
    }
    let missing = missing.into_iter().map(|(service, by)| WiringError::MissingService {
        service,
        needed_by: by.into_iter().collect::<Vec<_>>().join(", "),
    });
    missing.collect()
}

/// One cycle, if there is any: `a -> b -> a`.
pub(crate) fn find_cycle(factories: &HashMap<TypeId, Factory>) -> Option<Vec<&'static str>> {
    let mut all: Vec<_> = factories.values().collect();
    all.sort_by_key(|factory| factory.service.id);
    let mut done = HashSet::new();
    all.into_iter().find_map(|factory| visit(factory, factories, &mut Vec::new(), &mut done))
}

fn visit(
    factory: &Factory,
    factories: &HashMap<TypeId, Factory>,
    path: &mut Vec<ServiceKey>,
    done: &mut HashSet<TypeId>,
) -> Option<Vec<&'static str>> {
    let key = factory.service;
    if let Some(start) = path.iter().position(|it| it.type_id == key.type_id) {
        return Some(path[start..].iter().chain([&key]).map(|it| it.id).collect());
    }
    if !done.insert(key.type_id) {
        return None;
    }
    path.push(key);
    let mut needed = factory.needs.services().iter().filter_map(|need| factories.get(&need.type_id));
    let cycle = needed.find_map(|it| visit(it, factories, path, done));
    path.pop();
    cycle
}
