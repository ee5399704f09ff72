use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use backend_app_api::HistoryRow;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::error::BackupError;
use super::table_file::Written;
use crate::transfer::{Catalog, Checksum, Counter, Table};

/// The only format there is. One that is not read by this is another number.
pub(super) const FORMAT: u32 = 1;
/// Beside the plugins' folders.
pub(super) const FILE: &str = "manifest.json";

/// A folder with a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Where.
    pub folder: PathBuf,
    /// What is in it.
    pub manifest: Manifest,
}

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// How it is written.
    pub format: u32,
    /// The version that wrote it.
    pub greenroom: String,
    /// When it was begun.
    pub taken_at: DateTime<Utc>,
    /// By id.
    pub plugins: BTreeMap<String, PluginBackup>,
}

/// What is in a backup of one plugin. All of it is of one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginBackup {
    /// The engine that it comes from, as `backend.database.client` has it.
    pub client: String,
    /// What had made its tables, oldest first.
    pub migrations: Vec<HistoryRow>,
    /// In such an order that what is referred to comes before what refers to it, as far as there is one.
    pub tables: Vec<TableBackup>,
    /// What counting columns had given out.
    pub counters: Vec<Counter>,
    /// Tables that it does not have: see [`Source::left_out`](crate::transfer::Source::left_out).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// What is in a backup of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableBackup {
    /// As its engine has it.
    #[serde(flatten)]
    pub table: Table,
    /// Within the backup's folder.
    pub file: String,
    /// How long the file is.
    pub bytes: u64,
    /// Of the file.
    pub sha256: String,
    /// Of the rows.
    #[serde(flatten)]
    pub checksum: Checksum,
}

impl Backup {
    /// Reads the manifest in `folder`.
    ///
    /// # Errors
    /// When there is none: it is no backup, or one that was interrupted. When it cannot be read, or is of a later format.
    pub fn open(folder: &Path) -> Result<Self, BackupError> {
        let file = folder.join(FILE);
        let text = match std::fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(BackupError::NoBackup { folder: folder.to_owned() });
            }
            Err(cause) => return Err(BackupError::Io { what: "read", path: file, cause }),
        };
        let unreadable = |cause| BackupError::Manifest { file: file.clone(), cause };
        // Of another format, all else may be other too.
        let Format { format } = serde_json::from_slice(&text).map_err(unreadable)?;
        if format != FORMAT {
            return Err(BackupError::Format { file, format });
        }
        let manifest: Manifest = serde_json::from_slice(&text).map_err(unreadable)?;
        let tables = manifest.plugins.values().flat_map(|it| &it.tables);
        if let Some(table) = tables.into_iter().find(|it| !is_within(&it.file)) {
            return Err(BackupError::Outside { file, path: table.file.clone() });
        }
        Ok(Self { folder: folder.to_owned(), manifest })
    }

    /// How many rows it has of these plugins.
    pub fn rows<'a>(&self, plugins: impl IntoIterator<Item = &'a str>) -> u64 {
        let found = plugins.into_iter().filter_map(|it| self.manifest.plugins.get(it));
        found.map(PluginBackup::rows).sum()
    }
}

impl PluginBackup {
    /// Of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|it| it.checksum.rows).sum()
    }

    /// Of all files.
    pub fn bytes(&self) -> u64 {
        self.tables.iter().map(|it| it.bytes).sum()
    }

    pub(super) fn catalog(&self) -> Catalog {
        Catalog { tables: self.tables.iter().map(|it| it.table.clone()).collect() }
    }
}

impl TableBackup {
    /// As its file was written.
    pub(super) fn written(&self) -> Written {
        Written { bytes: self.bytes, sha256: self.sha256.clone() }
    }
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// The manifest may come from anywhere.
fn is_within(file: &str) -> bool {
    Path::new(file).components().all(|it| matches!(it, Component::Normal(_)))
}
