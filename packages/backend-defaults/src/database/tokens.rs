//! SQL as words, as far as they tell what a statement does to its connection.

/// How texts are quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quoting {
    Postgres,
    MySql,
    Sqlite,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    Word(&'a str),
    /// With its quotes.
    Quoted(&'a str),
    Semicolon,
    Comma,
    Open,
    At,
    /// `:=`
    Assign,
    Other,
}

impl<'a> Token<'a> {
    pub(crate) fn word(&self) -> Option<&'a str> {
        if let Self::Word(word) = self { Some(word) } else { None }
    }

    pub(crate) fn is(&self, word: &str) -> bool {
        self.word().is_some_and(|it| it.eq_ignore_ascii_case(word))
    }
}

/// Splits SQL into words and the little else that counts, without comments; what is quoted is one
/// [`Token::Quoted`].
pub(crate) struct Tokens<'a> {
    pub(crate) sql: &'a str,
    pub(crate) quoting: Quoting,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_blanks();
        let first = self.sql.chars().next()?;
        let mysql = self.quoting == Quoting::MySql;
        Some(match first {
            ';' => self.take(1, Token::Semicolon),
            ',' => self.take(1, Token::Comma),
            '(' => self.take(1, Token::Open),
            '@' => self.take(1, Token::At),
            ':' if self.sql.starts_with(":=") => self.take(2, Token::Assign),
            '\'' => self.take_quoted('\'', mysql),
            '"' => self.take_quoted('"', mysql),
            '`' => self.take_quoted('`', false),
            '[' if self.quoting == Quoting::Sqlite => self.take_quoted(']', false),
            '$' if self.quoting == Quoting::Postgres => self.take_dollar_quoted(),
            'e' | 'E' if self.quoting == Quoting::Postgres && self.sql[1..].starts_with('\'') => {
                self.sql = &self.sql[1..];
                self.take_quoted('\'', true)
            }
            _ if is_word(first) => {
                let end = self.sql.find(|it| !is_word(it)).unwrap_or(self.sql.len());
                self.take(end, Token::Word(&self.sql[..end]))
            }
            _ => self.take(first.len_utf8(), Token::Other),
        })
    }
}

impl<'a> Tokens<'a> {
    fn take(&mut self, length: usize, token: Token<'a>) -> Token<'a> {
        self.sql = &self.sql[length..];
        token
    }

    /// A doubled quote ends one quoted text and begins another: together they are what is quoted.
    fn take_quoted(&mut self, quote: char, escapes: bool) -> Token<'a> {
        let mut escaped = false;
        for (index, c) in self.sql.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' if escapes => escaped = true,
                _ if c == quote => return self.take(index + 1, Token::Quoted(&self.sql[..=index])),
                _ => {}
            }
        }
        self.take(self.sql.len(), Token::Quoted(self.sql))
    }

    /// `$tag$...$tag$`, or the `$` of `$1`.
    fn take_dollar_quoted(&mut self) -> Token<'a> {
        let tag = self.sql[1..].find(|it: char| it == '$' || !is_word(it)).map(|it| &self.sql[..it + 2]);
        let Some(tag) = tag.filter(|it| it.ends_with('$') && !it[1..].starts_with(|c: char| c.is_ascii_digit())) else {
            return self.take(1, Token::Other);
        };
        let end = self.sql[tag.len()..].find(tag).map_or(self.sql.len(), |it| it + 2 * tag.len());
        self.take(end, Token::Quoted(&self.sql[..end]))
    }

    fn skip_blanks(&mut self) {
        loop {
            self.sql = self.sql.trim_start_matches(|it: char| it.is_whitespace() || it == '\u{feff}');
            let end = match self.quoting {
                Quoting::Postgres | Quoting::Sqlite if self.sql.starts_with("--") => self.end_of_line(),
                Quoting::Postgres if self.sql.starts_with("/*") => end_of_nested(self.sql),
                Quoting::MySql if self.sql.starts_with('#') || self.is_dashes() => self.end_of_line(),
                // Executed, if the server is the one it is meant for: its text counts.
                Quoting::MySql if self.sql.starts_with("/*!") => 3 + digits(&self.sql[3..]),
                Quoting::MySql if self.sql.starts_with("/*M!") => 4 + digits(&self.sql[4..]),
                Quoting::MySql | Quoting::Sqlite if self.sql.starts_with("/*") => {
                    self.sql[2..].find("*/").map_or(self.sql.len(), |it| it + 4)
                }
                _ => return,
            };
            self.sql = &self.sql[end..];
        }
    }

    fn end_of_line(&self) -> usize {
        self.sql.find('\n').map_or(self.sql.len(), |it| it + 1)
    }

    /// In MySQL `5--1` is 6.
    fn is_dashes(&self) -> bool {
        self.sql
            .strip_prefix("--")
            .is_some_and(|it| it.chars().next().is_none_or(|c| c.is_whitespace() || c.is_control()))
    }
}

/// The length of a comment that may have comments in it.
fn end_of_nested(sql: &str) -> usize {
    let mut depth = 0;
    let mut rest = sql;
    loop {
        let (open, close) = (rest.find("/*"), rest.find("*/"));
        let at = match (open, close) {
            (Some(open), Some(close)) if open < close => {
                depth += 1;
                open
            }
            (_, Some(close)) => {
                depth -= 1;
                close
            }
            (_, None) => return sql.len(),
        };
        rest = &rest[at + 2..];
        if depth == 0 {
            return sql.len() - rest.len();
        }
    }
}

fn digits(text: &str) -> usize {
    text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}
