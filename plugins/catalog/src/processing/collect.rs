use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use backend_plugin_api::Located;
use catalog_model::{Entity, EntityRef, LocationRef, Mistake};

use super::rules::{self, Rules};
use crate::config::CatalogConfig;
use crate::locations::yaml::Document;
use crate::locations::{ReadFile, files, generated_name};
use crate::problem::{Place, Problem};

/// How many files are read in all.
const MAX_FILES: usize = 100_000;

/// All that the configured locations lead to.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) entities: BTreeMap<EntityRef, Found>,
    pub(crate) references: BTreeSet<Reference>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) files: usize,
}

/// An entity and where it stands.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) entity: Entity,
    pub(crate) location: LocationRef,
    /// Without one it was made for a location of the config.
    place: Option<Place>,
}

impl Found {
    /// One that stands in no file.
    pub(crate) fn new(entity: Entity, location: LocationRef) -> Self {
        Self { entity, location, place: None }
    }
}

/// What led to an entity. It stays while something does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    pub(crate) source: Source,
    pub(crate) target: EntityRef,
}

/// See [`Reference`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// `catalog.locations`.
    Config,
    /// A location entity.
    Entity(EntityRef),
}

/// Reads all that the config names. Blocks: not for the runtime's threads.
pub(crate) fn collect(config: &CatalogConfig, working_directory: &Path) -> Collected {
    let rules = Rules::new(config, working_directory);
    let mut collector = Collector {
        rules,
        working_directory,
        pending: VecDeque::new(),
        seen: HashSet::new(),
        all: Collected::default(),
    };
    for (index, location) in config.locations.iter().enumerate() {
        let configured = rules::configured(&location.r#type, &location.target, working_directory);
        let key = format!("`catalog.locations[{index}].target`");
        let at = location.target.place().map_or_else(|| key.clone(), |place| format!("{place} {key}"));
        collector.configured(configured, &location.target, at);
    }
    while let Some(pending) = collector.pending.pop_front() {
        collector.read(&pending);
    }
    collector.all
}

/// A location that was named and is still to be read.
struct Pending {
    kind: String,
    folder: PathBuf,
    target: String,
    /// The location of the config that led here.
    origin: Arc<LocationRef>,
    /// The location entity that names it.
    parent: EntityRef,
    optional: bool,
    /// Where it is named.
    at: String,
}

struct Collector<'a> {
    rules: Rules,
    working_directory: &'a Path,
    pending: VecDeque<Pending>,
    seen: HashSet<(PathBuf, Arc<LocationRef>)>,
    all: Collected,
}

