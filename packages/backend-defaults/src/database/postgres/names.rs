//! SQL that names what is made.

/// An identifier in double quotes.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in single quotes.
pub(super) fn literal(text: &str) -> String {
    match text.contains('\\') {
        true => format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
        false => format!("'{}'", text.replace('\'', "''")),
    }
}

/// What a database or a schema that was made here says of itself, in its comment: commands that
/// destroy look for it.
pub(super) fn stamp(plugin: Option<&str>) -> String {
    let plugin = plugin.map(|it| format!(" for plugin {it}")).unwrap_or_default();
    format!("made by greenroom {}{plugin}", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::{literal, quoted};

    #[test]
    fn names_and_texts_cannot_end_early() {
        assert_eq!(quoted(r#"a"; DROP"#), r#""a""; DROP""#);
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"\'; DROP"), r"E'\\''; DROP'");
    }
}
