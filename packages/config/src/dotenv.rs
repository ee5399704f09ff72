//! `NAME=value` files, as `dotenv` and `node --env-file` read them, but that a `#` needs a blank before it to be a
//! comment and that nothing is put into values.

use crate::js;

/// A variable, or the line (from 1) that is none and why.
pub(crate) type Entry = Result<(String, String), (u32, &'static str)>;

pub(crate) fn parse(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut line = 1;
    while !rest.is_empty() {
        let (entry, after) = entry(rest);
        match entry {
            Ok(Some(variable)) => entries.push(Ok(variable)),
            Ok(None) => {}
            Err(message) => entries.push(Err((line, message))),
        }
        line += u32::try_from(rest[..rest.len() - after.len()].matches('\n').count()).unwrap_or(u32::MAX);
        rest = after;
    }
    entries
}

type Found = Result<Option<(String, String)>, &'static str>;

/// What the text begins with, and the text after its line.
fn entry(text: &str) -> (Found, &str) {
    let (line, after) = text.split_once('\n').unwrap_or((text, ""));
    let content = js::trim(line);
    if content.is_empty() || content.starts_with('#') {
        return (Ok(None), after);
    }
    let content = content.strip_prefix("export ").unwrap_or(content);
    let Some((name, value)) = content.split_once('=') else { return (Err("expected `NAME=value`"), after) };
    let name = js::trim(name);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name.is_empty() || !name.chars().all(plain) {
        return (Err("expected the name of a variable before `=`"), after);
    }
    let value = js::trim(value);
    match value.chars().next() {
        Some(quote @ ('"' | '\'' | '`')) => {
            let start = text.len() - text.split_once('=').map_or("", |(_, value)| value).len();
            let start = start + text[start..].find(quote).unwrap_or(0) + 1;
            match quoted(&text[start..], quote) {
                Some((value, after)) => (Ok(Some((name.to_owned(), value))), after),
                None => (Err("has a quote that does not end"), after),
            }
        }
        _ => {
            let comment = [" #", "\t#"].iter().filter_map(|comment| value.find(comment)).min();
            let value = if value.starts_with('#') { "" } else { &value[..comment.unwrap_or(value.len())] };
            (Ok(Some((name.to_owned(), js::trim(value).to_owned()))), after)
        }
    }
}

/// The text up to the closing quote, and what follows on the next line.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => {
                let rest = &text[at + 1..];
                return Some((value, rest.split_once('\n').map_or("", |(_, after)| after)));
            }
            '\\' if quote == '"' => match chars.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                c @ ('"' | '\\') => value.push(c),
                c => value.extend(['\\', c]),
            },
            '\r' if text[at + 1..].starts_with('\n') => {}
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_with_quotes_and_comments() {
        let text = "# comment\n\nA=1\r\nexport B = two words # comment\nC=pass#word\nD='a # \\n b'\nE=\"x\\ny\\\"\" # c\n\
                    F=\"line 1\nline 2\"\nG=\nH=`it's`\nI= # nothing\nJ=a=b\nK=$A${B}\n";
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "pass#word"),
            ("D", "a # \\n b"),
            ("E", "x\ny\""),
            ("F", "line 1\nline 2"),
            ("G", ""),
            ("H", "it's"),
            ("I", ""),
            ("J", "a=b"),
            ("K", "$A${B}"),
        ];
        let expected: Vec<Entry> = expected.map(|(name, value)| Ok((name.into(), value.into()))).into();
        assert_eq!(parse(text), expected);
    }

    #[test]
    fn lines_that_are_no_variables_are_named() {
        assert_eq!(
            parse("A=1\nnonsense\nB='x\ny'\n=1\nA B=1\nC=\"open\n"),
            [
                Ok(("A".into(), "1".into())),
                Err((2, "expected `NAME=value`")),
                Ok(("B".into(), "x\ny".into())),
                Err((5, "expected the name of a variable before `=`")),
                Err((6, "expected the name of a variable before `=`")),
                Err((7, "has a quote that does not end")),
            ]
        );
    }
}
