//! The documents of a YAML file (YAML 1.2 core, as Backstage's parser), each with the position of every node.

use saphyr::{MarkedYamlOwned, ScalarOwned, YamlDataOwned, YamlLoader};
use saphyr_parser::{Event, Parser, SpannedEventReceiver};
use serde_json::{Map, Number, Value};

/// How deep mappings and lists may be nested: dropping a tree takes stack for each level.
const MAX_DEPTH: usize = 128;

/// One document of a file.
pub(crate) struct Document {
    root: MarkedYamlOwned,
    lines_before: usize,
}

/// A line and a column, both from 1.
pub(crate) type Position = (usize, usize);

/// Why a document cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct YamlError {
    pub(crate) position: Position,
    pub(crate) message: String,
}

/// Reads all documents; a broken one does not hide those after it. Empty ones are left out.
pub(crate) fn documents(text: &str) -> impl Iterator<Item = Result<Document, YamlError>> {
    split(text).filter_map(|(lines_before, text)| document(lines_before, text).transpose())
}

/// At each line that starts with `---`: nowhere inside a document may one start so.
fn split(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parts = vec![];
    let (mut start, mut start_line, mut at) = (0, 0, 0);
    for (line, content) in text.split_inclusive('\n').enumerate() {
        let is_marker = content.strip_prefix("---").is_some_and(|rest| rest.trim_start() != rest || rest.is_empty());
        if is_marker && has_content(&text[start..at]) {
            parts.push((start_line, &text[start..at]));
            (start, start_line) = (at, line);
        }
        at += content.len();
    }
    parts.push((start_line, &text[start..]));
    parts.into_iter()
}

/// Directives (`%YAML 1.2`) and comments belong to the document after them.
fn has_content(text: &str) -> bool {
    text.lines().any(|line| !matches!(line.trim_start().chars().next(), None | Some('#' | '%')))
}

fn document(lines_before: usize, text: &str) -> Result<Option<Document>, YamlError> {
    let lines = text.lines().count();
    let error = |mark: &saphyr::Marker, message: &str| YamlError {
        // What is missing at the end is found behind it.
        position: (lines_before + mark.line().min(lines), mark.col() + 1),
        message: format!("not valid YAML: {message}"),
    };
    let mut loader = YamlLoader::<MarkedYamlOwned>::default();
    let mut depth = 0_usize;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|it| error(it.marker(), it.info()))?;
        match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
            Event::MappingEnd | Event::SequenceEnd => depth -= 1,
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(error(&span.start, &format!("nested more than {MAX_DEPTH} deep")));
        }
        loader.on_event(event, span);
        if let Some(it) = loader.error() {
            return Err(error(it.marker(), it.info()));
        }
    }
    let root = loader.into_documents().into_iter().find(|it| !is_empty(&it.data));
    Ok(root.map(|root| Document { root, lines_before }))
}

fn is_empty(data: &YamlDataOwned<MarkedYamlOwned>) -> bool {
    matches!(data, YamlDataOwned::BadValue | YamlDataOwned::Value(ScalarOwned::Null))
}

impl Document {
    /// As JSON. Tags are dropped; what JSON has no number for is `null`.
    pub(crate) fn value(&self) -> Result<Value, YamlError> {
        self.to_value(&self.root)
    }

    /// Where the value at this path begins; where the path ends early, the last value on it.
    pub(crate) fn position(&self, path: &[String]) -> Position {
        let mut node = &self.root;
        for segment in path {
            match child(node, segment) {
                Some(found) => node = found,
                None => break,
            }
        }
        self.start(node)
    }

    fn start(&self, node: &MarkedYamlOwned) -> Position {
        (self.lines_before + node.span.start.line(), node.span.start.col() + 1)
    }

    fn to_value(&self, node: &MarkedYamlOwned) -> Result<Value, YamlError> {
        Ok(match &node.data {
            YamlDataOwned::Value(scalar) => scalar_value(scalar),
            YamlDataOwned::Sequence(items) => {
                items.iter().map(|it| self.to_value(it)).collect::<Result<Vec<_>, _>>()?.into()
            }
            YamlDataOwned::Mapping(entries) => {
                let mut map = Map::with_capacity(entries.len());
                for (key, value) in entries {
                    let key = key_text(key).ok_or_else(|| YamlError {
                        position: self.start(key),
                        message: "a key must be a text".to_owned(),
                    })?;
                    map.insert(key, self.to_value(value)?);
                }
                map.into()
            }
            YamlDataOwned::Tagged(_, node) => self.to_value(node)?,
            YamlDataOwned::Representation(text, ..) => text.clone().into(),
            YamlDataOwned::Alias(_) | YamlDataOwned::BadValue => {
                let message = "a value that does not fit its tag, or an alias to itself".to_owned();
                return Err(YamlError { position: self.start(node), message });
            }
        })
    }
}

fn child<'a>(node: &'a MarkedYamlOwned, segment: &str) -> Option<&'a MarkedYamlOwned> {
    match &node.data {
        YamlDataOwned::Mapping(entries) => {
            let found = entries.iter().find(|(key, _)| key_text(key).as_deref() == Some(segment));
            // A value left out stands behind its key, maybe on the next line: the key is what to look at.
            found.map(|(key, value)| if is_empty(&value.data) { key } else { value })
        }
        YamlDataOwned::Sequence(items) => items.get(segment.parse::<usize>().ok()?),
        YamlDataOwned::Tagged(_, node) => child(node, segment),
        _ => None,
    }
}

