use std::{
    cell::RefCell,
    collections::HashMap,
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
};

use crate::{
    ConfigError, ConfigErrors, Origin, Sources, dotenv, env,
    include::{Included, Place},
    js, key,
    limits::Budget,
    merge,
    origin::{Source, SourceFile, Span},
    secret,
    sources::{self, Files, Override, Target},
    text::{self, Text},
    tree::{Map, Mistake, Node, Tree, Value},
};

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What was read, and every file that was looked at for it.
pub(crate) struct Loaded {
    pub(crate) tree: Result<Tree, ConfigErrors>,
    pub(crate) files: Vec<PathBuf>,
}

/// Reads, fills in and merges all sources, in their order.
pub(crate) fn load(sources: &Sources, env: Env<'_>) -> Loaded {
    let mut loader = Loader {
        env,
        env_file: HashMap::new(),
        known: RefCell::default(),
        budget: Budget::default(),
        files: Vec::new(),
        included: HashMap::new(),
        including: Vec::new(),
        sources: Vec::new(),
        mistakes: Vec::new(),
    };
    let mut root = empty();
    sources.env_files.iter().for_each(|path| loader.env_file(path));
    let mut targets = loader.targets(&sources.files);
    targets.extend(sources.over.iter().cloned());
    let first = loader.reserve(&targets);
    for (target, source) in targets.iter().zip(first..) {
        let layer = loader.layer(text::read(target, source, sources), source);
        layer.into_iter().for_each(|layer| merge::merge(&mut root, layer));
    }
    merge::merge(&mut root, loader.variables(&sources.variables));
    for Override { option, key, value } in &sources.overrides {
        let source = loader.add(Source::Option(option.clone()));
        merge::replace(&mut root, &key::parse(key), value, source);
    }
    loader.finish(root)
}

/// The state while reading.
pub(crate) struct Loader<'a> {
    env: Env<'a>,
    env_file: HashMap<String, String>,
    /// Variables that were asked for: the environment is searched from end to end each time.
    known: RefCell<HashMap<String, Option<Rc<str>>>>,
    pub(crate) budget: Budget,
    files: Vec<PathBuf>,
    pub(crate) included: HashMap<PathBuf, Option<Included>>,
    /// The includes that the value at hand stands in, outermost first.
    pub(crate) including: Vec<(PathBuf, String)>,
    sources: Vec<Source>,
    mistakes: Vec<Mistake>,
}

