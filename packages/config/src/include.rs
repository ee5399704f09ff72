//! Fills in variables and included files, value by value. Backstage: `applyConfigTransforms`.

use std::path::{Component, Path, PathBuf};

use crate::{
    js, key,
    limits::{MAX_DEPTH, Size, too_deep},
    load::Loader,
    origin::Span,
    secret::{Guard, has_user_info},
    sources,
    substitute::{Expanded, expand, is_reference},
    tree::{Cause, Node, Unset, Value},
    yaml,
};

const INCLUDES: [&str; 3] = ["$file", "$env", "$include"];

/// Where in the tree, without a text of it until one is needed.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    above: Option<(&'a Place<'a>, Step<'a>)>,
    depth: usize,
    guard: Guard,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    pub(crate) fn root() -> Self {
        Self { above: None, depth: 0, guard: Guard::default() }
    }

    fn child(&'a self, step: Step<'a>) -> Self {
        let guard = if let Step::Name(name) = step { self.guard.key(name) } else { self.guard };
        Self { above: Some((self, step)), depth: self.depth + 1, guard }
    }

    fn key(&self) -> String {
        match self.above {
            None => String::new(),
            Some((above, Step::Name(name))) => key::join(&above.key(), name),
            Some((above, Step::Index(index))) => format!("{}[{index}]", above.key()),
        }
    }
}

/// A file that was included, as it stands.
#[derive(Clone)]
pub(crate) struct Included {
    root: Node,
}

