//! Indentation that the parser lets pass and the `yaml` package of JavaScript does not.

use saphyr_parser::Marker;

use super::number;

/// The lines of a file.
pub(super) struct Lines<'a> {
    text: &'a str,
    /// Where each begins.
    starts: Vec<u32>,
    /// The last character that was looked at, and where it is: a line may be the whole file.
    last: (usize, usize),
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut starts = Vec::with_capacity(text.len() / 24 + 1);
        starts.push(0);
        starts.extend(text.match_indices('\n').map(|(at, _)| number(at + 1)));
        Self { text, starts, last: (0, 0) }
    }

    /// A line by its number, from 1, without its end.
    fn line(&self, number: usize) -> &'a str {
        let start = |number: usize| self.starts.get(number).map(|start| *start as usize);
        let Some(from) = start(number.wrapping_sub(1)) else { return "" };
        &self.text[from..start(number).map_or(self.text.len(), |next| next - 1)]
    }

    /// The bracket before the marker, with which a list or an object begins that is written in brackets.
    pub(super) fn bracket(&mut self, end: Marker) -> Option<Marker> {
        let before = Marker::new(end.index().checked_sub(1)?, end.line(), end.col().checked_sub(1)?);
        let (index, at) = self.last;
        let at = match before.index().checked_sub(index) {
            Some(more) => at + self.text[at..].chars().take(more).map(char::len_utf8).sum::<usize>(),
            None => at - self.text[..at].chars().rev().take(index - before.index()).map(char::len_utf8).sum::<usize>(),
        };
        self.last = (before.index(), at);
        self.text[at..].starts_with(['[', '{']).then_some(before)
    }

    /// The first character of a line: its dash, if it is an item.
    pub(super) fn first(&self, at: Marker) -> Marker {
        let line = self.line(at.line());
        if line.chars().nth(at.col()) == Some('-') && line.chars().take(at.col()).all(|c| matches!(c, ' ' | '\t')) {
            return at;
        }
        let (spaces, _) = split_indent(line);
        Marker::new((at.index() + spaces).saturating_sub(at.col()), at.line(), spaces)
    }

    /// Whether a tab is what the line of something is indented with.
    pub(super) fn has_tab(&self, start: Marker) -> bool {
        let line = self.line(start.line());
        let blank = line.len() - line.trim_start_matches([' ', '\t']).len();
        line[..blank].contains('\t')
    }

    /// Whether a tab stands between the dashes and an object or a list in a list.
    pub(super) fn has_tab_after_dash(&self, start: Marker) -> bool {
        let mut before = self.line(start.line()).chars().take(start.col());
        let mut tab = false;
        before.all(|c| {
            tab |= c == '\t';
            matches!(c, ' ' | '\t' | '-' | '?')
        }) && tab
    }

    /// Whether a bracket stands right behind something that it does not belong to.
    pub(super) fn is_stuck(&self, bracket: Marker) -> bool {
        let before = bracket.col().checked_sub(1).and_then(|col| self.line(bracket.line()).chars().nth(col));
        before.is_some_and(|c| !matches!(c, ' ' | '\t' | ':'))
    }

    /// The first line of something in brackets that is not indented as far as `indent`; the last bracket may be one less.
    pub(super) fn short_in_brackets(&self, start: Marker, end: Marker, indent: usize) -> Option<usize> {
        (start.line() + 1..=end.line()).find(|number| {
            let line = self.line(*number);
            let (spaces, rest) = split_indent(line);
            let last = *number == end.line() && spaces + 1 == end.col() && spaces + 1 == indent;
            spaces < indent && !last && !rest.trim().is_empty() && !rest.starts_with('#')
        })
    }

    /// The first line of a text in quotes that is not indented as far as `indent`.
    pub(super) fn short_in_quotes(&self, start: Marker, end: Marker, indent: usize) -> Option<usize> {
        (start.line() + 1..=end.line()).find(|number| {
            let (spaces, rest) = split_indent(self.line(*number));
            spaces < indent && !rest.trim_end_matches('\r').is_empty()
        })
    }
}

fn split_indent(line: &str) -> (usize, &str) {
    let rest = line.trim_start_matches(' ');
    (line.len() - rest.len(), rest)
}
