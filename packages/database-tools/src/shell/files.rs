use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

use backend_defaults::database::postgres::Pem;
use tempfile::TempDir;

use super::ShellError;

/// A folder that is nobody else's, and gone at the end.
pub(super) struct Files(TempDir);

impl Files {
    pub(super) fn new() -> Result<Self, ShellError> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("greenroom-shell-").permissions(PermissionsExt::from_mode(0o700));
        builder.tempdir().map(Self).map_err(|cause| failed("a folder for what is secret", cause))
    }

    /// A file for this user alone.
    pub(super) fn write(&self, name: &str, text: &[u8]) -> Result<PathBuf, ShellError> {
        let path = self.0.path().join(name);
        let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let written = written.and_then(|mut file| file.write_all(text));
        written.map(|()| path).map_err(|cause| failed(name, cause))
    }

    /// Where nothing is.
    pub(super) fn nothing(&self) -> PathBuf {
        self.0.path().join("nothing")
    }

    /// A copy: programs refuse keys that others may read, as mounted ones often are.
    pub(super) async fn copy(&self, name: &str, pem: &Pem) -> Result<PathBuf, ShellError> {
        match pem {
            Pem::Text(text) => self.write(name, text.expose().as_bytes()),
            Pem::File(file) => {
                let text = tokio::fs::read(file).await;
                self.write(name, &text.map_err(|cause| failed(&format!("`{}`", file.display()), cause))?)
            }
        }
    }
}

fn failed(what: &str, cause: std::io::Error) -> ShellError {
    ShellError::File { what: what.to_owned(), cause }
}
