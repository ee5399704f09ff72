use std::{collections::BTreeSet, fmt, path::Path, sync::Arc};

/// The longest line that is drawn, in bytes: one that fills the screen shows nothing.
const LONGEST_LINE: usize = 400;

/// Where a value stands: a place in a file, an environment variable, an option of the command line, or code.
///
/// `Display` is what a person would type or click: `app-config.yaml:12:13` (line and column count from 1; the path is
/// relative to the working directory when it is below it), ``environment variable `APP_CONFIG_app_title` ``, or `` `--store fs` ``.
#[derive(Clone, PartialEq, Eq)]
pub struct Origin {
    pub(crate) source: Arc<Source>,
    pub(crate) span: Span,
}

impl Origin {
    /// The file or URL as it is shown to the user, when the value is from a file.
    pub fn file(&self) -> Option<&str> {
        match &*self.source {
            Source::File(file) => Some(&file.name),
            Source::Variable(_) | Source::Option(_) | Source::Code => None,
        }
    }

    /// The environment variable (`APP_CONFIG_...`), when the value is from one.
    pub fn variable(&self) -> Option<&str> {
        match &*self.source {
            Source::Variable(name) => Some(name),
            Source::File(_) | Source::Option(_) | Source::Code => None,
        }
    }

    /// The line in the file, from 1; 0 when the value is not from a file or the whole file is meant.
    pub fn line(&self) -> usize {
        self.span.line as usize
    }

    /// The column in the line in characters, from 1; 0 where [`line`](Self::line) is.
    pub fn column(&self) -> usize {
        self.span.column as usize
    }

    /// The folder of the file; empty when it is the working directory, or the value is not from a file.
    pub(crate) fn directory(&self) -> String {
        let remote = matches!(&*self.source, Source::File(file) if file.remote);
        let parent = self.file().filter(|_| !remote).and_then(|file| Path::new(file).parent());
        parent.map(|it| it.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The source line and the underlined range in it in bytes; `None` when there is none, it holds a secret, or it
    /// is too long to be looked at.
    pub(crate) fn snippet(&self) -> Option<Snippet<'_>> {
        let Source::File(file) = &*self.source else { return None };
        if self.span.line == 0 || file.secret_lines.contains(&self.span.line) {
            return None;
        }
        let line = file.text.lines().nth(self.span.line as usize - 1)?;
        let line = line.strip_prefix('\u{feff}').unwrap_or(line);
        if line.len() > LONGEST_LINE {
            return None;
        }
        let byte = |chars: u32| line.char_indices().nth(chars as usize).map_or(line.len(), |(at, _)| at);
        let start = byte(self.span.column.saturating_sub(1));
        let end = byte(self.span.column.saturating_sub(1).saturating_add(self.span.length)).max(start);
        Some(Snippet { line, start, end })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.source {
            Source::File(file) if self.span.line == 0 => f.write_str(&file.name),
            Source::File(file) => write!(f, "{}:{}:{}", file.name, self.span.line, self.span.column),
            Source::Variable(name) => write!(f, "environment variable `{name}`"),
            Source::Option(option) => write!(f, "`{option}`"),
            Source::Code => f.write_str("set in code"),
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({self})")
    }
}

/// One line of a file with the part to underline.
pub(crate) struct Snippet<'a> {
    pub(crate) line: &'a str,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A range in one line of a source; line 0 is the source as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) source: u32,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) length: u32,
    /// How many lines after its own a scalar goes on.
    pub(crate) more_lines: u32,
}

impl Span {
    /// A source as a whole.
    pub(crate) fn whole(source: u32) -> Self {
        Self { source, ..Self::default() }
    }
}

/// Something that config is read from.
#[derive(PartialEq, Eq)]
pub(crate) enum Source {
    File(SourceFile),
    Variable(String),
    /// Of the command line.
    Option(String),
    Code,
}

/// A file's text is kept to show the line of a mistake; lines that hold secrets are known and not shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SourceFile {
    pub(crate) name: String,
    /// Whether the name is a URL.
    pub(crate) remote: bool,
    pub(crate) text: Arc<str>,
    pub(crate) secret_lines: BTreeSet<u32>,
}
