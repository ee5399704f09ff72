use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};

use crate::{ConfigError, origin::Snippet};

/// The mistake drawn as rustc draws its own: message, place, source line, underlined value.
pub(crate) fn draw(error: &ConfigError, color: bool) -> String {
    let snippet = error.origin.as_ref().and_then(|origin| Some((origin.snippet()?, origin)));
    let message = error.to_string();
    let Some((snippet, origin)) = snippet else {
        return render(&Drawing { message, line: None, label: None }, color);
    };
    let line = Line { snippet, number: origin.line() };
    let label = LabeledSpan::underline(line.snippet.start..line.snippet.end);
    render(&Drawing { message, line: Some(line), label: Some(label) }, color)
}

fn render(drawing: &Drawing<'_>, color: bool) -> String {
    let styles = if color { ThemeStyles::ansi() } else { ThemeStyles::none() };
    let theme = GraphicalTheme { characters: ThemeCharacters::unicode(), styles };
    let mut text = String::new();
    let handler = GraphicalReportHandler::new_themed(theme).with_wrap_lines(false).without_syntax_highlighting();
    match handler.render_report(&mut text, drawing) {
        Ok(()) => text,
        Err(_) => format!("{}\n", drawing.message),
    }
}

struct Drawing<'a> {
    message: String,
    line: Option<Line<'a>>,
    label: Option<LabeledSpan>,
}

impl fmt::Debug for Drawing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for Drawing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Drawing<'_> {}

impl Diagnostic for Drawing<'_> {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.line.as_ref().map(|line| line as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.label.clone().into_iter()))
    }
}

/// A source of one line: its neighbours may hold secrets, so they are never drawn.
struct Line<'a> {
    snippet: Snippet<'a>,
    number: usize,
}

impl SourceCode for Line<'_> {
    fn read_span<'a>(
        &'a self,
        _: &SourceSpan,
        _: usize,
        _: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let line = self.snippet.line;
        let column = line[..self.snippet.start].chars().count();
        // Without the file's name, which the message has.
        Ok(Box::new(MietteSpanContents::new(line.as_bytes(), (0..line.len()).into(), self.number - 1, column, 1)))
    }
}
