use std::{borrow::Cow, collections::HashMap, mem};

use indexmap::map::Entry;
use saphyr_parser::{Event, Marker, ScalarStyle, Span as Range};

use super::{
    indent::Lines,
    number, point,
    scalar::{self, Tag},
};
use crate::{
    js, key,
    limits::{Budget, MAX_ALIASES, MAX_DEPTH, Size, too_deep},
    origin::Span,
    tree::{Map, Mistake, Node, Value},
};

/// What is wrong so often is no config.
const MAX_MISTAKES: usize = 100;
const TABS: &str = "is not valid YAML: a line is indented with spaces, not with tabs";

/// Builds the tree from the parser's events.
pub(super) struct Builder<'a> {
    source: u32,
    lines: Lines<'a>,
    budget: &'a mut Budget,
    open: Vec<Frame>,
    anchors: HashMap<usize, Anchor>,
    root: Option<Node>,
    documents: usize,
    mistakes: Vec<Mistake>,
}

/// A list or an object that is not complete.
struct Frame {
    items: Items,
    at: Span,
    start: Marker,
    /// Whether it is written in brackets.
    flow: bool,
    anchor: usize,
    content: Content,
}

enum Items {
    Array(Vec<Node>),
    Object {
        map: Map,
        /// Which kinds of keys gave the name at an index, where these are other than one string.
        kinds: HashMap<usize, u8>,
        /// The key whose value comes next: its name, kind and place.
        key: Option<(String, u8, Span)>,
    },
}

/// What is in a value, for the limits.
#[derive(Clone, Default)]
struct Content {
    size: Size,
    aliases: Vec<usize>,
    scalars: bool,
}

/// A value that aliases repeat.
struct Anchor {
    node: Node,
    content: Content,
    uses: u64,
    weight: u64,
}

/// The kinds of keys that are the same if their names are. Others (lists, aliases) never are.
mod kind {
    pub(super) const STRING: u8 = 1;
    pub(super) const NUMBER: u8 = 2;
    pub(super) const BOOL: u8 = 4;
    pub(super) const NULL: u8 = 8;
    pub(super) const OTHER: u8 = 0;
}

impl<'a> Builder<'a> {
    pub(super) fn new(source: u32, text: &'a str, budget: &'a mut Budget) -> Self {
        Self {
            source,
            lines: Lines::new(text),
            budget,
            open: Vec::new(),
            anchors: HashMap::new(),
            root: None,
            documents: 0,
            mistakes: Vec::new(),
        }
    }

    /// The value of the document, if it has one, and what is wrong with it.
    pub(super) fn finish(self) -> (Option<Node>, Vec<Mistake>) {
        (self.root, self.mistakes)
    }