fn key_text(key: &MarkedYamlOwned) -> Option<String> {
    match &key.data {
        YamlDataOwned::Value(ScalarOwned::String(text)) => Some(text.clone()),
        YamlDataOwned::Value(ScalarOwned::Integer(number)) => Some(number.to_string()),
        YamlDataOwned::Value(ScalarOwned::Boolean(it)) => Some(it.to_string()),
        YamlDataOwned::Value(ScalarOwned::FloatingPoint(number)) => Some(number.to_string()),
        _ => None,
    }
}

fn scalar_value(scalar: &ScalarOwned) -> Value {
    match scalar {
        ScalarOwned::Null => Value::Null,
        ScalarOwned::Boolean(it) => (*it).into(),
        ScalarOwned::Integer(number) => (*number).into(),
        ScalarOwned::FloatingPoint(number) => Number::from_f64(number.0).map_or(Value::Null, Value::Number),
        ScalarOwned::String(text) => text.clone().into(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<Value, YamlError>> {
        documents(text).map(|it| it.and_then(|it| it.value())).collect()
    }

    fn values(text: &str) -> String {
        let values: Vec<_> = read(text).into_iter().map(|it| it.unwrap().to_string()).collect();
        values.join(" ")
    }

    fn error(text: &str) -> String {
        let YamlError { position: (line, column), message } = read(text).into_iter().find_map(Result::err).unwrap();
        format!("{line}:{column} {message}")
    }

    #[test]
    fn a_file_has_many_documents() {
        assert_eq!(
            values("---\na: 1\n---\n# nothing\n---\nb: [x, no, 017, ~, 1.5]\n"),
            r#"{"a":1} {"b":["x","no",17,null,1.5]}"#
        );
        assert_eq!(values("a: 1\n--- {b: 2}\n---"), r#"{"a":1} {"b":2}"#);
        assert_eq!(values("\u{feff}%YAML 1.2\n---\na: !thing 1\r\n---\r\nb: 2\r\n"), r#"{"a":1} {"b":2}"#);
        assert_eq!(values("a: |\n  ---\n  x\n"), r#"{"a":"---\nx\n"}"#);
        assert_eq!(values("a: ---x\n1: &x {y: 1}\nz: *x"), r#"{"a":"---x","1":{"y":1},"z":{"y":1}}"#);
        assert_eq!(values(""), "");
        assert_eq!(values("# only a comment\n"), "");
    }

    #[test]
    fn a_broken_document_does_not_hide_the_others() {
        let read = read("a: 1\n---\nb: [1\n---\nc: 3\n");
        assert_eq!(
            read.iter().filter_map(|it| it.as_ref().ok()).map(Value::to_string).collect::<String>(),
            r#"{"a":1}{"c":3}"#
        );
        assert_eq!(read[1].as_ref().unwrap_err().position.0, 3);
    }

    #[test]
    fn errors_have_the_position_in_the_file() {
        insta::assert_snapshot!(error("a: 1\n---\nb: 1\nb: 2\n"), @"4:1 not valid YAML: duplicated key in mapping");
        insta::assert_snapshot!(error("a: 1\n---\n\n  b: 1\n c: 2\n"), @"5:2 not valid YAML: did not find expected <document start>");
        insta::assert_snapshot!(error("a: \"x\n"), @"1:4 not valid YAML: while scanning a quoted scalar, found unexpected end of stream");
        insta::assert_snapshot!(error("[1]: 2\n"), @"1:1 a key must be a text");
        insta::assert_snapshot!(error("a: &x [*x]\n"), @"1:8 a value that does not fit its tag, or an alias to itself");
    }

    #[test]
    fn bombs_are_refused() {
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let before = format!("*a{}", level - 1);
            laughs += &format!("a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(", "));
        }
        assert!(error(&laughs).contains("alias expansion"));
        assert!(error(&"- ".repeat(100_000)).contains("nested more than 128 deep"));
        assert!(error(&"[".repeat(100_000)).starts_with("1:"));
    }

    #[test]
    fn a_path_leads_to_a_line() {
        let text = "# top\na:\n  b.c: [x,\n    y]\n  d:\n  e: !t\n    f: 1\n";
        let document = documents(text).next().unwrap().unwrap();
        let at = |path: &[&str]| document.position(&path.iter().map(|&it| it.to_owned()).collect::<Vec<_>>());
        assert_eq!(at(&[]), (2, 1));
        assert_eq!(at(&["a"]), (3, 3));
        assert_eq!(at(&["a", "b.c", "1"]), (4, 5));
        assert_eq!(at(&["a", "d"]), (5, 3));
        assert_eq!(at(&["a", "e", "f"]), (7, 8));
        assert_eq!(at(&["a", "missing", "deeper"]), (3, 3));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-a:{}&*#!|%\"'\n ,\\[\\]]{0,60}") {
            read(&text);
        }
    }
}
