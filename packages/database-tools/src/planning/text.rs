//! A script as text, for `psql` or `mysql`.

use std::fmt;

use backend_defaults::database::postgres::quoted;

use super::{Part, Script};

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.parts.iter().map(text).collect();
        f.write_str(&parts.join("\n\n"))
    }
}

fn text(part: &Part) -> String {
    let mut blocks = vec![comments(&part.head)];
    let mut connected = None;
    for section in part.sections.iter().filter(|it| !it.pieces.is_empty()) {
        let mut lines = vec![comments(&section.head)];
        for piece in &section.pieces {
            if let Some(database) = &piece.database
                && connected != Some(database)
            {
                lines.push(format!("\\connect {}", argument(database)));
                connected = Some(database);
            }
            lines.extend(piece.sql.iter().map(|it| format!("{it};")));
        }
        lines.retain(|it| !it.is_empty());
        blocks.push(lines.join("\n"));
    }
    if part.of.is_some() && part.is_empty() {
        blocks.push("-- All of it is there.".to_owned());
    }
    blocks.join("\n\n")
}

/// A name in it may have line breaks, which would end the comment.
fn comments(lines: &[String]) -> String {
    let lines: Vec<_> = lines.iter().map(|it| format!("-- {}", it.replace(['\n', '\r'], " "))).collect();
    lines.join("\n")
}

/// A name as psql's own commands have it. Their line ends with the line, wherever that is, and what is in single quotes is
/// read for double quotes after that.
fn argument(name: &str) -> String {
    let name = quoted(name);
    if !name.contains(char::is_control) {
        return name;
    }
    let escaped = |char: char| match char {
        '\'' => "''".to_owned(),
        '\\' => r"\\".to_owned(),
        char if char.is_control() => char.to_string().bytes().map(|it| format!("\\{it:03o}")).collect(),
        char => char.to_string(),
    };
    format!("'{}'", name.chars().map(escaped).collect::<String>())
}