    /// Takes one event, or says why it cannot go on.
    pub(super) fn event(&mut self, event: Event<'_>, range: Range) -> Result<(), String> {
        if self.mistakes.len() >= MAX_MISTAKES {
            return Err("and more mistakes follow".into());
        }
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents == 2 {
                    self.mistake("holds more than one YAML document", self.span(range, true));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_deref().map_or(Tag::None, Tag::of);
                let at = self.span(range, true);
                self.check_tab(range.start);
                if matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted) {
                    self.check(self.lines.short_in_quotes(range.start, range.end, self.indent()));
                }
                let content = Content { size: Size::of_text(&text), scalars: true, ..Content::default() };
                let node = Node::new(self.scalar(text, style, &tag, at), at);
                self.complete(node, content, anchor, false)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.start(Items::Array(Vec::new()), tag.as_deref(), anchor, range)?;
            }
            Event::MappingStart(anchor, tag) => {
                let items = Items::Object { map: Map::with_capacity(4), kinds: HashMap::new(), key: None };
                self.start(items, tag.as_deref(), anchor, range)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(range)?,
            Event::Alias(anchor) => self.alias(anchor, range)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn scalar(&mut self, text: Cow<'_, str>, style: ScalarStyle, tag: &Tag, at: Span) -> Value {
        // The parser lets some of these pass in lists and objects in one line.
        let indicator = |c: &char| matches!(c, '|' | '>' | '@' | '`' | '%' | ',');
        if let Some(first) = text.chars().next().filter(indicator).filter(|_| style == ScalarStyle::Plain) {
            self.mistake(&format!("is not valid YAML: a text that begins with `{first}` needs quotes"), at);
        }
        match (tag, style) {
            (Tag::None, ScalarStyle::Plain) => scalar::plain(&text),
            (Tag::None | Tag::Text, _) => Value::String(text.into_owned()),
            (Tag::Core(tag), _) => scalar::tagged(&text, tag),
            (Tag::Unsupported, _) => {
                self.mistake("has a YAML tag for something that config cannot hold", at);
                Value::Null
            }
        }
    }

    fn start(
        &mut self,
        items: Items,
        tag: Option<&saphyr_parser::Tag>,
        anchor: usize,
        range: Range,
    ) -> Result<(), String> {
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep());
        }
        let at = self.span(range, false);
        if tag.is_some_and(|tag| matches!(Tag::of(tag), Tag::Unsupported)) {
            self.mistake("has a YAML tag for something that config cannot hold", at);
        }
        let (in_flow, in_list) =
            self.open.last().map_or((false, false), |frame| (frame.flow, matches!(frame.items, Items::Array(_))));
        let bracket = self.lines.bracket(range.end);
        let flow = in_flow || bracket.is_some();
        let start = match (bracket, &items) {
            (Some(bracket), _) => bracket,
            (None, Items::Array(_)) if !in_list => self.lines.first(range.end),
            _ => range.end,
        };
        self.check_tab(start);
        if !flow && self.lines.has_tab_after_dash(start) {
            self.mistake(TABS, at);
        }
        if !in_flow && bracket.is_some_and(|bracket| self.lines.is_stuck(bracket)) {
            self.mistake("is not valid YAML: a blank is needed before the bracket", at);
        }
        self.check_compact(at, flow);
        let size = Size { values: 1, ..Size::default() };
        self.open.push(Frame { items, at, start, flow, anchor, content: Content { size, ..Content::default() } });
        Ok(())
    }

    fn end(&mut self, range: Range) -> Result<(), String> {
        let Some(Frame { items, mut at, start, flow, anchor, content }) = self.open.pop() else { return Ok(()) };
        if flow && !self.open.last().is_some_and(|frame| frame.flow) {
            self.check(self.lines.short_in_brackets(start, range.end, self.indent()));
        }
        if number(range.end.line()) == at.line {
            at.length = number(range.end.col() + 1).saturating_sub(at.column).max(1);
        }
        let value = match items {
            Items::Array(items) => Value::Array(items),
            Items::Object { map, .. } => Value::Object(map),
        };
        self.complete(Node::new(value, at), content, anchor, false)
    }

    /// How far what goes on in another line has to be indented.
    fn indent(&self) -> usize {
        self.open.iter().rfind(|frame| !frame.flow).map_or(0, |frame| frame.start.col() + 1)
    }

    fn check(&mut self, short: Option<usize>) {
        if let Some(line) = short {
            let at = Span { line: number(line), column: 1, length: 1, ..Span::whole(self.source) };
            self.mistake("is not valid YAML: this line has to be indented more, as it belongs to what is above", at);
        }
    }

    /// Keys and items are not indented with tabs.
    fn check_tab(&mut self, start: Marker) {
        let Some(frame) = self.open.last().filter(|frame| !frame.flow) else { return };
        let begins_line = match &frame.items {
            Items::Array(_) => true,
            Items::Object { key, .. } => key.is_none(),
        };
        if begins_line && self.lines.has_tab(start) {
            let at = Span { line: number(start.line()), column: 1, length: 1, ..Span::whole(self.source) };
            self.mistake(TABS, at);
        }
    }

    /// `: a: 1` is two keys in one.
    fn check_compact(&mut self, at: Span, flow: bool) {
        let Some(Frame { items: Items::Object { key: Some((name, kind::NULL, key_at)), .. }, flow: false, .. }) =
            self.open.last()
        else {
            return;
        };
        if name.is_empty() && !flow && key_at.line == at.line {
            self.mistake("is not valid YAML: two keys in one line", at);
        }
    }

    fn alias(&mut self, id: usize, range: Range) -> Result<(), String> {
        let Some(anchor) = self.anchors.get(&id) else { return Err("an alias stands in what it repeats".into()) };
        if self.open.len() + anchor.content.size.height > MAX_DEPTH {
            return Err(too_deep());
        }
        let weight = match anchor.weight {
            0 => self.weight(&anchor.content),
            weight => weight,
        };
        let Some(anchor) = self.anchors.get_mut(&id) else { return Ok(()) };
        anchor.weight = weight;
        anchor.uses += 1;
        if anchor.uses.saturating_mul(weight) > MAX_ALIASES {
            return Err(format!("aliases repeat a value more than {MAX_ALIASES} times"));
        }
        let content = Content { size: anchor.content.size, aliases: vec![id], scalars: false };
        let node = Node { key_at: None, ..anchor.node.clone() };
        // A list or an object is pointed at where it is used.
        let node = if matches!(node.value, Value::Array(_) | Value::Object(_)) {
            Node { at: self.span(range, true), ..node }
        } else {
            node
        };
        self.complete(node, content, 0, true)
    }

    /// How often an alias repeats what is in the value, through the aliases in it.
    fn weight(&self, content: &Content) -> u64 {
        let weights = content.aliases.iter().filter_map(|id| self.anchors.get(id));
        let most = weights.map(|anchor| anchor.uses.saturating_mul(anchor.weight)).max();
        most.unwrap_or(0).max(u64::from(content.scalars))
    }

    /// Puts a value where it belongs: it is the root, an item, a key, or the value of one.
    fn complete(&mut self, mut node: Node, content: Content, anchor: usize, is_alias: bool) -> Result<(), String> {
        // What is in a list has been paid for, but an alias repeats it.
        let own = match node.value {
            Value::Array(_) | Value::Object(_) if !is_alias => Size { values: 1, ..Size::default() },
            _ => content.size,
        };
        self.budget.spend(own)?;
        if anchor > 0 {
            let anchored = Anchor { node: node.clone(), content: content.clone(), uses: 1, weight: 0 };
            self.budget.spend(content.size)?;
            self.anchors.insert(anchor, anchored);
        }
        let Some(frame) = self.open.last_mut() else {
            self.root.get_or_insert(node);
            return Ok(());
        };
        frame.content.size.add(content.size);
        frame.content.aliases.extend(content.aliases);
        frame.content.scalars |= content.scalars;
        match &mut frame.items {
            Items::Array(items) => items.push(node),
            Items::Object { key: key @ None, .. } => {
                let kind = if is_alias { kind::OTHER } else { kind_of(&node.value) };
                *key = Some((name(node.value), kind, node.at));
            }
            Items::Object { map, kinds, key } => {
                let Some((name, kind, key_at)) = mem::take(key) else { return Ok(()) };
                node.key_at = Some(key_at);
                match map.entry(name) {
                    Entry::Vacant(entry) => {
                        if kind != kind::STRING {
                            kinds.insert(entry.index(), kind);
                        }
                        entry.insert(node);
                    }
                    Entry::Occupied(mut entry) => {
                        let index = entry.index();
                        let known = kinds.get(&index).copied().unwrap_or(kind::STRING);
                        kinds.insert(index, known | kind);
                        let name = (known & kind != 0).then(|| entry.key().clone());
                        entry.insert(node);
                        if let Some(name) = name {
                            self.mistake_at(&name, "is there twice", key_at);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn mistake(&mut self, message: &str, at: Span) {
        let key = self.path();
        self.mistakes.push(Mistake { key, message: message.to_owned(), at });
    }

    fn mistake_at(&mut self, name: &str, message: &str, at: Span) {
        let key = key::join(&self.path(), name);
        self.mistakes.push(Mistake { key, message: message.to_owned(), at });
    }

    /// The key of what comes next.
    fn path(&self) -> String {
        self.open.iter().fold(String::new(), |path, frame| match &frame.items {
            Items::Array(items) => format!("{path}[{}]", items.len()),
            Items::Object { key: Some((name, ..)), .. } => key::join(&path, name),
            Items::Object { key: None, .. } => path,
        })
    }

    /// From the start of the value to its end, or to the end of its first line.
    fn span(&self, range: Range, scalar: bool) -> Span {
        let (start, end) = (range.start, range.end);
        let more_lines = if scalar { number(end.line().saturating_sub(start.line())) } else { 0 };
        let length = match (more_lines, scalar) {
            (_, false) => 1,
            (0, true) => number(end.col().saturating_sub(start.col())).max(1),
            (_, true) => u32::MAX,
        };
        Span { length, more_lines, ..point(self.source, start) }
    }
}

fn kind_of(value: &Value) -> u8 {
    match value {
        Value::String(_) => kind::STRING,
        Value::Float(number) if number.is_nan() => kind::OTHER,
        Value::Integer(_) | Value::Float(_) => kind::NUMBER,
        Value::Bool(_) => kind::BOOL,
        Value::Null => kind::NULL,
        Value::Array(_) | Value::Object(_) => kind::OTHER,
    }
}

/// JavaScript's text of a key.
fn name(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        Value::Array(_) | Value::Object(_) => flow(&value),
        _ => scalar_text(&value),
    }
}

fn scalar_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(value) => value.to_string(),
        Value::Integer(number) => js::number_text(*number as f64),
        Value::Float(number) => js::number_text(*number),
        _ => "null".to_owned(),
    }
}

/// A list or an object as YAML in one line.
fn flow(value: &Value) -> String {
    let list = |open: &str, items: Vec<String>, close: &str| match items.as_slice() {
        [] => format!("{open}{close}"),
        _ => format!("{open} {} {close}", items.join(", ")),
    };
    match value {
        Value::Array(items) => list("[", items.iter().map(|item| flow(&item.value)).collect(), "]"),
        Value::Object(map) => {
            list("{", map.iter().map(|(name, node)| format!("{name}: {}", flow(&node.value))).collect(), "}")
        }
        _ => scalar_text(value),
    }
}
