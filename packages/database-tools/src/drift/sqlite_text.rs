//! SQL as SQLite keeps it, as far as no pragma tells it: as words.

/// A word of SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or a keyword, in small letters; without the quotes that it does not need.
    Word(String),
    /// All else: texts, numbers, signs.
    Other(String),
}

impl Token {
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(it) if it == word)
    }

    /// Whether it names this column or table.
    pub(super) fn is_name(&self, name: &str) -> bool {
        match self {
            Self::Word(it) => *it == name.to_lowercase(),
            Self::Other(it) => *it == format!("\"{}\"", name.replace('"', "\"\"")),
        }
    }

    fn is(&self, sign: &str) -> bool {
        matches!(self, Self::Other(it) if it == sign)
    }

    fn text(&self) -> &str {
        match self {
            Self::Word(it) | Self::Other(it) => it,
        }
    }
}

/// The words, without comments.
pub(super) fn tokens(sql: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = sql.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |it| it + 2),
            '\'' | '"' | '`' => quoted(rest, first),
            '[' => rest.find(']').map_or(rest.len(), |it| it + 1),
            _ if is_word(first) => rest.find(|it| !is_word(it)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (text, after) = rest.split_at(length);
        match first {
            '-' | '/' if length > 1 => {}
            '"' | '`' | '[' => tokens.push(name(text)),
            _ if is_word(first) && !first.is_ascii_digit() => tokens.push(Token::Word(text.to_lowercase())),
            _ => tokens.push(Token::Other(text.to_owned())),
        }
        rest = after.trim_start();
    }
    tokens
}

/// The same for two that differ in blanks, in capitals and in quotes around names alone.
pub(super) fn normal(sql: &str) -> String {
    join(&tokens(sql))
}

/// What stands between the commas of a table's outer parentheses.
pub(super) fn definitions(sql: &str) -> Vec<Vec<Token>> {
    let tokens = tokens(sql);
    let Some(start) = tokens.iter().position(|it| it.is("(")) else { return Vec::new() };
    let inside = &tokens[start + 1..start + 1 + group(&tokens[start..]).saturating_sub(2)];
    let mut definitions = vec![Vec::new()];
    let mut depth = 0_usize;
    for token in inside {
        match token {
            it if it.is(",") && depth == 0 => {
                definitions.push(Vec::new());
                continue;
            }
            it if it.is("(") => depth += 1,
            it if it.is(")") => depth = depth.saturating_sub(1),
            _ => {}
        }
        if let Some(last) = definitions.last_mut() {
            last.push(token.clone());
        }
    }
    definitions
}

/// What each `CHECK` wants, in parentheses.
pub(super) fn checks(tokens: &[Token]) -> Vec<String> {
    groups_after(tokens, "check").collect()
}

/// What a column is computed from, in parentheses.
pub(super) fn after_as(tokens: &[Token]) -> Option<String> {
    groups_after(tokens, "as").next()
}

fn groups_after<'a>(tokens: &'a [Token], word: &'a str) -> impl Iterator<Item = String> + 'a {
    let starts = tokens.windows(2).enumerate().filter(move |(_, it)| it[0].is_word(word) && it[1].is("("));
    starts.map(|(at, _)| join(&tokens[at + 1..at + 1 + group(&tokens[at + 1..])]))
}

/// How many tokens there are from a parenthesis to the one that closes it.
fn group(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        if token.is("(") {
            depth += 1;
        } else if token.is(")") {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return index + 1;
            }
        }
    }
    tokens.len()
}

fn join(tokens: &[Token]) -> String {
    let mut text = String::new();
    for (index, token) in tokens.iter().enumerate() {
        let is_close = [",", ")", ";", "."].iter().any(|it| token.is(it));
        let opens = index > 0 && (tokens[index - 1].is("(") || tokens[index - 1].is("."));
        if index > 0 && !is_close && !opens {
            text.push(' ');
        }
        text.push_str(token.text());
    }
    text
}

/// The length of a text in quotes; a quote in it is doubled.
fn quoted(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, char)) = chars.next() {
        if char == quote && chars.next_if(|it| it.1 == quote).is_none() {
            return at + 1;
        }
    }
    text.len()
}

/// A name in quotes, without them if it is a plain one.
fn name(text: &str) -> Token {
    let mut chars = text.chars();
    let close = match chars.next() {
        Some('[') => ']',
        Some(quote) => quote,
        None => return Token::Other(String::new()),
    };
    let name = chars.as_str().strip_suffix(close).unwrap_or(chars.as_str());
    let name =
        if close == ']' { name.to_owned() } else { name.replace(&format!("{close}{close}"), &close.to_string()) };
    let is_plain = name.chars().all(is_word) && !name.starts_with(|it: char| it.is_ascii_digit()) && !name.is_empty();
    match is_plain {
        true => Token::Word(name.to_lowercase()),
        false => Token::Other(format!("\"{}\"", name.replace('"', "\"\""))),
    }
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_' || char == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_count() {
        let one = "CREATE  INDEX \"Tree_Title\" ON [tree](`title`) -- why\n WHERE a = 'It''s (' /* x */";
        let other = "create index tree_title on tree (title) where a = 'It''s ('";
        assert_eq!(normal(one), normal(other));
        assert_eq!(normal(other), "create index tree_title on tree (title) where a = 'It''s ('");
        assert_ne!(normal("'a'"), normal("'A'"));
        assert_eq!(normal("`a``b` \"Odd \"\"Name\""), "\"a`b\" \"Odd \"\"Name\"");
    }

    #[test]
    fn what_pragmas_do_not_tell_is_found() {
        let sql = "CREATE TABLE t (a INTEGER CHECK (a > (0)), \"b c\" AS (a * 2) STORED, CHECK(a <> ','))";
        assert_eq!(checks(&tokens(sql)), ["(a > (0))", "(a < > ',')"]);
        let definitions = definitions(sql);
        assert_eq!(definitions.len(), 3);
        assert!(definitions[1][0].is_name("b c"));
        assert_eq!(after_as(&definitions[1]).as_deref(), Some("(a * 2)"));
        assert_eq!(super::definitions("no table"), Vec::<Vec<Token>>::new());
    }

    #[test]
    fn broken_sql_is_taken_as_it_is() {
        for sql in ["'", "\"", "[", "/*", "--", "((", "))", "CHECK (", "é`"] {
            let tokens = tokens(sql);
            checks(&tokens);
            definitions(sql);
            normal(sql);
        }
    }
}
