//! Reading: from a location to the documents it leads to.

pub(crate) mod files;
pub(crate) mod yaml;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use catalog_model::LocationRef;
use sha1::{Digest, Sha1};

use crate::problem::{Place, Problem};
use yaml::{Document, YamlError};

/// A file and its documents, with what is wrong with it.
pub(crate) struct ReadFile {
    pub(crate) location: LocationRef,
    pub(crate) folder: PathBuf,
    shown: Arc<str>,
    documents: Vec<Result<Document, YamlError>>,
}

impl ReadFile {
    /// Reads and parses; `working_directory` shortens the name that is shown.
    pub(crate) fn read(path: &Path, working_directory: &Path) -> Result<Self, files::FilesError> {
        let text = files::read(path)?;
        let shown = path.strip_prefix(working_directory).unwrap_or(path);
        Ok(Self {
            location: LocationRef::new("file", path.to_string_lossy()),
            folder: path.parent().unwrap_or(Path::new("/")).to_owned(),
            shown: shown.to_string_lossy().into(),
            documents: yaml::documents(&text).collect(),
        })
    }

    pub(crate) fn documents(&self) -> impl Iterator<Item = Result<&Document, Problem>> {
        self.documents.iter().map(|it| it.as_ref().map_err(|error| self.yaml_problem(error)))
    }

    pub(crate) fn yaml_problem(&self, error: &YamlError) -> Problem {
        Problem::new(self.place(error.position), &error.message)
    }

    pub(crate) fn place(&self, (line, column): yaml::Position) -> Place {
        Place { file: Arc::clone(&self.shown), line, column }
    }
}

/// The name of the entity that stands for a location: `generated-` and a hash.
///
/// Backstage: `locationSpecToMetadataName`.
pub(crate) fn generated_name(location: &LocationRef) -> String {
    format!("generated-{}", sha1_hex(location.to_string().as_bytes()))
}

/// 40 hexadecimal digits.
pub(crate) fn sha1_hex(bytes: &[u8]) -> String {
    Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_named_as_backstage_names_it() {
        // printf 'file:/a.yaml' | sha1sum
        let name = generated_name(&LocationRef::new("file", "/a.yaml"));
        assert_eq!(name, "generated-b89e2027956dcc329166430c92d4e4f6a9615354");
    }
}
