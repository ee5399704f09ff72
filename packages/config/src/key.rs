//! Keys as they are written for people: `catalog.locations[2].target`, `proxy["/a.b"]`.

/// One step of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Of an object.
    Name(String),
    /// Of a list, from 0.
    Index(usize),
}

/// The steps of a key; the empty key is the root. What does not read as an index is taken as a name.
pub fn parse(path: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let quoted = rest.strip_prefix("[\"").and_then(|rest| rest.split_once("\"]"));
        let index = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        if let Some((name, after)) = quoted {
            parts.push(Part::Name(name.to_owned()));
            rest = after;
        } else if let Some((index, after)) = index.and_then(|(index, after)| Some((index.parse().ok()?, after))) {
            parts.push(Part::Index(index));
            rest = after;
        } else {
            let end =
                rest.char_indices().skip(1).find(|(_, c)| matches!(c, '.' | '[')).map_or(rest.len(), |(at, _)| at);
            parts.push(Part::Name(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.strip_prefix('.').unwrap_or(rest);
    }
    parts
}

/// The key of a child; a name that would not read back is quoted.
pub fn join(path: &str, name: &str) -> String {
    if name.is_empty() || name.contains(['.', '[', ']', '"']) {
        format!("{path}[\"{name}\"]")
    } else if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// The key of the parent; `None` for the root.
pub fn parent(path: &str) -> Option<String> {
    let mut parts = parse(path);
    parts.pop()?;
    Some(parts.iter().fold(String::new(), |path, part| match part {
        Part::Name(name) => join(&path, name),
        Part::Index(index) => format!("{path}[{index}]"),
    }))
}

/// Whether `path` is `ancestor` or below it.
pub fn is_within(path: &str, ancestor: &str) -> bool {
    ancestor.is_empty()
        || path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back() {
        let names = ["a", "b", "/c.d", "", "x[0]"];
        let path = names.iter().fold(String::new(), |path, name| join(&path, name));
        assert_eq!(path, r#"a.b["/c.d"][""]["x[0]"]"#);
        assert_eq!(parse(&path), names.map(|name| Part::Name(name.to_owned())));
        assert_eq!(
            parse("a.b[2].c"),
            [Part::Name("a".into()), Part::Name("b".into()), Part::Index(2), Part::Name("c".into())]
        );
        assert_eq!(parent("a.b[2].c").as_deref(), Some("a.b[2]"));
        assert_eq!(parent(""), None);
        assert!(is_within("a.b[2].c", "a.b") && !is_within("a.bc", "a.b"));
    }
}