impl Loader<'_> {
    /// A variable, trimmed. Backstage: the default `substitutionFunc`.
    pub(crate) fn variable(&self, name: &str) -> Option<Rc<str>> {
        if let Some(value) = self.known.borrow().get(name) {
            return value.clone();
        }
        let value = (self.env)(name).or_else(|| self.env_file.get(name).cloned());
        let value = value.map(|value| Rc::from(js::trim(&value)));
        self.known.borrow_mut().insert(name.to_owned(), value.clone());
        value
    }

    /// The text of a file, which is remembered as one that matters.
    pub(crate) fn read(&mut self, path: &Path) -> Result<String, String> {
        self.files.push(path.to_owned());
        sources::read(path)
    }

    pub(crate) fn mistake(&mut self, key: String, message: String, at: Span) {
        self.mistakes.push(Mistake { key, message, at });
    }

    /// Notes what is wrong with a file; whether nothing is.
    pub(crate) fn take_mistakes(&mut self, mistakes: Vec<Mistake>, hidden_line: Option<u32>, source: u32) -> bool {
        if let Some(line) = hidden_line {
            self.hide_lines(Span { line, ..Span::whole(source) });
        }
        let right = mistakes.is_empty();
        self.mistakes.extend(mistakes);
        right
    }

    /// A source that is a file, and its number.
    pub(crate) fn add_file(&mut self, name: String, text: &str) -> u32 {
        let remote = name.contains("://");
        self.add(Source::File(SourceFile { name, remote, text: text.into(), secret_lines: Default::default() }))
    }

    fn add(&mut self, source: Source) -> u32 {
        self.sources.push(source);
        u32::try_from(self.sources.len() - 1).unwrap_or(u32::MAX)
    }

    pub(crate) fn hide_lines(&mut self, at: Span) {
        if let Some(Source::File(file)) = self.sources.get_mut(at.source as usize) {
            file.secret_lines.extend(at.line..=at.line.saturating_add(at.more_lines));
        }
    }

    /// Backstage: `ConfigSources.defaultForTargets`.
    fn targets(&mut self, files: &Files) -> Vec<Target> {
        let directory = match files {
            Files::List(targets) => return targets.clone(),
            Files::Directory(directory) => directory.clone(),
            Files::Upwards(directory) => sources::nearest(directory),
        };
        let main = directory.join("app-config.yaml");
        if !main.exists() {
            self.files.push(main.clone());
            let place = std::path::absolute(&directory).unwrap_or_else(|_| directory.clone());
            let message = format!("no such file in `{}`; create it, or name files with `--config`", place.display());
            self.whole_file(sources::display(&main), message);
            return Vec::new();
        }
        let names = (self.env)("BACKSTAGE_ENV").unwrap_or_default();
        let names: Vec<_> = names.split(',').map(js::trim).filter(|name| !name.is_empty()).collect();
        let of_env =
            |ending: &str| names.iter().map(move |name| format!("app-config.{name}{ending}")).collect::<Vec<_>>();
        let optional = [of_env(".yaml"), vec!["app-config.local.yaml".into()], of_env(".local.yaml")].concat();
        let optional: Vec<_> = optional.into_iter().map(|name| directory.join(name)).collect();
        // One that is not there may come.
        self.files.extend(optional.iter().cloned());
        let there = optional.into_iter().filter(|path| path.exists());
        [main].into_iter().chain(there).map(Target::File).collect()
    }

    /// Makes each target a source, and returns the number of the first.
    fn reserve(&mut self, targets: &[Target]) -> u32 {
        let first = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
        for target in targets {
            match target {
                Target::File(path) => {
                    self.files.push(path.clone());
                    self.add_file(sources::display(path), "");
                }
                Target::Url(url) => _ = self.add_file(secret::without_user_info(url).into_owned(), ""),
            }
        }
        first
    }

    /// What one file says; `None` when it is empty, or no config. Backstage: `FileConfigSource`, `RemoteConfigSource`.
    fn layer(&mut self, text: Result<Text, String>, source: u32) -> Option<Node> {
        let whole = Span::whole(source);
        let Text { text, directory, parsed, spent } = match text {
            Ok(text) => text,
            Err(message) => {
                self.mistake(String::new(), message, whole);
                return None;
            }
        };
        if let Some(Source::File(file)) = self.sources.get_mut(source as usize) {
            file.text = text.into();
        }
        if !self.take_mistakes(parsed.mistakes, parsed.hidden_line, source) {
            return None;
        }
        if let Err(message) = self.budget.spend(spent) {
            self.mistake(String::new(), message, whole);
            return None;
        }
        let Some(mut root) = parsed.root.filter(|root| !root.is_null()) else {
            if directory.is_none() {
                self.mistake(String::new(), "is empty".into(), whole);
            }
            return None;
        };
        let mistakes = self.mistakes.len();
        self.transform(&mut root, Place::root(), directory.as_deref());
        if !matches!(root.value, Value::Object(_)) {
            self.hide_lines(root.at);
            if self.mistakes.len() == mistakes {
                let message = "expected an object with sections such as `backend:` at the top";
                let at = if root.at.source == source { root.at } else { whole };
                self.mistake(String::new(), message.into(), at);
            }
            return None;
        }
        Some(root)
    }

    /// One tree of all `APP_CONFIG_*` variables.
    fn variables(&mut self, variables: &[(String, String)]) -> Node {
        let mut root = empty();
        for (name, text) in variables.iter().filter(|(_, text)| !text.is_empty()) {
            let source = self.add(Source::Variable(name.clone()));
            self.mistakes.extend(env::insert(&mut root, name, text, source));
        }
        root
    }

    fn env_file(&mut self, path: &Path) {
        let text = match self.read(path) {
            Ok(text) => text,
            Err(message) => return self.whole_file(sources::display(path), message),
        };
        // Without its text: everything in it may be secret.
        let source = self.add_file(sources::display(path), "");
        for entry in dotenv::parse(&text) {
            match entry {
                Ok((name, value)) => _ = self.env_file.insert(name, value),
                Err((line, message)) => {
                    let at = Span { line, column: 1, length: 1, ..Span::whole(source) };
                    self.mistake(String::new(), message.into(), at);
                }
            }
        }
    }

    /// A mistake that no line is to blame for.
    fn whole_file(&mut self, name: String, message: String) {
        let source = self.add_file(name, "");
        self.mistake(String::new(), message, Span::whole(source));
    }

    fn finish(self, root: Node) -> Loaded {
        let sources: Vec<_> = self.sources.into_iter().map(Arc::new).collect();
        let tree = Tree { root, sources, secret_keys: Default::default() };
        let errors = self.mistakes.into_iter().map(|mistake| {
            let origin: Origin = tree.origin(mistake.at);
            ConfigError::new(mistake.key, mistake.message, Some(origin))
        });
        let errors: Vec<_> = errors.collect();
        let tree = if errors.is_empty() { Ok(tree) } else { Err(errors.into()) };
        Loaded { tree, files: self.files }
    }
}

fn empty() -> Node {
    Node::new(Value::Object(Map::default()), Span::default())
}
