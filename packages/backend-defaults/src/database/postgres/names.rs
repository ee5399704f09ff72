//! SQL that names what is made.

/// An identifier in double quotes.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in single quotes.
pub fn literal(text: &str) -> String {
    match text.contains('\\') {
        true => format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
        false => format!("'{}'", text.replace('\'', "''")),
    }
}

const STAMP: &str = "made by greenroom ";

/// What a database, a schema or a role that was made here says of itself, in its comment: commands that
/// destroy look for it.
pub fn stamp(plugin: Option<&str>) -> String {
    let plugin = plugin.map(|it| format!(" for plugin {it}")).unwrap_or_default();
    format!("{STAMP}{}{plugin}", env!("CARGO_PKG_VERSION"))
}

/// Whether a comment is a [`stamp`] of any version.
pub fn is_stamp(comment: &str) -> bool {
    comment.starts_with(STAMP)
}

/// Whose what has this comment is: `None` if it is no [`stamp`], `Some(None)` if it is no single plugin's, as the database
/// of `schema` mode. What stands after a `;` is somebody's note.
pub fn stamped_for(comment: &str) -> Option<Option<&str>> {
    let text = comment.strip_prefix(STAMP)?;
    let text = text.split_once(';').map_or(text, |(text, _)| text);
    Some(text.split_once(" for plugin ").map(|(_, plugin)| plugin.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::{literal, quoted, stamp, stamped_for};

    #[test]
    fn a_stamp_says_whose_it_is() {
        assert_eq!(stamped_for(&stamp(Some("catalog"))), Some(Some("catalog")));
        assert_eq!(stamped_for(&format!("{}; before: mine", stamp(Some("catalog")))), Some(Some("catalog")));
        assert_eq!(stamped_for(&stamp(None)), Some(None));
        assert_eq!(stamped_for("made by hand"), None);
    }

    #[test]
    fn names_and_texts_cannot_end_early() {
        assert_eq!(quoted(r#"a"; DROP"#), r#""a""; DROP""#);
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"\'; DROP"), r"E'\\''; DROP'");
    }
}