impl Loader<'_> {
    /// Fills in everything below a value; `directory` is that of the file it stands in, `None` if that has none.
    pub(crate) fn transform(&mut self, node: &mut Node, place: Place<'_>, directory: Option<&Path>) {
        // One mistake is enough.
        if self.budget.is_spent() {
            return;
        }
        self.hide(node, place.guard);
        match &node.value {
            Value::String(text) if text.contains('$') => self.substitute(node, place),
            Value::Object(map) if directory.is_some() && INCLUDES.iter().any(|name| map.contains_key(*name)) => {
                let Some(directory) = directory else { return };
                if let Err(message) = self.include(node, place, directory) {
                    self.mistake(place.key(), message, node.at);
                    node.value = Value::Null;
                }
            }
            Value::Array(_) | Value::Object(_) => self.children(node, place, directory),
            _ => {}
        }
    }

    fn children(&mut self, node: &mut Node, place: Place<'_>, directory: Option<&Path>) {
        if place.depth >= MAX_DEPTH {
            self.mistake(place.key(), too_deep(), node.at);
            node.value = Value::Null;
            return;
        }
        match &mut node.value {
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.transform(item, place.child(Step::Index(index)), directory);
                }
            }
            Value::Object(map) => {
                for (name, child) in map {
                    self.transform(child, place.child(Step::Name(name)), directory);
                }
            }
            _ => {}
        }
    }

    /// A line with a secret on it is not shown.
    fn hide(&mut self, node: &Node, guard: Guard) {
        let hidden = match &node.value {
            // Most texts have no colon, and so no URL.
            Value::String(text) => {
                (guard.hides() || (text.contains(':') && has_user_info(text))) && !is_reference(text)
            }
            Value::Null | Value::Array(_) | Value::Object(_) => false,
            _ => guard.hides(),
        };
        if hidden {
            self.hide_lines(node.at);
        }
    }

    fn substitute(&mut self, node: &mut Node, place: Place<'_>) {
        let Value::String(text) = &node.value else { return };
        match expand(text, &|name| self.variable(name)) {
            Expanded::Text(text, variables) => {
                node.value = Value::String(text);
                node.from = variables;
            }
            Expanded::Unset(names, optional) => set_absent(node, Cause::Variables { names, optional }),
            Expanded::Required(name, message) => {
                let message = match message.as_str() {
                    "" => format!("needs the environment variable `{name}`"),
                    message => format!("{message} (`{name}` is not set)"),
                };
                self.mistake(place.key(), message, node.at);
                node.value = Value::Null;
            }
        }
    }

    /// Puts in what `$env`, `$file` or `$include` names. Backstage: `createIncludeTransform`.
    fn include(&mut self, node: &mut Node, place: Place<'_>, directory: &Path) -> Result<(), String> {
        let Value::Object(map) = &node.value else { return Ok(()) };
        let Some((name, value)) = map.iter().find(|(name, _)| INCLUDES.contains(&name.as_str())) else {
            return Ok(());
        };
        if map.len() > 1 {
            return Err(format!("has other keys beside `{name}`, which has to stand alone"));
        }
        let Value::String(text) = &value.value else { return Err(format!("`{name}` has to be a string")) };
        let text = match expand(text, &|name| self.variable(name)) {
            Expanded::Text(text, _) => text,
            Expanded::Unset(names, optional) => {
                return Err(format!("`{name}` has no value, because {}", Cause::Variables { names, optional }));
            }
            Expanded::Required(variable, message) => return Err(format!("{message} (`{variable}` is not set)")),
        };
        let (name, at) = (name.clone(), value.at);
        let at = if at.source == node.at.source { at } else { node.at };
        match name.as_str() {
            "$env" => {
                let value = self.variable(&text);
                *node = Node { key_at: node.key_at, ..Node::new(Value::Null, at) };
                match value {
                    Some(value) => (node.value, node.from) = (Value::String(value.as_ref().to_owned()), vec![text]),
                    None => set_absent(node, Cause::Variables { names: vec![text], optional: false }),
                }
                Ok(())
            }
            "$file" => {
                let path = resolve(directory, &text);
                let content = self.read(&path).map_err(|message| format!("`{text}`: {message}"))?;
                let content = js::trim_end(&content).to_owned();
                self.budget.spend(Size::of_text(&content))?;
                *node = Node { key_at: node.key_at, ..Node::new(Value::String(content), at) };
                node.from = vec![text];
                node.text_of = Some(path.into());
                Ok(())
            }
            _ => self.include_value(node, place, directory, &text, at),
        }
    }

    fn include_value(
        &mut self,
        node: &mut Node,
        place: Place<'_>,
        directory: &Path,
        target: &str,
        at: Span,
    ) -> Result<(), String> {
        let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
        let path = resolve(directory, file);
        let this = (path.clone(), fragment.to_owned());
        if let Some(first) = self.including.iter().position(|open| *open == this) {
            let round = self.including[first..].iter().chain([&this]);
            let names: Vec<_> = round.map(|(path, _)| format!("`{}`", sources::display(path))).collect();
            return Err(format!("files include each other: {}", names.join(" -> ")));
        }
        let included = self.included(file, &path)?;
        let parts = fragment.split('.').filter(|_| !fragment.is_empty());
        let mut value = Some(&included.root);
        let mut above: Vec<&str> = Vec::new();
        for part in parts {
            let Some(Value::Object(map)) = value.map(|value| &value.value) else {
                return Err(format!("`{}` in `{file}` is not an object", above.join(".")));
            };
            value = map.get(part);
            above.push(part);
        }
        let Some(value) = value else {
            *node = Node { key_at: node.key_at, ..Node::new(Value::Null, at) };
            set_absent(node, Cause::Key { file: file.to_owned(), key: fragment.to_owned() });
            return Ok(());
        };
        self.budget.spend(value.size())?;
        *node = Node { key_at: node.key_at, ..value.clone() };
        self.hide(node, place.guard);
        self.including.push(this);
        match &node.value {
            Value::String(_) => self.substitute(node, place),
            // What is included is not asked whether it is an include itself.
            _ => self.children(node, place, path.parent()),
        }
        self.including.pop();
        Ok(())
    }

    /// The content of a file to include; each is read once.
    fn included(&mut self, shown: &str, path: &Path) -> Result<Included, String> {
        if let Some(known) = self.included.get(path) {
            return known.clone().ok_or_else(|| format!("`{shown}` has mistakes of its own"));
        }
        let is_json = match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => true,
            Some("yaml" | "yml") => false,
            _ => return Err(format!("`{shown}` cannot be included: its name has to end in .json, .yaml or .yml")),
        };
        let text = self.read(path).map_err(|message| format!("`{shown}`: {message}"))?;
        let source = self.add_file(sources::display(path), &text);
        let parsed = yaml::parse(&text, source, &mut self.budget);
        let root = if is_json {
            let json = serde_json::from_str(&text).map_err(|error| format!("`{shown}` is not valid JSON: {error}"))?;
            let plain = Node::from_json(json, source);
            // JSON is YAML, nearly always, and that knows places.
            let same = |node: &Node| parsed.mistakes.is_empty() && node.to_raw_json() == plain.to_raw_json();
            Some(parsed.root.filter(same).unwrap_or(plain))
        } else {
            self.take_mistakes(parsed.mistakes, parsed.hidden_line, source)
                .then(|| parsed.root.unwrap_or_else(|| Node::new(Value::Null, Span::whole(source))))
        };
        let included = root.map(|root| Included { root });
        self.included.insert(path.to_owned(), included.clone());
        included.ok_or_else(|| format!("`{shown}` has mistakes of its own"))
    }
}

fn set_absent(node: &mut Node, cause: Cause) {
    node.value = Value::Null;
    node.unset = Some(Box::new(Unset { cause, at: node.at }));
}

/// The path from a directory, without `.` and `..`. JavaScript: `path.resolve`.
pub(crate) fn resolve(directory: &Path, path: impl AsRef<Path>) -> PathBuf {
    let joined = directory.join(path);
    let joined = std::path::absolute(&joined).unwrap_or(joined);
    let mut resolved = PathBuf::new();
    for component in joined.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => _ = resolved.pop(),
            other => resolved.push(other),
        }
    }
    resolved
}
