//! A config file as it stands: read and parsed.

use std::path::PathBuf;

use crate::{
    Sources,
    limits::{Budget, Size},
    sources::{self, Target},
    yaml::{self, Parsed},
};

/// One file.
pub(crate) struct Text {
    pub(crate) text: String,
    /// What its includes are relative to; `None` for what is from a URL, which has none.
    pub(crate) directory: Option<PathBuf>,
    pub(crate) parsed: Parsed,
    /// What it takes.
    pub(crate) spent: Size,
}

/// Reads a target, the source of this number, or says why there is nothing to read.
pub(crate) fn read(target: &Target, source: u32, sources: &Sources) -> Result<Text, String> {
    let (text, directory) = match target {
        Target::File(path) => {
            let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            (sources::read(path)?, absolute.parent().map(ToOwned::to_owned))
        }
        Target::Url(url) => (sources.fetch(url)?, None),
    };
    let mut budget = Budget::default();
    let parsed = yaml::parse(&text, source, &mut budget);
    Ok(Text { text, directory, parsed, spent: budget.spent_size() })
}
