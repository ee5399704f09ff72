//! YAML text to a tree with places. Backstage: `yaml.parse` of the `yaml` package.

mod build;
mod hide;
mod indent;
mod mend;
mod scalar;

use std::borrow::Cow;

use saphyr_parser::{Event, Marker, Parser, ScanError};

use self::build::Builder;
use crate::{
    limits::{Budget, too_deep},
    origin::Span,
    tree::{Mistake, Node},
};

/// How often a text is read again, as the parser does not take all that is YAML, and how many bytes of it.
const MOST_MENDS: usize = 1000;
const MOST_MENDED: usize = 16 << 20;

/// What a file gave: its value if it has one, its mistakes, and whether the line of a mistake may hold a secret.
pub(crate) struct Parsed {
    pub(crate) root: Option<Node>,
    pub(crate) mistakes: Vec<Mistake>,
    pub(crate) hidden_line: Option<u32>,
}

/// Reads one YAML 1.2 document; an empty one is `null`.
pub(crate) fn parse(text: &str, source: u32, budget: &mut Budget) -> Parsed {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut text = Cow::Borrowed(text);
    let mut left = MOST_MENDED;
    let mut mends = 0..MOST_MENDS;
    let whole = *budget;
    loop {
        *budget = whole;
        let mut builder = Builder::new(source, &text, budget);
        let done = run(&text, &mut builder);
        let (root, mistakes) = builder.finish();
        let Err(error) = done else { return Parsed { root, mistakes, hidden_line: None } };
        match mend::mend(&text, &error) {
            Some(mended) if text.len() <= left && mends.next().is_some() => {
                left -= text.len();
                text = Cow::Owned(mended);
                continue;
            }
            _ => {}
        }
        let at = point(source, *error.marker());
        let hidden_line = hide::may_show_secret(&text, at.line).then_some(at.line);
        let info = if error.info() == "recursion limit exceeded" { too_deep() } else { error.info().to_owned() };
        let message = format!("is not valid YAML: {info}");
        return Parsed { root: None, mistakes: vec![Mistake { key: String::new(), message, at }], hidden_line };
    }
}

fn run(text: &str, builder: &mut Builder<'_>) -> Result<(), ScanError> {
    let mut content =
        text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    let is_end =
        |line: &str| line.strip_prefix("...").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']));
    if let Some((number, _)) = content.next().filter(|(_, line)| is_end(line))
        && content.any(|(_, line)| !line.trim().is_empty())
    {
        return Err(ScanError::new(Marker::new(0, number + 1, 0), "the end of a document without its start".into()));
    }
    if let Some(at) = text.match_indices('\r').map(|(at, _)| at).find(|at| !text[at + 1..].starts_with('\n')) {
        let (line, column) =
            (text[..at].matches('\n').count() + 1, text[..at].lines().last().unwrap_or("").chars().count());
        let message = "a carriage return that no line feed follows".to_owned();
        return Err(ScanError::new(Marker::new(at, line, column), message));
    }
    for event in Parser::new_from_str(text) {
        let (event, span) = event?;
        if matches!(event, Event::StreamEnd) {
            break;
        }
        builder.event(event, span).map_err(|message| ScanError::new(span.start, message))?;
    }
    Ok(())
}

fn point(source: u32, marker: Marker) -> Span {
    Span { source, line: number(marker.line()), column: number(marker.col() + 1), length: 1, more_lines: 0 }
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