impl Collector<'_> {
    /// Backstage: `ConfigLocationEntityProvider` makes an entity of each location of the config.
    fn configured(&mut self, location: LocationRef, target: &Located<String>, at: String) {
        let mut entity = match Entity::location(&generated_name(&location), &location) {
            Ok(entity) => entity,
            Err(mistakes) => return self.all.problems.extend(mistakes.iter().map(|it| Problem::new(&at, it))),
        };
        entity.set_location(&location, &location);
        let parent = entity.entity_ref().clone();
        self.all.references.insert(Reference { source: Source::Config, target: parent.clone() });
        let kind = location.kind.clone();
        let origin = Arc::new(location.clone());
        self.all.entities.entry(parent.clone()).or_insert_with(|| Found::new(entity, location));
        let folder = self.working_directory.join(target.directory());
        self.pending.push_back(Pending {
            kind,
            folder,
            target: target.get().clone(),
            origin,
            parent,
            optional: false,
            at,
        });
    }

    fn read(&mut self, pending: &Pending) {
        if pending.kind != "file" {
            let message =
                format!("locations of type `{}` are not supported yet; `{}` is left out", pending.kind, pending.target);
            return self.problem(&pending.at, message);
        }
        let paths = match files::matching(&pending.folder, &pending.target) {
            Ok(paths) => paths,
            Err(files::FilesError::Missing(_) | files::FilesError::NoMatch(_)) if pending.optional => return,
            Err(error) => return self.problem(&pending.at, error),
        };
        for path in paths {
            if !self.seen.insert((path.clone(), Arc::clone(&pending.origin))) {
                continue;
            }
            self.all.files += 1;
            if self.all.files > MAX_FILES {
                return self
                    .problem(&pending.at, format!("{} is left out: {MAX_FILES} files were read", path.display()));
            }
            match ReadFile::read(&path, self.working_directory) {
                Ok(file) => self.file(&file, pending),
                Err(error) => self.problem(&pending.at, error),
            }
        }
    }

    fn file(&mut self, file: &ReadFile, pending: &Pending) {
        for document in file.documents() {
            let added =
                document.and_then(|document| Ok((document, document.value().map_err(|it| file.yaml_problem(&it))?)));
            let (document, value) = match added {
                Ok(read) => read,
                Err(problem) => {
                    self.all.problems.push(problem);
                    continue;
                }
            };
            match Entity::parse(value) {
                Ok(entity) => self.entity(entity, document, file, pending),
                Err(mistakes) => {
                    let problem = |it: &Mistake| Problem::new(file.place(document.position(it.path.segments())), it);
                    self.all.problems.extend(mistakes.iter().map(problem));
                }
            }
        }
    }

    fn entity(&mut self, mut entity: Entity, document: &Document, file: &ReadFile, pending: &Pending) {
        let entity_ref = entity.entity_ref().clone();
        let kind = entity_ref.kind();
        if !self.rules.allow(kind, &pending.origin) {
            let at = file.place(document.position(&["kind".to_owned()]));
            let message =
                format!("{entity_ref} is not of a kind that `catalog.rules` allows here; add `- allow: [{kind}]`");
            return self.problem(at, message);
        }
        let place = file.place(document.position(&[]));
        if let Some(first) = self.all.entities.get(&entity_ref).filter(|it| it.place.as_ref() != Some(&place)) {
            let first = first.place.as_ref().map_or_else(|| first.location.to_string(), Place::to_string);
            return self.problem(place, format!("{entity_ref} is already at {first}; this one is left out"));
        }
        self.all
            .references
            .insert(Reference { source: Source::Entity(pending.parent.clone()), target: entity_ref.clone() });
        if kind == "Location" {
            self.locations(&entity, document, file, pending);
        }
        entity.set_location(&file.location, &pending.origin);
        let found = Found { entity, location: file.location.clone(), place: Some(place) };
        self.all.entities.entry(entity_ref).or_insert(found);
    }

    /// Backstage: `LocationEntityProcessor`.
    fn locations(&mut self, entity: &Entity, document: &Document, file: &ReadFile, pending: &Pending) {
        let kind = entity.text(&["spec", "type"]).unwrap_or(&file.location.kind);
        let optional = entity.text(&["spec", "presence"]) == Some("optional");
        let mut named = vec![];
        if let Some(target) = entity.text(&["spec", "target"]) {
            named.push((vec!["spec".to_owned(), "target".to_owned()], target));
        }
        let targets = entity.get(&["spec", "targets"]).and_then(|it| it.as_array()).into_iter().flatten();
        for (index, target) in targets.enumerate() {
            let path = vec!["spec".to_owned(), "targets".to_owned(), index.to_string()];
            named.extend(target.as_str().map(|it| (path, it)));
        }
        self.pending.extend(named.into_iter().map(|(path, target)| Pending {
            kind: kind.to_owned(),
            folder: file.folder.clone(),
            target: target.to_owned(),
            origin: Arc::clone(&pending.origin),
            parent: entity.entity_ref().clone(),
            optional,
            at: file.place(document.position(&path)).to_string(),
        }));
    }

    fn problem(&mut self, at: impl std::fmt::Display, message: impl std::fmt::Display) {
        self.all.problems.push(Problem::new(at, message));
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    /// Files as `== name` and their text; what was collected, in words.
    fn collected(config: serde_json::Value, files: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        for file in files.split("== ").skip(1) {
            let (name, text) = file.split_once('\n').unwrap();
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let all = collect(&serde_json::from_value(config).unwrap(), folder.path());
        let entities = all.entities.iter().filter(|(_, it)| it.place.is_some());
        let entities = entities.map(|(entity_ref, it)| format!("{entity_ref} at {}\n", it.place.as_ref().unwrap()));
        let problems = all.problems.iter().map(|it| format!("! {it}\n"));
        entities.chain(problems).collect::<String>().replace(folder.path().to_str().unwrap(), "/here")
    }

    fn group(name: &str) -> String {
        format!(
            "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {{name: {name}}}\nspec: {{type: team, children: []}}\n"
        )
    }

    fn location(spec: &str) -> String {
        format!("apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata:\n  name: all\nspec:\n{spec}")
    }

    fn config(targets: &[&str]) -> serde_json::Value {
        let locations: Vec<_> = targets.iter().map(|it| json!({ "type": "file", "target": it })).collect();
        json!({ "rules": [{ "allow": ["Group", "Location", "Component"] }], "locations": locations })
    }

    #[test]
    fn locations_lead_to_locations() {
        let all = location("  target: ./a/one.yaml\n  targets: [./b/**/*.yaml, ./none.yaml]\n");
        let (one, two, three) =
            (group("one"), group("two"), location("  target: ../../all.yaml").replace("all\n", "three\n"));
        let files = format!(
            "== all.yaml\n{all}== a/one.yaml\n{one}== b/two.yaml\n{two}---\n{}== b/c/three.yaml\n{three}",
            group("half")
        );
        insta::assert_snapshot!(collected(config(&["./all.yaml"]), &files), @r#"
        group:default/half at b/two.yaml:6:1
        group:default/one at a/one.yaml:1:1
        group:default/two at b/two.yaml:1:1
        location:default/all at all.yaml:1:1
        location:default/three at b/c/three.yaml:1:1
        ! all.yaml:7:28: file /here/none.yaml does not exist
        "#);
    }

    #[test]
    fn whatever_is_wrong_is_reported_and_stops_nothing() {
        let bad = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: not good\nspec:\n  type: service\n  owner:\n    - x\n";
        let first = format!("{bad}---\n{}---\nname: [\n---\njust text\n---\n{}", group("good"), group("twice"));
        let second = format!("{}---\n{}", group("Twice"), group("x").replace("Group", "User"));
        let all = location("  targets:\n    - none.yaml\n    - none/*.yaml\n    - sub\n");
        let all = format!("{all}---\n{}", location("  type: url\n  target: https://a/b\n").replace("all\n", "web\n"));
        let files = format!("== all.yaml\n{all}== 1.yaml\n{first}== 2.yaml\n{second}== sub/x\n");
        insta::assert_snapshot!(collected(config(&["all.yaml", "1.yaml", "2.yaml", "3.yaml"]), &files), @r#"
        group:default/good at 1.yaml:10:1
        group:default/twice at 1.yaml:19:1
        location:default/all at all.yaml:1:1
        location:default/web at all.yaml:11:1
        ! 1.yaml:4:9: "metadata.name" is not valid; expected a string that is sequences of [a-zA-Z0-9] separated by any of [-_.], at most 63 characters in total but found "not good"
        ! 1.yaml:6:3: "spec.lifecycle" is missing; kind Component needs it
        ! 1.yaml:8:5: "spec.owner" is not valid; expected a non empty string but found a list
        ! 1.yaml:15:1: not valid YAML: while parsing a node, did not find expected node content
        ! 1.yaml:17:1: expected an entity with apiVersion, kind and metadata, but found "just text"
        ! 2.yaml:1:1: group:default/twice is already at 1.yaml:19:1; this one is left out
        ! 2.yaml:7:7: user:default/x is not of a kind that `catalog.rules` allows here; add `- allow: [User]`
        ! `catalog.locations[3].target`: file /here/3.yaml does not exist
        ! all.yaml:7:7: file /here/none.yaml does not exist
        ! all.yaml:8:7: no file matches /here/none/*.yaml
        ! all.yaml:9:7: /here/sub is a folder; name a file, or files with a glob such as `/here/sub/*.yaml`
        ! all.yaml:17:11: locations of type `url` are not supported yet; `https://a/b` is left out
        "#);
    }

    #[test]
    fn an_optional_location_may_be_missing() {
        let files = format!("== all.yaml\n{}", location("  presence: optional\n  targets: [none.yaml, none/*]\n"));
        insta::assert_snapshot!(collected(config(&["all.yaml"]), &files), @"location:default/all at all.yaml:1:1");
    }

    #[test]
    fn what_one_location_may_not_have_another_may() {
        let files = format!("== all.yaml\n{}== org.yaml\n{}", location("  target: org.yaml\n"), group("a"));
        let config = json!({ "locations": [
            { "type": "file", "target": "all.yaml" },
            { "type": "file", "target": "org.yaml", "rules": [{ "allow": ["Group"] }] },
        ]});
        insta::assert_snapshot!(collected(config, &files), @r#"
        group:default/a at org.yaml:1:1
        location:default/all at all.yaml:1:1
        ! org.yaml:2:7: group:default/a is not of a kind that `catalog.rules` allows here; add `- allow: [Group]`
        "#);
    }

    #[test]
    fn what_two_locations_lead_to_is_there_once_and_no_conflict() {
        let files = format!("== all.yaml\n{}== org.yaml\n{}", location("  target: org.yaml\n"), group("a"));
        insta::assert_snapshot!(collected(config(&["all.yaml", "org.yaml", "*.yaml"]), &files), @r#"
        group:default/a at org.yaml:1:1
        location:default/all at all.yaml:1:1
        "#);
    }
}
